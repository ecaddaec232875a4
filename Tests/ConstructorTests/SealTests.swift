import BlueprintModel
import Constructor
import ContentStore
import Debian
import LinuxSystem
import PiscesTesting
import Testing

/// Sealed systems, good ones and those that somebody made to do harm.
@Suite final class SealTests {
    private let directory: TemporaryDirectory
    private let store: ObjectStore
    private let lock: Lock
    private let objects = [Array("first package".utf8), [UInt8](repeating: 7, count: 2000), []]
    private let files: [String: [UInt8]]
    private var path: String { "\(directory.path)/node.seal" }

    init() throws {
        directory = try TemporaryDirectory()
        let store = try ObjectStore("\(directory.path)/store")
        self.store = store
        let yaml = """
            blueprint: 1
            name: node
            distribution: { debian: trixie, architecture: amd64 }
            files: { /etc/motd: { source: blueprint.files/etc/motd } }
            """
        files = [Seal.blueprint: Array(yaml.utf8), Seal.contents + "/etc/motd": Array("Welcome\n".utf8)]
        let blueprint = try Blueprint.load(Seal.blueprint) { [files] in files[$0] ?? [] }.blueprint
        let packages = try objects.enumerated().map { number, bytes in
            LockedPackage(
                name: "package\(number)", version: try #require(DebianVersion("1")), architecture: "all",
                source: .system(.repacked), filename: "p\(number).deb", size: Int64(bytes.count),
                digest: try store.put(bytes))
        }
        lock = Lock(
            blueprintName: "node", blueprint: SHA256.hash(blueprint.canonicalBytes), architecture: "amd64",
            epoch: 1_000_000_000, packages: packages)
    }

    private func seal() throws -> [UInt8] {
        try Seal.write(files, lock, from: store, to: path)
        return try Descriptor.open(path).readToEnd()
    }

    /// The seal's members, for others to be made of them.
    private func members() throws -> [TarArchive.Member] {
        let names = try seal().isEmpty ? [] : shell("tar tf '\(path)'").output.split(separator: "\n").map(String.init)
        return try names.map { name in
            let extracted = "\(directory.path)/member"
            try run("sh", "-c", "tar xOf '\(path)' '\(name)' > '\(extracted)'")
            return TarArchive.Member(name: name, type: "0", data: try Descriptor.open(extracted).readToEnd())
        }
    }

    /// Opens what is written in place of the seal; returns the error, after which nothing may be in a store.
    private func refusal(of bytes: [UInt8]) throws -> String {
        try AtomicFile.write(bytes, to: path)
        let empty = try ObjectStore("\(directory.path)/empty")
        do {
            let system = try SealedSystem(path: path)
            try system.verify()
            try system.restore(into: empty)
            return ""
        } catch {
            #expect(try empty.digests().isEmpty)
            return "\(error)"
        }
    }

    @Test func whatIsSealedIsThere() throws {
        let first = try seal()
        let second = try seal()
        #expect(first == second)
        let system = try SealedSystem(path: path)
        #expect(system.lock == lock)
        #expect(system.loaded.blueprint.files["/etc/motd"]?.content == .regular(Array("Welcome\n".utf8)))
        try system.verify()
        let empty = try ObjectStore("\(directory.path)/empty")
        try system.restore(into: empty)
        for bytes in objects { #expect(try empty.open(SHA256.hash(bytes))?.readToEnd() == bytes) }
        #expect(try empty.digests().count == objects.count)
        // tar(1) reads it, too; its order is that of the format.
        let names = try shell("tar tf '\(path)'").output.split(separator: "\n").map(String.init)
        #expect(names.prefix(4) == ["seal", "blueprint.files/etc/motd", "blueprint.lock", "blueprint.yaml"])
        #expect(try members().count == 4 + objects.count && TarArchive(members()).bytes.count == first.count)
    }

    @Test func aLayoutTravels() throws {
        let text = try Descriptor.open(repositoryPath("Images/uefi.yaml")).readToEnd()
        try Seal.write(files.merging([Seal.layout("uefi"): text]) { $1 }, lock, from: store, to: path)
        let system = try SealedSystem(path: path)
        #expect(try system.layout(named: "uefi") == ImageLayout(yaml: text, file: "uefi"))
        #expect(try system.layout(named: "other") == nil)
    }

    private func repositoryPath(_ path: String) -> String {
        parentDirectory(of: parentDirectory(of: parentDirectory(of: #filePath))) + "/" + path
    }

    @Test func aStoreThatLacksAnObjectMakesNoSeal() throws {
        let empty = try ObjectStore("\(directory.path)/none")
        #expect(throws: ConstructorError.self) { try Seal.write(files, lock, from: empty, to: path) }
        #expect(throws: SystemError.self) { _ = try Descriptor.open(path) }
    }

    @Test func everyCutIsFound() throws {
        let whole = try seal()
        // Behind the last object, only the end of the archive is missing.
        let last = whole.count - 1024
        for count in [0, 1, 511, 512, 600, 1024, 2048, last - 512, last - 1500, last - 2048] + [last / 2, last / 3] {
            let said = try refusal(of: Array(whole.prefix(count)))
            #expect(said.contains("node.seal"), "\(count): \(said)")
        }
    }

    @Test func everyChangedMemberIsFound() throws {
        let members = try members()
        for index in members.indices where !members[index].data.isEmpty {
            var changed = members
            changed[index].data[changed[index].data.count / 2] ^= 1
            let said = try refusal(of: TarArchive(changed).bytes)
            #expect(said.contains("node.seal"), "\(members[index].name): \(said)")
        }
        #expect(try refusal(of: TarArchive(members).bytes).isEmpty)
    }

    @Test func whatDoesNotBelongIsRefused() throws {
        let members = try members()
        let object = try #require(members.last)
        func said(_ change: (inout [TarArchive.Member]) -> Void) throws -> String {
            var changed = members
            change(&changed)
            return try refusal(of: TarArchive(changed).bytes)
        }
        for name in ["../evil", "/etc/evil", "objects/../../evil", object.name, "blueprint.yaml", "objects/ff"] {
            #expect(try said { $0.append(.file(name, "evil")) }.contains("does not belong"), "\(name)")
            #expect(try said { $0.insert(.file(name, "evil"), at: 1) }.contains("belongs"), "\(name)")
        }
        #expect(try said { $0.removeLast() }.contains("it lacks 1 objects"))
        #expect(try said { $0.remove(at: 5) }.contains("belongs"))
        #expect(try said { $0.swapAt(4, 5) }.contains("belongs"))
        #expect(try said { $0.remove(at: 2) }.contains("belongs"))
        for type in ["1", "2"] as [Character] {
            #expect(try said { $0[4] = .link(members[4].name, to: "/etc/passwd", type: type) }.contains("belongs"))
        }
        #expect(try said { $0[0].data = Array("Pisces-Seal: 2\nFiles:\n".utf8) }.contains("the format is 2"))
        #expect(try said { $0.removeFirst() }.contains("this is no sealed system"))
        #expect(try refusal(of: Array("no archive".utf8)).contains("node.seal"))
    }

    @Test(arguments: [
        "../blueprint.yaml", "/etc/passwd", "blueprint.files/../x", "objects/x", "seal", "blueprint.files/",
    ])
    func theIndexNamesOnlyWhatMayBeThere(_ name: String) throws {
        var members = try members()
        let text = "evil"
        let row = " \(SHA256.hash(Array(text.utf8)).hex) \(text.utf8.count) \(name)\n"
        members[0].data += Array(row.utf8)
        members.insert(.file(name, text), at: 4)
        #expect(try refusal(of: TarArchive(members).bytes).contains("that belongs in it"))
    }

    @Test func aNameMayBeInTheIndexOnce() throws {
        var members = try members()
        let rows = String(decoding: members[0].data, as: UTF8.self).split(separator: "\n")
        members[0].data += Array("\(rows[rows.count - 1])\n".utf8)
        members.insert(members[3], at: 4)
        #expect(try refusal(of: TarArchive(members).bytes).contains("is there twice"))
    }

    @Test func aLockOfAnotherBlueprintIsRefused() throws {
        var other = lock
        other.blueprint = SHA256.hash([])
        try Seal.write(files, other, from: store, to: path)
        #expect(try refusal(of: try Descriptor.open(path).readToEnd()).contains("not of this one"))
    }
}
