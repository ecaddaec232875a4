import Debian
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@Suite struct DpkgDatabaseTests {
    @Test func conffilesOfAPackage() throws {
        let text = Array("/etc/a\n\nremove-on-upgrade /etc/b c\n/etc/d\n".utf8)
        #expect(
            try DpkgDatabase.conffiles(text, file: "conffiles") == [
                DpkgDatabase.Conffile(path: "/etc/a"),
                DpkgDatabase.Conffile(path: "/etc/b c", isRemovedOnUpgrade: true),
                DpkgDatabase.Conffile(path: "/etc/d"),
            ])
        for bad in ["etc/a", "/etc/a\nremove /etc/b", "remove-on-upgrade", "remove-on-upgrade etc"] {
            #expect(throws: Deb822.SyntaxError.self) {
                try DpkgDatabase.conffiles(Array(bad.utf8), file: "conffiles")
            }
        }
    }

    @Test func fileListTakesTheNamesOfAnyArchive() {
        let wanted = "/.\n/etc\n/etc/a b\n/.hidden\n"
        #expect(DpkgDatabase.fileList(["./", "./etc/", "./etc/a b", "./.hidden"]) == wanted)
        #expect(DpkgDatabase.fileList([".", "etc", "etc/a b", ".hidden"]) == wanted)
        #expect(DpkgDatabase.fileList(["/", "/etc/", "/etc/a b", "/.hidden"]) == wanted)
    }

    @Test func configuredPackageHasDigestsOfItsConffiles() throws {
        let control = Deb822.Stanza([Deb822.Field("Package", "a"), Deb822.Field("Version", "1")])
        let conffile = DpkgDatabase.Conffile(path: "/etc/a", md5: "d41d8cd98f00b204e9800998ecf8427e")
        let stanza = try DpkgDatabase.statusStanza(
            control: control, conffiles: [conffile], selection: .hold, state: .installed)
        #expect(
            DpkgDatabase.status([stanza])
                == """
                Package: a
                Status: hold ok installed
                Version: 1
                Conffiles:
                 /etc/a d41d8cd98f00b204e9800998ecf8427e


                """)
    }

    @Test(arguments: [
        ("Version", "one"), ("Depends", "a,,b"), ("Depends", "a ("), ("Depends", "a (>= )"), ("Depends", "a (~ 1)"),
        ("Depends", "a (>= 1) b"), ("Depends", "a b"), ("Provides", "|"), ("Conflicts", "(= 1)"),
        ("Depends", "a (= 1 2)"),
    ])
    func fieldThatDpkgWouldRefuseIsRefused(name: String, value: String) {
        let control = Deb822.Stanza([Deb822.Field("Package", "a"), Deb822.Field(name, value, line: 7)])
        let error = #expect(throws: Deb822.SyntaxError.self) {
            try DpkgDatabase.statusStanza(control: control, conffiles: [], state: .unpacked)
        }
        #expect(error?.line == 7)
    }

    @Test(arguments: ["interest", "interest a b", "trigger a", "interest ../a", "interest a/b", "interest File"])
    func triggerThatCannotBeWrittenIsRefused(line: String) {
        let control = Deb822.Stanza([Deb822.Field("Package", "a")])
        let error = #expect(throws: Deb822.SyntaxError.self) {
            try DpkgDatabase.triggerFiles([(control, Array("# comment\n\(line)\n".utf8))])
        }
        #expect(error?.description.hasPrefix("a.triggers:2: ") == true)
    }

    @Test func filesActivateTheTriggersOfTheDirectoriesAboveThem() throws {
        let interests = """
            interest-noawait /usr/lib/udev
            interest /usr/share/man/man1/tool.1
            interest-await /usr/share/info
            activate-noawait /usr/lib
            interest named
            """
        let activated = { (paths: [String]) in
            try DpkgDatabase.activated(by: paths, interests: Array(interests.utf8), file: "a")
        }
        #expect(try activated(["/usr/lib/udev/hwdb.d/1", "/usr/share/man/man1/tool.1"]).count == 2)
        #expect(try activated(["/usr/lib/udev"]) == ["/usr/lib/udev"])
        #expect(try activated(["/usr/lib/udev-extra/x", "/usr/lib", "/usr/share/man/man1"]) == [])
    }
}

/// dpkg itself says what its database looks like. It gives files to root, and so must be root.
@Suite(.enabled(if: geteuid() == 0, "dpkg must run as root")) struct DpkgOracleTests {
    @Test func oddPackagesAreWrittenAsDpkgWritesThem() throws {
        let directory = try TemporaryDirectory()
        try build(
            """
            Package: odd
            X-First: arbitrary
            version: 0:1.0-1
            installed-size: 12
            Maintainer: a  <a@b.c>\u{20}\u{20}
            Architecture: amd64
            Multi-Arch: same
            Essential: no
            Protected: no
            Enhances: e1, e2(>=1)
            Suggests:   s1,s2  |s3
            Provides: p1 (=1.0), p2
            Conflicts: c1 (<<2),c2:i386
            Breaks: b1 (> 1), b2 (< 2)
            Depends: d1 (>= 0:1.0), d2:any|d3,
             d4 (= 2-0),
             d5 ( >= 1 )
            Recommends:
            Homepage: http://x
            Origin: Me
            Bugs: http://bugs
            Section: Foo
            Priority: OPTIONAL
            Tag: a::b, c::d
            Built-Using: z (= 1)
            Description: short
              long\u{20}
             .
            \ttext\u{20}\u{20}
            Filename: pool/x
            Size: 3
            MD5sum: 33
            SHA256: aa
            Source: odd

            """,
            conffiles: "/etc/one\n/etc/two\nremove-on-upgrade /etc/gone\n",
            triggers: "interest-noawait /usr/lib/foo\n# comment\ninterest bar\nactivate baz\n",
            to: directory.path + "/a.deb")
        try build(
            """
            Package: even
            Version: 2:1
            Architecture: all
            Maintainer: x
            Essential: yes
            Multi-Arch: no
            Description: y

            """,
            conffiles: "",
            triggers: "interest bar\ninterest-noawait bar\ninterest-noawait /z\ninterest /usr/lib/foo\ninterest /z\n",
            to: directory.path + "/b.deb")
        try compare([directory.path + "/a.deb", directory.path + "/b.deb"], in: directory.path)
    }

    @Test(.tags(.network)) func realPackagesAreWrittenAsDpkgWritesThem() throws {
        let directory = try TemporaryDirectory()
        let request = try debianRequest(install: ["systemd", "man-db"])
        let plan = try AptPlanner.plan(request, stateDirectory: directory.path + "/state", run: runTool)
        let names = ["hostname", "libc6", "bash", "libc-bin", "apt", "base-files", "debianutils", "systemd", "man-db"]
        var files: [String] = []
        for name in names {
            let package = try #require(plan.packages.first { $0.name == name })
            let uri = package.source == .release("trixie-security") ? request.securityMirror : request.mirror
            let file = "\(directory.path)/\(name).deb"
            try run(
                "/usr/lib/apt/apt-helper", "-o", "APT::Sandbox::User=", "download-file", "\(uri)/\(package.filename)",
                file)
            try withoutScripts(file)
            files.append(file)
        }
        try compare(files, in: directory.path)
    }

    /// Unpacks with dpkg and compares every file of its database with ours.
    private func compare(_ files: [String], in directory: String) throws {
        let root = directory + "/root"
        let database = root + "/var/lib/dpkg"
        for path in ["info", "updates"] { try makeDirectories("\(database)/\(path)") }
        try AtomicFile.write([], to: database + "/status")
        try run("sh", "-c", "exec dpkg --root=\(root) --force-all --unpack \(files.joined(separator: " ")) 2>&1")

        var stanzas: [Deb822.Stanza] = []
        var triggers: [(control: Deb822.Stanza, triggers: [UInt8])] = []
        var information = ["format": Array(DpkgDatabase.format.utf8)]
        for file in files {
            let members = try TemporaryDirectory()
            try run("dpkg-deb", "-e", file, members.path)
            let names = try Descriptor.directory(members.path).entries()
            func member(_ name: String) throws -> [UInt8] {
                names.contains(name) ? try Descriptor.open("\(members.path)/\(name)").readToEnd() : []
            }
            let control = try Deb822.parseOne(try member("control"), file: "control")
            let conffiles = try DpkgDatabase.conffiles(try member("conffiles"), file: "conffiles")
            stanzas.append(try DpkgDatabase.statusStanza(control: control, conffiles: conffiles, state: .unpacked))
            triggers.append((control, try member("triggers")))
            let prefix = DpkgDatabase.informationName(control: control)
            for name in names where name != "control" { information["\(prefix).\(name)"] = try member(name) }
            let listing = try run("sh", "-c", "dpkg-deb --fsys-tarfile \(file) | tar --quoting-style=literal -t")
            let list = DpkgDatabase.fileList(listing.split(separator: "\n").map(String.init))
            information[prefix + ".list"] = Array(list.utf8)
            if !names.contains("md5sums") {
                let files = listing.split(separator: "\n").filter { !$0.hasSuffix("/") }.map(String.init)
                // The files that `build` makes all hold the byte 1.
                let sums = DpkgDatabase.checksums(files.map { ($0, "55a54008ad1ba589aa210d2629c1df41") })
                information[prefix + ".md5sums"] = Array(sums.utf8)
            }
        }
        #expect(differenceOfTexts(DpkgDatabase.status(stanzas), try text(database + "/status")) == nil)
        #expect(try Descriptor.directory(database + "/info").entries() == information.keys.sorted(by: bytesPrecede))
        for (name, bytes) in information {
            #expect(try Descriptor.open("\(database)/info/\(name)").readToEnd() == bytes, "\(name)")
        }
        var triggerFiles = try DpkgDatabase.triggerFiles(triggers)
        triggerFiles["Unincorp"] = ""
        triggerFiles["Lock"] = ""
        #expect(
            try Descriptor.directory(database + "/triggers").entries() == triggerFiles.keys.sorted(by: bytesPrecede))
        for (name, wanted) in triggerFiles {
            #expect(differenceOfTexts(wanted, try text("\(database)/triggers/\(name)")) == nil, "\(name)")
        }
    }

    private func text(_ path: String) throws -> String {
        String(decoding: try Descriptor.open(path).readToEnd(), as: UTF8.self)
    }

    private func differenceOfTexts(_ ours: String, _ theirs: String) -> String? {
        if ours == theirs { return nil }
        let (left, right) = (ours.split(separator: "\n"), theirs.split(separator: "\n"))
        let pair = zip(left, right).first { $0.0 != $0.1 }
        return pair.map { "ours: \($0.0)\ndpkg: \($0.1)" } ?? "\(left.count) lines, dpkg \(right.count)"
    }

    /// Builds a package with two conffiles as its files; dpkg-deb does not check what it is told to build.
    private func build(_ control: String, conffiles: String, triggers: String, to file: String) throws {
        let tree = try TemporaryDirectory()
        for path in ["DEBIAN", "etc", "usr/lib/bär"] { try makeDirectories("\(tree.path)/\(path)") }
        #expect(chmod(tree.path, 0o755) == 0)
        for (name, text) in [("control", control), ("conffiles", conffiles), ("triggers", triggers)] {
            try AtomicFile.write(Array(text.utf8), to: "\(tree.path)/DEBIAN/\(name)")
        }
        let prefix = conffiles.isEmpty ? "other-" : ""
        for name in ["one", "two"] { try AtomicFile.write([1], to: "\(tree.path)/etc/\(prefix)\(name)") }
        try run("dpkg-deb", "--nocheck", "--root-owner-group", "-b", tree.path, file)
    }

    /// Takes the script that runs before unpacking from a package: it would need a whole system.
    private func withoutScripts(_ file: String) throws {
        let base = try TemporaryDirectory()
        let tree = base.path + "/tree"
        try run("dpkg-deb", "-R", file, tree)
        try removeTree(tree + "/DEBIAN/preinst")
        try run("dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, file)
    }
}
