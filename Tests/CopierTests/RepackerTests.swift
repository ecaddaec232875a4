import Archive
import Copier
import Debian
import Filesystems
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// Packages that are made again of what dpkg knows, held against what dpkg's own tools make of them.
@Suite final class RepackerTests {
    private let directory: TemporaryDirectory
    private let root: DpkgRoot

    init() throws {
        directory = try TemporaryDirectory()
        root = try DpkgRoot()
    }

    /// Makes a package again; returns where it is.
    @discardableResult
    private func repack(
        _ name: String, of path: String? = nil, to file: String = "made.deb", epoch: Int64 = 4_000_000_000
    ) throws -> (path: String, result: Repacker.Result) {
        let source = try SourceRoot(path: path ?? root.path)
        let dpkg = try DpkgState(of: source)
        let package = try #require(dpkg.packages.first { $0.name == name && $0.state == "installed" })
        let output = "\(directory.path)/\(file)"
        let descriptor = try Descriptor.open(output, O_RDWR | O_CREAT | O_TRUNC)
        return (output, try Repacker(source, dpkg, epoch: epoch).repack(package, to: descriptor))
    }

    /// What `dpkg-deb -c` tells of a package: mode, owner, size, name, and where a link leads.
    private func contents(of deb: String) throws -> [String] {
        try shell("dpkg-deb -c '\(deb)' 2>&1").output.split(separator: "\n").map { line in
            let words = line.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
            let name = words[5].hasPrefix("./") ? String(words[5].dropFirst(2)) : words[5]
            return ([words[0], words[1].replacing("root", with: "0"), words[2], name] + words.dropFirst(6)).joined(
                separator: " ")
        }.sorted()
    }

    @Test func dpkgTakesWhatIsMade() throws {
        let (deb, result) = try repack("tool")
        #expect(result.pristine.isEmpty && result.remarks.isEmpty, "\(result)")
        // Long names and links to inodes are what tars differ in.
        let said = try shell(
            """
            set -e; cd '\(directory.path)'; dpkg-deb --info made.deb; dpkg-deb -x made.deb x; dpkg-deb -e made.deb e
            cat x/usr/share/tool/diverted x/usr/share/tool/local x/bin/tool; readlink x/usr/share/tool/link
            cat e/control e/conffiles; (cd x; md5sum -c ../e/md5sums --quiet); ls -d x/var/lib/tool x/bin
            test ! -e x/etc/obsolete.conf; test ! -e x/etc/removed.conf
            """)
        #expect(said.status == 0, "\(said.output)")
        for words in ["Version: 2\n", "/etc/tool.conf\n", "x/var/lib/tool\n"] { #expect(said.output.contains(words)) }
        #expect(!said.output.contains("Status:") && !said.output.contains("Conffiles:"), "\(said.output)")
        let original = parentDirectory(of: root.path) + "/tool-2.deb"
        #expect(try contents(of: deb) == contents(of: original))
    }

    @Test func theSameIsTheSameBits() throws {
        let first = try repack("tool", to: "first.deb", epoch: 1000)
        try root.shell("touch usr/share/tool/data usr/share/tool usr; echo 1 > etc/other")
        let second = try repack("tool", to: "second.deb", epoch: 1000)
        #expect(try Descriptor.open(first.path).readToEnd() == Descriptor.open(second.path).readToEnd())
        #expect(try shell("dpkg-deb -c '\(first.path)'").output.contains("1970-01-01"))
    }

    @Test func aConffileIsPackedAsItWasDistributed() throws {
        let shipped = try Descriptor.open("\(root.path)/etc/tool.conf").readToEnd()
        try root.shell("cp etc/tool.conf etc/tool.conf.dpkg-dist; echo mine > etc/tool.conf; echo my > etc/kept.conf")
        try root.shell("rm etc/deleted.conf")
        let (deb, result) = try repack("tool")
        let extracted = try shell("cd '\(directory.path)'; dpkg-deb -x '\(deb)' x; cat x/etc/kept.conf")
        #expect(extracted.output == "my\n")
        #expect(try Descriptor.open("\(directory.path)/x/etc/tool.conf").readToEnd() == shipped)
        #expect(try Descriptor.open("\(directory.path)/x/etc/deleted.conf").readToEnd().isEmpty)
        // Their sums as they were shipped: every file has its own path as content.
        let sum = { (path: String) in
            String(try shell("printf '%s\\n' 'tool-2\(path)' | md5sum").output.prefix(32))
        }
        #expect(
            try result.pristine == [
                "/etc/kept.conf": sum("/etc/kept.conf"), "/etc/deleted.conf": sum("/etc/deleted.conf"),
            ])
    }

    @Test func aSecretIsInNoPackage() throws {
        try root.shell("echo 'password = hunter2hunter2' > etc/kept.conf")
        try root.shell("echo 'password = hunter2hunter2' > usr/share/tool/data")
        let (deb, result) = try repack("tool")
        #expect(try !shell("cat '\(deb)'").output.contains("hunter2"))
        #expect(result.pristine.keys.sorted() == ["/etc/kept.conf"])
        #expect(result.remarks.contains { $0.contains("/usr/share/tool/data holds a secret") }, "\(result.remarks)")
    }

    @Test func whatIsMissingOrChangedIsSaid() throws {
        try root.shell("rm usr/share/tool/gone; echo other > usr/share/tool/data")
        let (deb, result) = try repack("tool")
        #expect(
            result.remarks == [
                "/usr/share/tool/gone is missing: without it",
                "/usr/share/tool/data is not as the package brought it: as it is",
            ], "\(result.remarks)")
        #expect(try !contents(of: deb).joined().contains("tool/gone"))
    }

    @Test func longNamesAreThoseThatDpkgReads() throws {
        let long = "usr/share/" + String(repeating: "a-long-name/", count: 12) + "file"
        var tree = FileTree()
        var path = ""
        for part in long.split(separator: "/").dropLast() {
            path += "/\(part)"
            tree[path] = .directory()
        }
        tree["/" + long] = .file("text\n")
        tree["/usr/link"] = .symlink("../" + long)
        let output = "\(directory.path)/long.deb"
        let file = try Descriptor.open(output, O_RDWR | O_CREAT)
        let control = "Package: long\nVersion: 1\nArchitecture: all\nMaintainer: N <n@example.org>\nDescription: test\n"
        try DebWriter.write(
            [ControlMember(name: "control", mode: 0o644, modified: 0, content: Array(control.utf8))], modified: 0,
            data: tree, source: try Descriptor.directory(directory.path), to: file)
        try root.shell("$dpkg --install '\(output)' 2>&1")
        #expect(try Descriptor.open("\(root.path)/usr/link").readToEnd() == Array("text\n".utf8))
        #expect(try Descriptor.open("\(root.path)/\(long)").readToEnd() == Array("text\n".utf8))
    }

    /// A package of this machine, against the package file that its archive has, where that is at hand.
    @Test(arguments: ["hostname", "bsdutils"]) func aRealPackageIsAsItsArchiveHasIt(_ name: String) throws {
        let version = try shell("dpkg-query -W -f '${Version}' \(name)").output
        let fetched = try shell(
            "cd '\(directory.path)'; apt-get -o APT::Sandbox::User= download '\(name)=\(version)' 2>&1")
        let (deb, result) = try repack(name, of: "/")
        #expect(result.pristine.isEmpty, "\(result)")
        let accepted = try shell("dpkg-deb --info '\(deb)'; dpkg-deb -x '\(deb)' '\(directory.path)/y'")
        #expect(accepted.status == 0)
        guard fetched.status == 0 else { return }
        let original = try shell("ls '\(directory.path)'/\(name)_*.deb").output.dropLast()
        // Images without documentation have left it out (path-exclude).
        let isKept = { (line: String) in !line.contains("usr/share/") }
        #expect(try contents(of: deb).filter(isKept) == contents(of: String(original)).filter(isKept))
    }
}
