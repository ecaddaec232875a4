import BlueprintModel
import Copier
import PiscesTesting
import Testing

/// What dpkg and update-alternatives were told by hand, read of the texts that they write.
@Suite struct RegistersTests {
    private func told(_ copy: SystemCopy, _ kind: String) -> [String] {
        copy.report.omissions.filter { $0.kind == kind }.map(\.subject)
    }

    // MARK: - Held packages

    @Test func heldPackagesAreRead() throws {
        let status =
            Tree.dpkg + Tree.package("zoo", status: "hold ok installed") + Tree.package("aa")
            + Tree.package("mid", "Depends: zoo\n", status: "hold ok triggers-pending")
            + Tree.package("gone", status: "hold ok config-files")
            + Tree.package("half", status: "hold ok half-installed")
            + "Package: other\nStatus: hold ok installed\nArchitecture: i386\nVersion: 1\n"
        let copy = try Tree.debian(status).copy()
        #expect(copy.blueprint.packages.hold == ["mid", "zoo"])
        #expect(told(copy, "packages") == ["gone", "half", "other:i386"])
    }

    @Test func whatNobodyWantsIsNotHeldEither() throws {
        let essential = Tree.package("base", "Essential: yes\n")
        let marks = ["dpkg", "base", "lone"].map { "Package: \($0)\nArchitecture: amd64\nAuto-Installed: 1\n" }
        let copy = try Tree.debian(
            Tree.dpkg + essential + Tree.package("lone", status: "hold ok installed"),
            ["/var/lib/apt/extended_states": marks.joined(separator: "\n")]
        ).copy()
        #expect(copy.blueprint.packages == Blueprint.Packages() && told(copy, "packages") == ["lone"])
    }

    // MARK: - Alternatives

    private static let alternatives = "/var/lib/dpkg/alternatives"
    private static let info = "/var/lib/dpkg/info"
    /// As update-alternatives writes it for vim and nano.
    private static let editor = """
        manual
        /usr/bin/editor
        editor.1.gz
        /usr/share/man/man1/editor.1.gz
        editor.de.1.gz
        /usr/share/man/de/man1/editor.1.gz

        /bin/nano
        40
        /usr/share/man/man1/nano.1.gz

        /usr/bin/vim.basic
        30
        /usr/share/man/man1/vim.1.gz
        /usr/share/man/de/man1/vim.1.gz
        /usr/local/bin/ed
        90



        """

    /// A system with these files, and with the links of /etc/alternatives.
    private func system(_ files: [String: String], _ links: [String: String]) throws -> Tree {
        let scripts = [
            "\(Self.info)/nano.postinst": "update-alternatives --install /usr/bin/editor editor /bin/nano 40 \\\n",
            "\(Self.info)/nano.list": "/.\n/bin\n/bin/nano\n",
            // It names what it offers by variables.
            "\(Self.info)/vim:amd64.postinst":
                "for i in vi editor; do\n update-alternatives --install /usr/bin/$i $i /usr/bin/vim.$v 30\ndone\n",
            "\(Self.info)/vim:amd64.list": "/.\n/usr\n/usr/bin\n/usr/bin/vim.basic\n",
            "\(Self.info)/other.list": "/.\n/usr/local/bin/ed\n",
        ]
        let tree = try Tree.debian(Tree.dpkg, files.merging(scripts) { $1 })
        for (name, target) in links { try tree.link("/etc/alternatives/\(name)", to: target) }
        return tree
    }

    @Test(arguments: ["/usr/bin/vim.basic", "/bin/nano"])
    func whatWasChosenByHandIsRead(_ path: String) throws {
        let copy = try system(["\(Self.alternatives)/editor": Self.editor], ["editor": path]).copy()
        #expect(copy.blueprint.alternatives == ["editor": path] && told(copy, "alternatives").isEmpty)
        #expect(copy.report.explained.contains("/etc/alternatives/editor"))
    }

    @Test func whatIsChosenByPriorityIsNobodysWord() throws {
        let text = Self.editor.replacing("manual", with: "auto")
        let copy = try system(["\(Self.alternatives)/editor": text], ["editor": "/bin/nano"]).copy()
        #expect(copy.blueprint.alternatives.isEmpty && told(copy, "alternatives").isEmpty)
    }

    /// By hand or by its priority: no package of the copy offers it.
    @Test(arguments: ["manual", "auto"])
    func aChoiceOfNoPackageIsTold(_ mode: String) throws {
        let text = Self.editor.replacing("manual", with: mode)
        let copy = try system(["\(Self.alternatives)/editor": text], ["editor": "/usr/local/bin/ed"]).copy()
        #expect(copy.blueprint.alternatives.isEmpty)
        #expect(copy.report.omissions.count == 1)
        #expect(
            copy.report.omissions.first?.description.hasPrefix(
                "alternatives: editor: /usr/local/bin/ed is no package's: ") == true)
    }

    @Test func aLinkToNoChoiceIsAFile() throws {
        let copy = try system(["\(Self.alternatives)/editor": Self.editor], ["editor": "/opt/ed"]).copy()
        #expect(copy.blueprint.alternatives.isEmpty && !copy.report.explained.contains("/etc/alternatives/editor"))
        let none = try system(["\(Self.alternatives)/editor": Self.editor], [:]).copy()
        #expect(none.blueprint.alternatives.isEmpty && told(none, "alternatives") == ["editor"])
    }

    @Test func brokenAndOddAlternativesAreTold() throws {
        let lines = Self.editor.split(separator: "\n", omittingEmptySubsequences: false)
        let whole = lines.count - 2
        // A file that ends anywhere.
        for count in 0..<whole - 1 {
            let text = lines.prefix(count).joined(separator: "\n")
            let copy = try system(["\(Self.alternatives)/editor": text], ["editor": "/usr/bin/vim.basic"]).copy()
            #expect(copy.blueprint.alternatives.isEmpty && told(copy, "alternatives") == ["editor"], "\(count)")
        }
        let choice = "manual\n/usr/bin/x\n\n/bin/nano\n1\n\n"
        let tree = try system(
            [
                "\(Self.alternatives)/a b": choice, "\(Self.alternatives)/-x": choice, "\(Self.alternatives)/ü": choice,
                "\(Self.alternatives)/c++": choice, "\(Self.alternatives)/x.dpkg-tmp": "manual",
                "\(Self.alternatives)/rubbish": "\u{0}\u{FFFD}",
            ], ["a b": "/bin/nano", "-x": "/bin/nano", "ü": "/bin/nano", "c++": "/bin/nano"])
        let copy = try tree.copy()
        #expect(copy.blueprint.alternatives == ["c++": "/bin/nano"])
        #expect(told(copy, "alternatives") == ["-x", "a b", "rubbish", "ü"])
    }

    // MARK: - Overrides

    private static let accounts = [
        "/etc/passwd": "root:x:0:0::/root:/bin/sh\nman:x:6:12::/:/bin/sh\nDebian-exim:x:101:104::/:/bin/sh\n",
        "/etc/group": "root:x:0:\nadm:x:4:\ncrontab:x:102:\nmessagebus:x:103:\nDebian-exim:x:104:\n",
        "\(info)/cron.postinst":
            "if ! dpkg-statoverride --list /usr/bin/crontab > /dev/null; then\n"
            + "  dpkg-statoverride --update --add root crontab 2755 /usr/bin/crontab\nfi\n",
        "\(info)/dbus.postinst":
            "MESSAGEUSER=messagebus\nLAUNCHER=/usr/lib/dbus-1.0/dbus-daemon-launch-helper\n"
            + "dpkg-statoverride --update --add root \"$MESSAGEUSER\" 04754 \"$LAUNCHER\"\n",
        "\(info)/other.postinst": "chmod 4750 /usr/bin/sudo # root adm\n",
    ]

    private func overrides(_ register: String) throws -> SystemCopy {
        try Tree.debian(Tree.dpkg, Self.accounts.merging(["/var/lib/dpkg/statoverride": register]) { $1 }).copy()
    }

    private func override(_ owner: String, _ group: String, _ mode: UInt16) -> Blueprint.StatOverride {
        var override = Blueprint.StatOverride(mode: mode)
        (override.owner, override.group) = (owner, group)
        return override
    }

    @Test func overridesAreReadAndThoseOfScriptsAreNot() throws {
        let copy = try overrides(
            """
            root adm 4750 /usr/bin/sudo
            root crontab 2755 /usr/bin/crontab
            root messagebus 4754 /usr/lib/dbus-1.0/dbus-daemon-launch-helper
            #6 #4 640 /srv/with space
            Debian-exim Debian-exim 0700 /etc/exim4/passwd.client

            """)
        #expect(
            copy.blueprint.statOverrides == [
                "/usr/bin/sudo": override("root", "adm", 0o4750),
                "/srv/with space": override("man", "adm", 0o640),
                "/etc/exim4/passwd.client": override("Debian-exim", "Debian-exim", 0o700),
            ])
        #expect(told(copy, "stat-overrides").isEmpty)
    }

    /// Somebody gave another mode, owner or group to what a script has an override of.
    @Test(arguments: ["root crontab 0755", "root adm 2755", "man crontab 2755"])
    func whatSomebodyChangedSinceTheScriptIsRead(_ words: String) throws {
        let copy = try overrides("\(words) /usr/bin/crontab\n")
        #expect(copy.blueprint.statOverrides.keys.sorted() == ["/usr/bin/crontab"])
        // A longer path is another one.
        let longer = try overrides("root crontab 2755 /usr/bin/crontab.d\n")
        #expect(longer.blueprint.statOverrides.keys.sorted() == ["/usr/bin/crontab.d"])
    }

    @Test func brokenAndOddOverridesAreTold() throws {
        let copy = try overrides(
            """
            nobody-here adm 4750 /usr/bin/a
            root nobody-here 4750 /usr/bin/b
            #77 root 4750 /usr/bin/c
            # root 4750 /usr/bin/d
            root root 9 /usr/bin/e
            root root 4750
            root root 17777 /usr/bin/f
            root root 755 usr/bin/g
            root root 755 /usr/../h
            root root 755 /usr/bin/i
            man root 755 /usr/bin/i
            """)
        #expect(copy.blueprint.statOverrides == ["/usr/bin/i": override("root", "root", 0o755)])
        let register = "/var/lib/dpkg/statoverride"
        #expect(
            told(copy, "stat-overrides") == [
                "/usr/bin/a", "/usr/bin/b", "/usr/bin/c", "/usr/bin/d", "\(register):5", "\(register):6",
                "\(register):7", "\(register):8", "/usr/../h", "\(register):11",
            ])
    }

    // MARK: - Diversions

    private func diversions(_ register: String) throws -> SystemCopy {
        try Tree.debian(Tree.dpkg, ["/var/lib/dpkg/diversions": register]).copy()
    }

    @Test func localDiversionsAreRead() throws {
        let copy = try diversions(
            "/usr/bin/foo\n/usr/bin/foo.distrib\n:\n/bin/sh\n/bin/sh.distrib\ndash\n/etc/a b\n/srv/a\n:\n")
        #expect(copy.blueprint.diversions == ["/usr/bin/foo": "/usr/bin/foo.distrib", "/etc/a b": "/srv/a"])
        #expect(copy.report.omissions.isEmpty)
        #expect(try diversions("").blueprint.diversions.isEmpty)
    }

    /// What follows a missing line cannot be told from it.
    @Test(arguments: [
        ("/a/x\n/a/y\n:\n/b/x\n:\n/c/x\n/c/y\n:\n", 4), ("/a/x\n/a/y\n:\n/b/x\n/b/y\n/c/x\n/c/y\n:\n", 4),
        ("/a/x\n/a/y\n:\n/b/y\n", 4), ("/a/x\n/a/y\n:\n\n", 4), ("/a/x\n/a/y\n:\n/b/x\n/b/y\n\n/c/x\n/c/y\n:\n", 4),
    ])
    func diversionsEndWhereALineIsMissing(_ register: String, _ line: Int) throws {
        let copy = try diversions(register)
        #expect(copy.blueprint.diversions == ["/a/x": "/a/y"])
        #expect(told(copy, "diversions") == ["/var/lib/dpkg/diversions:\(line)"])
    }

    @Test func oddDiversionsAreTold() throws {
        let copy = try diversions(
            "/a\n/a\n:\n/b/../c\n/d\n:\n/e\n/f\n:\n/e\n/g\n:\n/h\n/f\n:\n/f\n/i\n:\n/j\n/e\n:\n/k\t\n/l\n:\n")
        #expect(copy.blueprint.diversions == ["/e": "/f"])
        #expect(
            told(copy, "diversions") == [
                "/a", "/var/lib/dpkg/diversions:4", "/e", "/h", "/f", "/j", "/var/lib/dpkg/diversions:22",
            ])
        let tree = try Tree.debian()
        try tree.write(Array("/a\n/".utf8) + [0xFF] + Array("\n:\n/b\n/c\n:\n".utf8), to: "/var/lib/dpkg/diversions")
        let bytes = try tree.copy()
        #expect(bytes.blueprint.diversions == ["/b": "/c"])
        #expect(told(bytes, "diversions") == ["/var/lib/dpkg/diversions:1"])
    }
}
