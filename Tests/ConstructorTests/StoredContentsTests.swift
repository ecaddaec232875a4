import BlueprintModel
import ContentStore
import Debian
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Constructor

/// Contents that are read as a stream, from a file beside a blueprint or from a seal.
@Suite final class StoredContentsTests {
    private let directory: TemporaryDirectory
    private var path: String { "\(directory.path)/big" }
    private let limit = Blueprint.StoredContents.limit

    init() throws { directory = try TemporaryDirectory() }

    /// A file of some size, a few bytes of which are not zero.
    private func write(_ islands: [Int: [UInt8]], size: Int, to path: String) throws {
        let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_TRUNC)
        try file.truncate(to: size)
        for (offset, bytes) in islands { try file.writeAll(bytes, at: offset) }
    }

    private func read(_ path: String) throws -> [UInt8] { try Descriptor.open(path).readToEnd() }

    private func stored() throws -> Blueprint.StoredContents {
        let large = try Blueprint.StoredContents.read(path)
        return try #require(large).contents
    }

    private func copy(_ contents: Blueprint.StoredContents, at offset: Int = 0) throws -> [UInt8] {
        let target = "\(directory.path)/target"
        let file = try Descriptor.open(target, O_RDWR | O_CREAT | O_TRUNC)
        try contents.write(to: file, at: offset)
        return Array(try read(target).dropFirst(offset))
    }

    @Test func smallFilesAreReadAndLargeOnesReferredTo() throws {
        var random = SeededGenerator(state: 3)
        for size in [0, 1, limit - 1, limit, limit + 1, limit + 4096, 2 * limit] {
            let places = (0..<3).map { _ in Int.random(in: 0...max(0, size - 100), using: &random) }
            let islands = size < 100 ? [:] : Dictionary(places.map { ($0, random.bytes(100)) }) { $1 }
            try write(islands, size: size, to: path)
            let large = try Blueprint.StoredContents.read(path)
            #expect((large != nil) == (size > limit), "\(size)")
            guard let large else { continue }
            #expect(large.secret == nil && large.contents.size == size && large.contents.place?.path == path)
            let digest = try SHA256.hash(try Descriptor.open(path))
            #expect(large.contents.sha256 == digest.hex)
            #expect(try copy(large.contents) == read(path))
            #expect(try copy(large.contents, at: 513) == read(path))
        }
    }

    private func bytesOnDisk(_ path: String) throws -> Int {
        let blocks = Int(try run("stat", "-c", "%b", path).filter(\.isNumber))
        return try #require(blocks) * 512
    }

    @Test func holesAreNeitherReadNorWritten() throws {
        let size = 1 << 30
        try write([size / 2: Array("in the middle".utf8)], size: size, to: path)
        let contents = try stored()
        let target = "\(directory.path)/target"
        try contents.write(to: try Descriptor.open(target, O_RDWR | O_CREAT))
        #expect(try bytesOnDisk(target) < 1 << 20)
        #expect(try run("cmp", path, target) == "")
        // Zeros that the disk holds become holes, too.
        try run("sh", "-c", "head -c 8M /dev/zero > '\(path)'; echo end >> '\(path)'")
        #expect(try copy(try stored()).suffix(4) == Array("end\n".utf8))
    }

    @Test func aSecretAtAnyPlaceIsFound() throws {
        let secret = Array(("-----BEGIN RSA " + "PRIVATE KEY-----\n").utf8)
        for place in [0, 1 << 20 - 1, 1 << 20, 1 << 20 - 17, 3 << 20 - 30, limit + 100 - secret.count] {
            try write([place: secret], size: limit + 100, to: path)
            #expect(try Blueprint.StoredContents.read(path)?.secret == "a private key", "\(place)")
        }
        try write([1 << 20 - 17: Array("-----BEGIN CERTIFICATE-----".utf8)], size: limit + 100, to: path)
        #expect(try stored().size == limit + 100 && Blueprint.StoredContents.read(path)?.secret == nil)
    }

    @Test(arguments: [
        ("printf x | dd of=FILE bs=1 seek=2000000 conv=notrunc status=none", "it changed"),
        ("truncate -s -1 FILE", "its size changed"), ("truncate -s 100 FILE", "its size changed"),
        ("echo >> FILE", "its size changed"), ("rm FILE", "it vanished"), ("rm FILE; mkfifo FILE", "no file any more"),
        ("rm FILE; mkdir FILE", "no file any more"),
    ])
    func whatChangedIsRefused(_ command: String, _ reason: String) throws {
        try write([1_999_999: Array("abc".utf8)], size: limit + 1, to: path)
        let contents = try stored()
        try run("sh", "-ec", command.replacing("FILE", with: "'\(path)'"))
        let error = try #require(throws: ContentsChanged.self) { _ = try copy(contents) }
        #expect(error.reason.contains(reason) && error.description.hasPrefix("\(path): "))
        #expect(error.description.contains("to mend it: "))
    }

    @Test func ofADigestAloneNothingIsMade() throws {
        var contents = Blueprint.StoredContents(
            size: limit + 1, sha256: String(repeating: "0", count: 64), place: nil)
        contents.place = nil
        let error = try #require(throws: ContentsChanged.self) { _ = try copy(contents) }
        #expect(error.description.contains("by `source`"))
    }

    /// A blueprint was read, and then somebody changed what lies beside it.
    @Test func whatChangesBesideABlueprintIsNotConstructed() throws {
        try write([5: Array("good".utf8)], size: limit + 1, to: path)
        let yaml = """
            blueprint: 1
            name: node
            distribution: { debian: trixie, architecture: amd64 }
            files: { /opt/big: { source: big, mode: "0750" } }
            """
        try AtomicFile.write(Array(yaml.utf8), to: "\(directory.path)/node.yaml")
        let blueprint = try Blueprint.load(
            "\(directory.path)/node.yaml", read: { try self.read($0) },
            store: { try Blueprint.StoredContents.read($0) }
        ).blueprint
        let root = try StagedRoot(path: try makeRoot())
        let lock = Lock(blueprintName: "node", blueprint: SHA256.hash([]), architecture: "amd64", epoch: 1)
        let customization = Customization(root: root, blueprint: blueprint, lock: lock, inRoot: runTool)
        try customization.makeFiles()
        #expect(try read("\(root.path)/opt/big") == read(path))
        #expect(try root.directory.status(of: "opt/big").mode & 0o7777 == 0o750)
        try write([5: Array("evil".utf8)], size: limit + 1, to: path)
        let error = try #require(throws: ConstructorError.self) { try customization.makeFiles() }
        #expect(error.description.hasPrefix("files: /opt/big: \(path): it changed since its digest was taken"))
    }

    private func makeRoot() throws -> String {
        let root = "\(directory.path)/root"
        try makeDirectories("\(root)/etc")
        try AtomicFile.write(Array("root:x:0:0::/root:/bin/sh\n".utf8), to: "\(root)/etc/passwd")
        try AtomicFile.write(Array("root:x:0:\n".utf8), to: "\(root)/etc/group")
        return root
    }

    // MARK: - In a seal

    private var seal: String { "\(directory.path)/node.seal" }

    private func writeSeal() throws {
        let yaml = """
            blueprint: 1
            name: node
            distribution: { debian: trixie, architecture: amd64 }
            files: { /big: { source: blueprint.files/big }, /etc/motd: { source: blueprint.files/etc/motd } }
            """
        let files = [Seal.blueprint: Array(yaml.utf8), Seal.contents + "/etc/motd": Array("Welcome\n".utf8)]
        let stored = [Seal.contents + "/big": try stored()]
        let read = { (path: String) in files[path] ?? [] }
        let blueprint = try Blueprint.load(Seal.blueprint, read: read) { path in
            stored[path].map { .init($0, secret: nil) }
        }.blueprint
        let lock = Lock(
            blueprintName: "node", blueprint: SHA256.hash(blueprint.canonicalBytes), architecture: "amd64", epoch: 1)
        let store = try ObjectStore("\(directory.path)/store")
        try Seal.write(files, stored: stored, lock, from: store, to: seal)
    }

    @Test func aSealIsReadWhereItLies() throws {
        try write([0: [1], 5_000_000: Array("large".utf8)], size: 100 << 20, to: path)
        try writeSeal()
        #expect(try run("sh", "-c", "tar xOf '\(seal)' blueprint.files/big | cmp - '\(path)'") == "")
        #expect(try bytesOnDisk(seal) < 1 << 20)
        let wanted = try read(path)
        try run("rm", path)
        let system = try SealedSystem(path: seal)
        try system.verify()
        guard case .stored(let contents) = system.loaded.blueprint.files["/big"]?.content else {
            Issue.record("the contents are not stored")
            return
        }
        #expect(contents.place?.path == seal && contents.size == 100 << 20)
        #expect(try copy(contents) == wanted)
        #expect(system.loaded.blueprint.files["/etc/motd"]?.content == .regular(Array("Welcome\n".utf8)))
        // Damaged since.
        try Descriptor.open(seal, O_RDWR).writeAll([7], at: (contents.place?.offset ?? 0) + 70 << 20)
        #expect(throws: ContentsChanged.self) { _ = try copy(contents) }
        let error = try #require(throws: ConstructorError.self) { _ = try SealedSystem(path: seal) }
        #expect(error.description.contains("blueprint.files/big has the digest"), "\(error)")
    }

    @Test func aDamagedOrCompressedSealIsRefused() throws {
        try write([0: [1]], size: limit + 1, to: path)
        try writeSeal()
        let whole = try read(seal)
        for change in ["truncate -s 3000000 SEAL", "truncate -s 2000 SEAL", "gzip -c SEAL > x; mv x SEAL"] {
            try AtomicFile.write(whole, to: seal)
            try run("sh", "-ec", "cd '\(directory.path)'; \(change.replacing("SEAL", with: "node.seal"))")
            let error = try #require(throws: ConstructorError.self) { _ = try SealedSystem(path: seal) }
            #expect(error.description.contains("damaged or forged"), "\(error)")
        }
    }

    @Test func aSealOfWhatChangedIsNotWritten() throws {
        try write([0: [1]], size: limit + 1, to: path)
        let contents = try stored()
        try write([0: [2]], size: limit + 1, to: path)
        let lock = Lock(blueprintName: "node", blueprint: SHA256.hash([]), architecture: "amd64", epoch: 1)
        let store = try ObjectStore("\(directory.path)/store")
        #expect(throws: ContentsChanged.self) {
            try Seal.write([:], stored: [Seal.contents + "/big": contents], lock, from: store, to: seal)
        }
        #expect(throws: SystemError.self) { _ = try Descriptor.open(seal) }
    }
}
