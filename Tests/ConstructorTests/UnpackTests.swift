import Archive
import Debian
import LinuxSystem
import Testing

@testable import Constructor

/// Packages made by dpkg-deb(1), unpacked by Pisces and by `dpkg-deb --extract`.
@Suite(.serialized) struct UnpackTests {
    /// Builds a package from files and control members; the base root comes first in every list.
    struct Package {
        var name: String
        var control = ""
        var files: [String: String] = [:]
        var conffiles = ""
    }

    func build(_ package: Package, in directory: String) throws -> (LockedPackage, String) {
        let tree = "\(directory)/\(package.name)"
        try makeDirectories("\(tree)/DEBIAN")
        let control = """
            Package: \(package.name)
            Version: 1
            Architecture: all
            Maintainer: Test <test@example.invalid>
            Description: test
            \(package.control)
            """.split(separator: "\n").joined(separator: "\n") + "\n"
        try AtomicFile.write(Array(control.utf8), to: "\(tree)/DEBIAN/control")
        if !package.conffiles.isEmpty {
            try AtomicFile.write(Array(package.conffiles.utf8), to: "\(tree)/DEBIAN/conffiles")
        }
        for (path, content) in package.files {
            try makeDirectories(parentDirectory(of: "\(tree)\(path)"))
            try AtomicFile.write(Array(content.utf8), to: "\(tree)\(path)")
        }
        let deb = "\(directory)/\(package.name).deb"
        _ = try Command("dpkg-deb", ["--root-owner-group", "-b", tree, deb]).run()
        let file = try Descriptor.open(deb)
        let version = try #require(DebianVersion("1"))
        return (
            LockedPackage(
                name: package.name, version: version, architecture: "all", source: .directory("test"), filename: deb,
                size: Int64(try file.status().size), digest: try SHA256.hash(file)), deb
        )
    }

    func emptyUnpack(in directory: String) throws -> Unpack {
        try makeDirectories("\(directory)/root")
        return Unpack(root: try StagedRoot(path: "\(directory)/root")) { package in
            try DebFile(try Descriptor.open(package.filename), name: package.name)
        }
    }

    func unpack(_ packages: [Package], in directory: String) throws -> (StagedRoot, [UnpackedPackage]) {
        let locked = try packages.map { try build($0, in: directory).0 }
        var unpack = try emptyUnpack(in: directory)
        return (unpack.root, try unpack.run(try Unpack.read(locked, open: unpack.open)) {}.unpacked)
    }

    /// What md5sum(1) says of the unpacked tool.
    func sumsOracle(_ directory: String) throws -> String {
        var command = Command("md5sum", ["root/usr/bin/tool"])
        command.workingDirectory = directory
        return try command.run().text
    }

    @Test func treeEqualsWhatDpkgDebExtracts() throws {
        let directory = try TemporaryDirectory()
        let package = Package(
            name: "tool", files: ["/usr/bin/tool": "#!/bin/sh\n", "/usr/share/doc/tool/copyright": "free\n"])
        let (root, unpacked) = try unpack([package], in: directory.path)
        _ = try Command("dpkg-deb", ["-x", "\(directory.path)/tool.deb", "\(directory.path)/oracle"]).run()
        let list = { (path: String) in
            try Command("find", [path, "-printf", "%P %y %m %U %G %s %T@\n"]).run().text.split(separator: "\n").sorted()
        }
        // The root's own time is not a package's.
        let ours = try list(root.path).filter { !$0.hasPrefix(" d") && !$0.contains(" d ") }
        let theirs = try list("\(directory.path)/oracle").filter { !$0.hasPrefix(" d") && !$0.contains(" d ") }
        #expect(ours == theirs)
        #expect(unpacked.first?.paths.first == "/.")
        #expect(unpacked.first?.paths.contains("/usr/bin/tool") == true)
    }

    @Test func conffilesWaitForDpkg() throws {
        let directory = try TemporaryDirectory()
        let package = Package(name: "tool", files: ["/etc/tool.conf": "a=b\n"], conffiles: "/etc/tool.conf\n")
        let (root, unpacked) = try unpack([package], in: directory.path)
        #expect(try root.readText("etc/tool.conf.dpkg-new") == "a=b\n")
        #expect(!root.exists("etc/tool.conf"))
        #expect(unpacked.first?.paths.contains("/etc/tool.conf") == true)
    }

    @Test func replacesDecidesWhoOwnsAFile() throws {
        for order in [["old", "new"], ["new", "old"]] {
            let directory = try TemporaryDirectory()
            let packages = [
                "old": Package(name: "old", files: ["/usr/share/x": "old"]),
                "new": Package(name: "new", control: "Replaces: other, old (<< 2)", files: ["/usr/share/x": "new"]),
            ]
            let (root, unpacked) = try unpack(order.compactMap { packages[$0] }, in: directory.path)
            #expect(try root.readText("usr/share/x") == "new")
            let owners = unpacked.filter { $0.paths.contains("/usr/share/x") }.map(\.locked.name)
            #expect(owners == ["new"])
        }
    }

    @Test func aLaterRunTakesFilesFromAnEarlierOne() throws {
        let directory = try TemporaryDirectory()
        let packages = [
            Package(name: "base", files: ["/usr/share/x": "old", "/usr/share/y": "y"]),
            Package(name: "new", control: "Replaces: base", files: ["/usr/share/x": "new"]),
        ]
        let locked = try packages.map { try build($0, in: directory.path).0 }
        var unpack = try emptyUnpack(in: directory.path)
        let first = try unpack.run(try Unpack.read([locked[0]], open: unpack.open)) {}
        #expect(first.changed.isEmpty && first.unpacked.map(\.locked.name) == ["base"])
        let second = try unpack.run(try Unpack.read([locked[1]], open: unpack.open)) {}
        #expect(try unpack.root.readText("usr/share/x") == "new")
        #expect(second.unpacked.map(\.locked.name) == ["new"])
        let loser = try #require(second.changed.first)
        #expect(loser.locked.name == "base" && !loser.paths.contains("/usr/share/x"))
        #expect(loser.paths.contains("/usr/share/y"))
    }

    /// Of a file that nobody ships, dpkg asks nothing.
    @Test func aPackageReplacesWhatAScriptMade() throws {
        let directory = try TemporaryDirectory()
        let locked = try build(Package(name: "tool", files: ["/usr/share/x": "shipped"]), in: directory.path).0
        var unpack = try emptyUnpack(in: directory.path)
        try unpack.root.write("made", to: "usr/share/x", mode: 0o600)
        _ = try unpack.run(try Unpack.read([locked], open: unpack.open)) {}
        #expect(try unpack.root.readText("usr/share/x") == "shipped")
    }

    @Test func anEmptyDirectoryKeepsItsTime() throws {
        let directory = try TemporaryDirectory()
        try makeDirectories("\(directory.path)/tool/usr/share/empty")
        let (locked, _) = try build(Package(name: "tool", files: ["/usr/share/full/x": "x"]), in: directory.path)
        _ = try Command("touch", ["-d", "@1000", "\(directory.path)/tool/usr/share/empty"]).run()
        _ = try Command("dpkg-deb", ["--root-owner-group", "-b", "\(directory.path)/tool", locked.filename]).run()
        var unpack = try emptyUnpack(in: directory.path)
        _ = try unpack.run(try Unpack.read([locked], open: unpack.open)) {}
        let share = try Descriptor.directory("\(unpack.root.path)/usr/share")
        #expect(try share.status(of: "empty").modified == 1000)
    }

    @Test(arguments: [("dpkg-divert --add x", true), ("true", false)])
    func aPackageThatDivertsIsKnown(script: String, diverts: Bool) throws {
        let directory = try TemporaryDirectory()
        let tree = "\(directory.path)/tool"
        try makeDirectories("\(tree)/DEBIAN")
        try AtomicFile.write(Array("#!/bin/sh\n\(script)\n".utf8), to: "\(tree)/DEBIAN/preinst", mode: 0o755)
        let locked = try build(Package(name: "tool"), in: directory.path).0
        let unpack = try emptyUnpack(in: directory.path)
        #expect(try Unpack.read([locked], open: unpack.open).map(\.diverts) == [diverts])
    }

    /// So much that libarchive cannot have read all of it at once: the package must stay mapped.
    @Test func largeFileThatReplacesIsReadToItsEnd() throws {
        let directory = try TemporaryDirectory()
        // Nothing that compresses to a few bytes.
        let text = (0..<1 << 16).map { _ in String(UInt64.random(in: 0 ... .max), radix: 36) }.joined()
        let packages = [
            Package(name: "new", control: "Replaces: old", files: ["/usr/share/x": text]),
            Package(name: "old", files: ["/usr/share/x": "old"]),
        ]
        let (root, _) = try unpack(packages, in: directory.path)
        #expect(try root.readText("usr/share/x") == text)
    }

    @Test func replacesOfAnotherVersionDoesNotCount() throws {
        let directory = try TemporaryDirectory()
        #expect(throws: ConstructorError.self) {
            _ = try unpack(
                [
                    Package(name: "old", files: ["/usr/share/x": "old"]),
                    Package(name: "new", control: "Replaces: old (<< 1)", files: ["/usr/share/x": "new"]),
                ], in: directory.path)
        }
    }

    @Test func sumsAreMadeForAPackageWithoutThem() throws {
        let directory = try TemporaryDirectory()
        let package = Package(
            name: "tool", files: ["/usr/bin/tool": "x", "/etc/tool.conf": "y"], conffiles: "/etc/tool.conf\n")
        let (_, unpacked) = try unpack([package], in: directory.path)
        let sums = unpacked.first?.generatedSums
        let oracle = try sumsOracle(directory.path)
        #expect(sums == oracle.replacing("root/", with: ""))
    }

    @Test func aSymlinkLeavesADirectoryThatIsThere() throws {
        let directory = try TemporaryDirectory()
        try makeDirectories("\(directory.path)/link/usr/share")
        try Descriptor.directory("\(directory.path)/link/usr/share").makeSymlink("doc", target: "elsewhere")
        let (root, _) = try unpack(
            [Package(name: "base-files", files: ["/usr/share/doc/x": "x"]), Package(name: "link")], in: directory.path)
        #expect(try root.readText("usr/share/doc/x") == "x")
    }

    @Test func twoOwnersWithoutReplacesAreRefusedByName() throws {
        let directory = try TemporaryDirectory()
        let error = #expect(throws: ConstructorError.self) {
            _ = try unpack(
                [
                    Package(name: "one", files: ["/usr/share/x": "1"]),
                    Package(name: "two", files: ["/usr/share/x": "2"]),
                ], in: directory.path)
        }
        #expect(error?.message.contains("/usr/share/x") == true)
        #expect(error?.message.contains("one") == true && error?.message.contains("two") == true)
    }

    @Test func aNameThatLeavesTheRootIsRefused() {
        #expect(throws: ConstructorError.self) { _ = try Unpack.normalized("./../etc/passwd", package: "evil") }
        #expect(throws: ConstructorError.self) { _ = try Unpack.normalized("usr/../../x", package: "evil") }
        // The slash and the combining mark are one Character.
        #expect(throws: ConstructorError.self) { _ = try Unpack.normalized("../\u{301}x", package: "evil") }
    }

    @Test func aSymlinkInARootCannotLeadAPackageOut() throws {
        let directory = try TemporaryDirectory()
        try makeDirectories("\(directory.path)/root")
        try makeDirectories("\(directory.path)/outside")
        let root = try StagedRoot(path: "\(directory.path)/root")
        try root.directory.makeSymlink("usr", target: "../outside")
        _ = try? unpack([Package(name: "tool", files: ["/usr/evil": "x"])], in: directory.path)
        #expect(try Descriptor.directory("\(directory.path)/outside").entries() == [])
    }
}
