import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
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

    static let names = ((try? Descriptor.directory("\(repository)/Blueprints").entries()) ?? [])
        .filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }

    @Test(arguments: names) func everyShippedBlueprintIsValid(name: String) throws {
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

    @Test func damagedBlueprintsAreRefusedOrReadAndNeverTrap() throws {
        let whole = try read("\(repository)/Blueprints/minimal.yaml")
        let canonical = try Blueprint.load("x") { _ in whole }.blueprint.canonicalBytes
        var random = SeededGenerator(state: 11)
        var refused = 0
        for number in 0..<300 {
            var bytes = number.isMultiple(of: 2) ? whole : canonical
            for _ in 0...random.next() % 3 {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch random.next() % 3 {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(place..<min(place + 7, bytes.count))
                default: bytes.insert(contentsOf: bytes[..<(place / 4)], at: place)
                }
            }
            let problems = documentProblems {
                number.isMultiple(of: 2)
                    ? try Blueprint.load("x") { _ in bytes }.blueprint : try Blueprint(canonical: bytes, file: "x")
            }
            #expect(problems.allSatisfy { $0.hasPrefix("x:") })
            refused += problems.isEmpty ? 0 : 1
        }
        #expect(refused > 100)
    }
}
