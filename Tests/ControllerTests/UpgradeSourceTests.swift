import Controller
import LinuxSystem
import PiscesTesting
import SlotMachine
import Testing

@Suite final class UpgradeSourceTests {
    private let scratch: TemporaryDirectory
    private let generation: SampleGeneration
    private var directory: String { scratch.path + "/node.split" }

    init() throws {
        scratch = try TemporaryDirectory()
        generation = try SampleGeneration()
        try generation.write(to: directory)
    }

    private func write(_ archive: [UInt8]) throws -> String {
        let path = scratch.path + "/node.split.tar"
        try AtomicFile.write(archive, to: path)
        return path
    }

    private func name(_ ending: String) throws -> String {
        try #require(try generation.files.first { $0.name.hasSuffix(ending) }?.name)
    }

    @Test func directoryAndArchiveGiveTheSame() throws {
        let archive = try write(try generation.archive)
        for place in [directory, directory + "/manifest.json", archive] {
            let source = try UpgradeSource(place)
            #expect(try source.manifest == generation.manifest && source.signatures == generation.signatures)
            let upgrade = try generation.upgrade(from: source)
            #expect(upgrade.name == "node" && upgrade.release == 7)
            #expect(upgrade.data == .init(version: 3, floor: 2) && upgrade.rootHash == generation.rootHash)
            for artefact in Artefact.allCases {
                #expect(try readAll(upgrade, artefact) == generation.bytes(of: artefact))
                let rest = Array(generation.bytes(of: artefact).dropFirst(4097))
                #expect(try readAll(upgrade, artefact, from: 4097, pieces: 1000) == rest)
            }
        }
    }

    @Test func membersOfAnArchiveMayComeInAnyOrder() throws {
        let members = try generation.files.reversed().map {
            TarArchive.Member(name: "./\($0.name)", type: "0", data: $0.bytes)
        }
        let upgrade = try generation.upgrade(from: try UpgradeSource(try write(TarArchive(members).bytes)))
        #expect(try readAll(upgrade, .root) == generation.root)
    }

    /// Large counts give no more than what fits into memory, and nothing beyond an artefact.
    @Test func readsAreBounded() throws {
        let large = try SampleGeneration(rootBytes: 5 << 20)
        try large.write(to: directory)
        var admission = try large.admission
        admission.rootBytes = 8 << 20
        for place in [directory, try write(try large.archive)] {
            let source = try UpgradeSource(place)
            let upgrade = try source.upgrade(
                try admission.accept(manifest: source.manifest, signatures: source.signatures, name: "m"))
            #expect(try upgrade.read(.root, 0, 64 << 20).count == 1 << 20)
            #expect(try upgrade.read(.root, (5 << 20) - 10, 64 << 20) == Array(large.root.suffix(10)))
        }
    }

    @Test func unsignedSourceHasNoSignatures() throws {
        try Descriptor.directory(directory).unlink("manifest.json.sig")
        #expect(try UpgradeSource(directory).signatures == [])
        let members = try generation.files.filter { !$0.name.hasSuffix(".sig") }
            .map { TarArchive.Member(name: $0.name, type: "0", data: $0.bytes) }
        #expect(try UpgradeSource(try write(TarArchive(members).bytes)).signatures == [])
    }

    /// Before anything is written, with both numbers.
    @Test(arguments: [".root.erofs", ".verity", ".efi"]) func artefactOfAnotherSizeIsRefusedFirst(ending: String) throws
    {
        let name = try name(ending)
        let whole = try #require(try generation.files.first { $0.name == name }?.bytes)
        for bytes in [Array(whole.dropLast()), whole + [0], []] {
            try AtomicFile.write(bytes, to: "\(directory)/\(name)")
            let members = try generation.files.map {
                TarArchive.Member(name: $0.name, type: "0", data: $0.name == name ? bytes : $0.bytes)
            }
            for place in [directory, try write(TarArchive(members).bytes)] {
                let source = try UpgradeSource(place)
                let said = words { try generation.upgrade(from: source) }
                #expect(
                    said.contains("it has \(bytes.count) bytes") && said.contains("tells of \(whole.count)"), "\(said)")
                #expect(said.contains(name))
            }
        }
    }

    @Test(arguments: [".root.erofs", ".verity", ".efi"]) func missingArtefactIsNamed(ending: String) throws {
        let name = try name(ending)
        try Descriptor.directory(directory).unlink(name)
        #expect(words { try generation.upgrade(from: try UpgradeSource(directory)) }.contains(name))
        let members = try generation.files.filter { $0.name != name }
            .map { TarArchive.Member(name: $0.name, type: "0", data: $0.bytes) }
        let archive = try write(TarArchive(members).bytes)
        #expect(words { try generation.upgrade(from: try UpgradeSource(archive)) }.contains("no \(name)"))
    }

    @Test func archiveThatIsCutOffIsRefusedWhenItIsOpened() throws {
        let archive = try generation.archive
        let path = try write(Array(archive[..<(archive.count / 2)]))
        let said = words { try UpgradeSource(path) }
        #expect(said.contains(path) && said.contains("has 1000000 bytes, of which"))
    }

    @Test func whatIsNoSourceSaysSo() throws {
        let empty = scratch.path + "/empty"
        try makeDirectories(empty)
        #expect(words { try UpgradeSource(empty) }.contains("there is no manifest.json"))
        #expect(
            words { try UpgradeSource(try write(TarArchive([.file("a")]).bytes)) }.contains("there is no manifest.json")
        )
        #expect(words { try UpgradeSource(scratch.path + "/gone") }.contains("No such file"))
        #expect(words { try UpgradeSource("/dev/null") }.contains("neither a directory"))
        try AtomicFile.write([UInt8](repeating: 0x20, count: (1 << 20) + 1), to: empty + "/manifest.json")
        #expect(words { try UpgradeSource(empty) }.contains("more than the 1048576 bytes"))
        let large = TarArchive.Member(
            name: "manifest.json", type: "0", data: [UInt8](repeating: 0x20, count: (1 << 20) + 1))
        #expect(
            words { try UpgradeSource(try write(TarArchive([large]).bytes)) }.contains("more than the 1048576 bytes"))
    }

    // MARK: - Where it is

    @Test(arguments: [
        ("https://example.org/images/", UpgradeLocation.remoteDirectory("https://example.org/images/")),
        ("http://[::1]:8/a/manifest.json", .remoteDirectory("http://[::1]:8/a/")),
        ("HTTPS://example.org/node.split.tar", .remoteArchive("HTTPS://example.org/node.split.tar")),
        ("http://h/x?token=1", .remoteArchive("http://h/x?token=1")),
    ])
    func urlTellsWhatItIs(text: String, location: UpgradeLocation) throws {
        #expect(try UpgradeLocation(text) == location)
    }

    @Test(arguments: [
        "ftp://example.org/a/", "file:///etc/", "http:///a/", "http://", "http://host", "http://h/a b/",
        "http://h/a\nb/",
        "http://h/\"a\"/", "http://h/a\\b/", "http://h/ä/", "http://user:secret@/a/", "http://h/a#b",
        "gopher://secret:secret@h/",
        "http://h/a\"\nurl=\"file:///etc/passwd/",
    ])
    func otherURLsAreRefused(text: String) {
        let said = words { try UpgradeLocation(text) }
        #expect(said != "" && !said.contains("secret"), "\(said)")
    }

    @Test(arguments: [
        ("https://user:pass@example.org/a/?token=x", "https://example.org/a/"), ("http://h/a@b/", "http://h/a@b/"),
        ("http://u:p@ss@h:80/a", "http://h:80/a"), ("http://h?token", "http://h"), ("/a/b@c", "/a/b@c"),
    ])
    func messagesShowNoSecrets(url: String, shown: String) {
        #expect(UpgradeLocation.shown(url) == shown)
    }
}
