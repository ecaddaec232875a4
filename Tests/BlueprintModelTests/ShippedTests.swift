import BlueprintModel
import Glibc
import LinuxSystem
import Testing

private let repository = String(#filePath.dropLast("/Tests/BlueprintModelTests/ShippedTests.swift".utf8.count))

private func read(_ path: String) throws -> [UInt8] { try Descriptor.open(path).readToEnd() }

/// What is wrong with a file of the repository that is made from code; with `PISCES_RECORD` it is made.
private func difference(_ text: String, _ path: String) -> String? {
    let file = "\(repository)/\(path)"
    do {
        if getenv("PISCES_RECORD") != nil {
            try AtomicFile.write(Array(text.utf8), to: file)
            return nil
        }
        return try read(file).elementsEqual(text.utf8) ? nil : "\(path) is not current: run 'make record'"
    } catch { return "\(error)" }
}

@Suite struct ShippedTests {
    @Test func theSchemasInTheRepositoryAreCurrent() {
        #expect(difference(Blueprint.schema, "Blueprints/blueprint.schema.json") == nil)
        #expect(difference(ImageLayout.schema, "Images/layout.schema.json") == nil)
    }

    @Test(arguments: ["minimal"]) func everyShippedBlueprintIsValid(name: String) throws {
        let path = "\(repository)/Blueprints/\(name).yaml"
        let blueprint = try Blueprint.load(path, read: read).blueprint
        #expect(blueprint.name == name)
        #expect(try Blueprint(canonical: blueprint.canonicalBytes, file: "j") == blueprint)
        let layout = "\(repository)/Images/\(blueprint.image.layout).yaml"
        let image = try ImageLayout(yaml: read(layout), file: layout)
        #expect(image.name == blueprint.image.layout)
        #expect(image.architectures.contains(blueprint.distribution.architecture))
        let firstLine = try String(decoding: read(path), as: UTF8.self).prefix { $0 != "\n" }
        #expect(firstLine == "# yaml-language-server: $schema=blueprint.schema.json")
    }

    @Test func theMinimalBlueprintIsWhatItSays() throws {
        let blueprint = try Blueprint.load("\(repository)/Blueprints/minimal.yaml", read: read).blueprint
        #expect(blueprint.repositories == ["pisces": .directory("../Images/out/deb")])
        #expect(blueprint.packages.without == ["initramfs-tools"])
        #expect(blueprint.packages.install.contains("pisces"))
        #expect(blueprint.network.links.keys.sorted() == ["en*", "eth*"])
        #expect(blueprint.image == .init())
    }
}
