import Controller
import LinuxSystem
import PiscesTesting
import Testing

@Suite struct BundleIndexTests {
    private func index(_ bytes: [UInt8]) throws -> [String: Range<Int>] {
        try BundleIndex(size: bytes.count, name: "a.tar") { (range) throws(ControllerError) in Array(bytes[range]) }
            .files
    }

    private typealias Member = TarArchive.Member

    @Test func filesAreFoundInAnyOrder() throws {
        let members = [("b", "22"), ("a", "1"), ("c", "")].map { Member.file($0.0, $0.1) }
        let bytes = TarArchive([.directory("./")] + members + [.file("./d", String(repeating: "d", count: 513))]).bytes
        let files = try index(bytes)
        let texts = files.mapValues { String(decoding: bytes[$0], as: UTF8.self) }
        #expect(texts["a"] == "1" && texts["b"] == "22" && texts["c"] == "" && texts["d"]?.utf8.count == 513)
        #expect(texts.count == 4)
    }

    /// Both forms of long names, of blocks at the end, and of directories, as GNU tar writes them.
    @Test(arguments: ["pax", "posix --owner=0 --xattrs", "ustar", "gnu", "v7"])
    func archivesOfGNUTarAreRead(format: String) throws {
        let directory = try TemporaryDirectory()
        let long = String(repeating: "n", count: 120)
        let names = ["manifest.json", "x.efi"] + (["ustar", "v7"].contains(format) ? [] : [long])
        try makeDirectories("\(directory.path)/d")
        for name in names { try AtomicFile.write(Array("content of \(name)".utf8), to: "\(directory.path)/d/\(name)") }
        for what in [".", "*"] {
            try run(
                "sh", "-euc", "cd \(directory.path)/d && tar -cf ../a.tar --format=\(format) \(what)")
            let bytes = try Descriptor.open("\(directory.path)/a.tar").readToEnd()
            if format == "v7" {
                #expect(words { try index(bytes) }.contains("no header of a tar archive"))
                continue
            }
            let texts = try index(bytes).mapValues { String(decoding: bytes[$0], as: UTF8.self) }
            #expect(texts == Dictionary(uniqueKeysWithValues: names.map { ($0, "content of \($0)") }))
        }
    }

    @Test func archiveIsRefusedWhereverItIsCutOff() throws {
        let bytes = TarArchive([.file("a", String(repeating: "x", count: 700)), .file("b", "y")]).bytes
        _ = try index(bytes)
        // One of the two blocks at its end will do.
        for count in 0..<bytes.count - 512 {
            let said = words { try index(Array(bytes[..<count])) }
            #expect(said.contains("cut off"), "\(count): \(said)")
        }
        #expect(words { try index(Array(bytes[..<1000])) }.contains("700 bytes, of which 488 are there"))
    }

    @Test(arguments: [
        ("../etc/passwd", "no file directly"), ("/etc/passwd", "no file directly"), ("a/b", "no file directly"),
        ("..", "no file directly"), (".hidden", "no file directly"), ("a b", "no file directly"),
        ("a?b", "no file directly"),
        ("a%2fb", "no file directly"), ("ä", "no file directly"), ("./../a", "no file directly"),
        ("", "no file directly"),
    ])
    func namesThatLeadElsewhereAreRefused(name: String, reason: String) {
        #expect(words { try index(TarArchive([.file(name, "x")]).bytes) }.contains(reason))
        let pax = Self.extended(["path=\(name)"], Member.file("harmless", "x"))
        #expect(words { try index(pax) } != "")
    }

    @Test func doubleMembersAreRefused() {
        #expect(
            words { try index(TarArchive([.file("a", "1"), .file("./a", "2")]).bytes) }.contains("\"a\" is there twice")
        )
    }

    @Test(arguments: ["1", "2", "3", "4", "6", "7", "S", "g", "K", "V", "M", "Z"])
    func whatIsNoPlainFileIsRefused(type: String) throws {
        let member = Member(name: "a", type: Character(type), target: "/etc/passwd")
        #expect(words { try index(TarArchive([member]).bytes) }.contains("neither a file nor a directory"))
    }

    /// An archive with an extended header of these records before its only member.
    private static func extended(_ records: [String], _ member: Member, type: Character = "x") -> [UInt8] {
        let text = records.map { record in
            var length = record.utf8.count + 2
            while "\(length)".utf8.count + record.utf8.count + 2 != length {
                length = "\(length)".utf8.count + record.utf8.count + 2
            }
            return "\(length) \(record)\n"
        }.joined()
        return TarArchive([Member(name: "x", type: type, data: Array(text.utf8)), member]).bytes
    }

    @Test func extendedHeadersSayOneThing() throws {
        let member = Member.file("a", "12345")
        let plain = Self.extended(["mtime=1.5", "SCHILY.xattr.user.x=1=2", "path=./b"], member)
        #expect(try index(plain).map(\.key) == ["b"])
        #expect(try index(Self.extended(["size=5"], member))["a"]?.count == 5)
        for (records, reason) in [
            (["size=4"], "two sizes"), (["size=99999999999"], "two sizes"), (["size=-1"], "none that is known"),
            (["size=5", "size=5"], "none that is known"), (["path=b", "path=c"], "none that is known"),
            (["GNU.sparse.major=1", "GNU.sparse.name=b"], "none that is known"), (["path="], "none that is known"),
            (["size=99999999999999999999"], "none that is known"), (["nothing"], "none that is known"),
        ] {
            let said = words { try index(Self.extended(records, member)) }
            #expect(said.contains(reason), "\(records): \(said)")
        }
        // The size of a member without one in its header.
        let empty = Self.extended(["size=9223372036854775807"], Member.file("a"))
        #expect(words { try index(empty) }.contains("9223372036854775807 bytes, of which 1024 are there"))
        for text in ["", "5", "99 a=b\n", "6 a=b\nx", "5 a=b\n", "0 a=b\n", "-1 a=b\n", "6 a=bx", "4 =\n", "x"] {
            let bytes = TarArchive([Member(name: "x", type: "x", data: Array(text.utf8)), member]).bytes
            #expect(text == "" || words { try index(bytes) }.contains("none that is known"), "\(text)")
        }
        let last = TarArchive([Member(name: "x", type: "x", data: Array("9 path=b\n".utf8))]).bytes
        #expect(words { try index(last) }.contains("behind an extended"))
    }

    @Test func headersThatAreNoneAreRefused() {
        let good = TarArchive([.file("a", "x")]).bytes
        for (offset, byte) in [(0, UInt8(0x62)), (257, 0), (124, 0x80), (124, 0x39), (148, 0x37), (135, 0x37)] {
            var bytes = good
            bytes[offset] = byte
            #expect(words { try index(bytes) }.contains("at byte 0 there is no header"), "\(offset)")
        }
        #expect(words { try index(Array("no archive".utf8)) }.contains("cut off"))
        #expect(words { try index([UInt8](repeating: 0x41, count: 4096)) }.contains("no header"))
        #expect(words { try index(TarArchive((0..<200).map { .file("a\($0)") }).bytes) }.contains("too many"))
        let large = Member(name: "x", type: "x", data: [UInt8](repeating: 0x31, count: 70_000))
        #expect(words { try index(TarArchive([large, .file("a")]).bytes) }.contains("70000 bytes"))
    }
}
