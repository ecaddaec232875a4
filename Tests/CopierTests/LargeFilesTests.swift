import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Copier

/// Files that are too large for memory.
@Suite struct LargeFilesTests {
    private let root: DpkgRoot
    private let limit = Blueprint.StoredContents.limit

    init() throws { root = try DpkgRoot() }

    private func files(
        known: [String: Blueprint.File] = [:], _ change: () throws -> Void = {}
    ) throws -> (files: [String: Blueprint.File], said: String) {
        var (report, policy) = (CopyReport(), Copier.FilesPolicy())
        policy.known = known
        let read = Copier.files(of: try root.survey(), policy)
        try change()
        let files = try read(try SourceRoot(path: root.path), Blueprint(name: "node"), &report)
        return (files, report.omissions.map(\.description).joined(separator: "\n"))
    }

    private func put(_ islands: [Int: String], size: Int, _ path: String = "/etc/big") throws {
        let file = try Descriptor.open(root.path + path, O_RDWR | O_CREAT | O_TRUNC)
        try file.truncate(to: size)
        for (offset, text) in islands { try file.writeAll(Array(text.utf8), at: offset) }
    }

    @Test func aLargeFileTravelsByItsDigest() throws {
        for size in [limit - 1, limit, limit + 1, 100 << 20] {
            try put([size / 2: "middle"], size: size)
            let found = try files().files["/etc/big"]
            let file = try #require(found)
            let digest = try SHA256.hash(Descriptor.open("\(root.path)/etc/big")).hex
            guard case .stored(let contents) = file.content else {
                #expect(size <= limit)
                continue
            }
            #expect(size > limit && contents.size == size && contents.sha256 == digest)
            #expect(contents.place == .init(path: "\(root.path)/etc/big"))
        }
    }

    /// The peak of this process's memory stays far below what it reads.
    @Test func nothingIsHeld() throws {
        try put([0: "a", (1 << 30) - 1: "z"], size: 1 << 30)
        // Between the holes there is data in each of its pieces, more than the limit below.
        try put(Dictionary((0..<300).map { ($0 << 20, "\($0)") }) { $1 }, size: 300 << 20, "/etc/dense")
        try Descriptor.open("/proc/self/clear_refs", O_WRONLY).writeAll("5")
        let before = try peak()
        let found = try files().files.values.filter { if case .stored = $0.content { true } else { false } }
        #expect(found.count == 2)
        // Other tests of this process take some, too.
        #expect(try peak() - before < 700 << 20)
    }

    private func peak() throws -> Int {
        let status = String(decoding: try Descriptor.open("/proc/self/status").readToEnd(), as: UTF8.self)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let kibibytes = line.flatMap { Int($0.filter(\.isNumber)) }
        return try #require(kibibytes) << 10
    }

    @Test(arguments: [
        ("rm FILE", "it vanished"), ("truncate -s 10 FILE", "it changed"), ("rm FILE; mkdir FILE", "it changed"),
        ("rm FILE; mkfifo FILE", "it changed"),
    ])
    func whatChangesMeanwhileIsLeftOut(_ command: String, _ reason: String) throws {
        try put([:], size: limit + 1)
        let (files, said) = try files { try root.shell(command.replacing("FILE", with: "etc/big")) }
        #expect(files["/etc/big"] == nil && said.contains("files: /etc/big: \(reason) while it was copied"), "\(said)")
        try put([:], size: limit, "/etc/other")
        let grown = try self.files { try root.shell("echo >> etc/other") }
        #expect(grown.said.contains("files: /etc/other: it changed while it was copied"), "\(grown.said)")
    }

    /// Somebody writes all the time: what is copied was there at one moment, or the file is left out.
    @Test func aFileThatIsWrittenIsNotTorn() throws {
        try put([:], size: 64 << 20)
        let path = "\(root.path)/etc/big"
        let script = "while :; do date +%N | dd of='\(path)' bs=1 conv=notrunc status=none; done"
        // It ends, and is waited for, with its owner.
        let writer = try Command("sh", ["-c", script]).start()
        defer { withExtendedLifetime(writer) {} }
        let (files, said) = try files()
        #expect(files["/etc/big"] == nil && said.contains("it changed while it was copied"), "\(said)")
    }

    private static let password = "db_password = hunter2hunter2\n"

    @Test func aSecretInALargeTextIsFound() throws {
        // A text, whatever is said of it: no byte is zero.
        let line = String(repeating: "x", count: 99) + "\n"
        let text = String(repeating: line, count: limit / 100 + 1)
        func said(_ text: String) throws -> String {
            try AtomicFile.write(Array(text.utf8), to: "\(root.path)/etc/big")
            return try files().said
        }
        #expect(try !said(text).contains("/etc/big"))
        let border = text.utf8.index(text.startIndex, offsetBy: 1 << 20)
        let end = text[..<border].lastIndex(of: "\n")
        let place = try #require(end)
        let head = String(text[...place])
        #expect(try said(head + Self.password + text).contains("/etc/big: it holds a password or key"))
        // A comment is none, wherever a chunk ends, and a program is no text.
        #expect(try !said(head + "# " + Self.password + text).contains("/etc/big"))
        #expect(try !said(head + Self.password + text + "\0").contains("/etc/big"))
    }

    @Test func aPlaceTellsOfALargeFileToo() throws {
        try put([:], size: limit + 1, "/etc/app.keytab")
        let (files, said) = try files()
        #expect(files["/etc/app.keytab"] == nil && said.contains("/etc/app.keytab: it holds keys of Kerberos"))
    }

    @Test func whatABlueprintKnowsIsCompared() throws {
        try put([7: "a"], size: limit + 1, "/etc/app.keytab")
        let file = try Descriptor.open("\(root.path)/etc/app.keytab")
        let digest = try SHA256.hash(file)
        let known = Blueprint.File(
            .stored(.init(size: limit + 1, sha256: digest.hex, place: nil)), mode: 0o644)
        try root.shell("chmod 644 etc/app.keytab")
        let same = try files(known: ["/etc/app.keytab": known]).files
        #expect(same["/etc/app.keytab"] == known)
        try put([7: "b"], size: limit + 1, "/etc/app.keytab")
        let other = try files(known: ["/etc/app.keytab": known]).files
        #expect(other["/etc/app.keytab"] == nil)
    }
}
