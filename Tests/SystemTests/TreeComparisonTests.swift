import Filesystems
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// What the oracle tests compare with sees every kind of difference, and takes nothing else for one.
@Suite struct TreeComparisonTests {
    private static func register(_ text: String) -> Node { .file(text, modified: 5) }

    private static let status = """
        Package: a
        Status: install ok installed
        Conffiles:
         /etc/a 0123
         /etc/b 4567

        Package: b
        Status: install ok installed

        """

    /// A small system.
    static let tree: FileTree = {
        var tree = FileTree()
        for path in [
            "/etc", "/usr", "/usr/bin", "/empty", "/var", "/var/lib", "/var/lib/dpkg", "/var/lib/dpkg/triggers",
        ] {
            tree[path] = .directory(modified: 5)
        }
        tree["/etc/passwd"] = register(
            "root:x:0:0::/root:/bin/sh\nweb:x:101:102::/:/bin/false\ndb:x:102:101::/:/bin/false\n")
        tree["/etc/group"] = register("root:x:0:\nweb:x:102:db\ndb:x:101:\n")
        tree["/etc/shadow"] = register("root:*:1::::::\nweb:!:1::::::\n")
        tree["/etc/web.conf"] = .file("a\nb\n", mode: 0o640, uid: 101, gid: 102, modified: 5)
        tree["/etc/alternative"] = .symlink("/usr/bin/one", modified: 5)
        tree["/usr/bin/one"] = .file("one", mode: 0o4755, modified: 5)
        tree["/usr/bin/two"] = .hardlink(to: "/usr/bin/one")
        tree["/usr/bin/ping"] = Node(
            .file(.bytes([1])), mode: 0o755, modified: 5, xattrs: ["security.capability": [1, 0, 0, 2, 0, 10]])
        tree["/var/lib/dpkg/status"] = register(status)
        tree["/var/lib/dpkg/triggers/File"] = register("/usr/a a\n/usr/b b\n")
        tree["/var/lib/dpkg/diversions"] = register("/usr/bin/x\n/usr/bin/x.real\na\n/usr/bin/y\n/usr/bin/y.real\nb\n")
        return tree
    }()

    private func read(_ tree: FileTree) throws -> TarTree {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/tree.tar"
        _ = try TarWriter.write(
            tree, source: try Descriptor.directory("/"), to: try Descriptor.open(path, O_RDWR | O_CREAT), at: 0)
        return try TarTree(path)
    }

    private func differences(_ change: (inout FileTree) -> Void) throws -> [String] {
        var changed = Self.tree
        change(&changed)
        return TreeComparison(ours: try read(changed), theirs: try read(Self.tree)).differences()
            .map { "\($0.path) \($0.aspect.rawValue)" }
    }

    @Test func equalTreesDoNotDiffer() throws {
        let found = try differences { _ in }
        #expect(found == [])
    }

    /// Changes, with the one difference that each makes.
    static let changes: [(wanted: String, make: @Sendable (inout FileTree) -> Void)] = [
        ("/etc/web.conf mode", { $0["/etc/web.conf"]?.mode = 0o644 }),
        ("/usr/bin/ping mode", { $0["/usr/bin/ping"]?.mode = 0o4755 }),
        ("/etc/web.conf owner", { $0["/etc/web.conf"]?.uid = 102 }),
        ("/etc/web.conf group", { $0["/etc/web.conf"]?.gid = 0 }),
        ("/etc/web.conf time", { $0["/etc/web.conf"]?.modified = 6 }),
        ("/empty time", { $0["/empty"]?.modified = 6 }),
        ("/etc/web.conf content", { $0["/etc/web.conf"]?.kind = .file(.bytes(Array("b\na\n".utf8))) }),
        ("/etc/web.conf content", { $0["/etc/web.conf"]?.kind = .file(.bytes([])) }),
        ("/etc/alternative target", { $0["/etc/alternative"]?.kind = .symlink("/usr/bin/two") }),
        ("/etc/alternative type", { $0["/etc/alternative"] = .directory(modified: 5) }),
        ("/etc/alternative presence", { $0["/etc/alternative"] = nil }),
        ("/usr/bin/three presence", { $0["/usr/bin/three"] = .symlink("one", modified: 5) }),
        ("/usr/bin/ping xattrs", { $0["/usr/bin/ping"]?.xattrs = [:] }),
        ("/usr/bin/ping xattrs", { $0["/usr/bin/ping"]?.xattrs["security.capability"]?[5] = 11 }),
        ("/etc/shadow record", { $0["/etc/shadow"] = register("web:!:1::::::\nroot:*:2::::::\n") }),
        ("/var/lib/dpkg/triggers/File record", { $0["/var/lib/dpkg/triggers/File"] = register("/usr/a a\n") }),
        (
            "/var/lib/dpkg/diversions record",
            { $0["/var/lib/dpkg/diversions"] = register("/usr/bin/x\n/usr/bin/x.real\na\n") }
        ),
    ]

    @Test(arguments: changes.indices)
    func everyKindOfDifferenceIsSeen(_ index: Int) throws {
        let (wanted, make) = Self.changes[index]
        let found = try differences { make(&$0) }
        #expect(!found.isEmpty && found.allSatisfy { $0 == wanted }, "\(wanted): \(found)")
    }

    @Test func aLinkThatIsAFileOfItsOwnIsSeen() throws {
        let found = try differences { $0["/usr/bin/two"] = .file("one", mode: 0o4755, modified: 5) }
        #expect(found == ["/usr/bin/one names", "/usr/bin/two names"])
    }

    @Test(arguments: [
        ("Status: install ok installed\nConffiles", "Status: install ok unpacked\nConffiles"),
        (" /etc/b 4567\n", ""), (" /etc/a 0123\n /etc/b 4567", " /etc/b 4567\n /etc/a 0123"),
        ("Package: b\n", "Package: b\nEssential: yes\n"), ("Package: b\nStatus: install ok installed\n", ""),
    ])
    func everyFieldOfAPackageCounts(_ there: String, _ instead: String) throws {
        let status = Self.status.replacing(there, with: instead, maxReplacements: 1)
        let found = try differences { $0["/var/lib/dpkg/status"] = Self.register(status) }
        #expect(!found.isEmpty && found.allSatisfy { $0 == "/var/lib/dpkg/status record" }, "\(found)")
    }

    /// Another order of scripts gives users other numbers, and registers another order.
    @Test func orderOfScriptsIsNoDifference() throws {
        let found = try differences { tree in
            tree["/etc/passwd"] = Self.register(
                "root:x:0:0::/root:/bin/sh\ndb:x:101:102::/:/bin/false\nweb:x:102:101::/:/bin/false\n")
            tree["/etc/group"] = Self.register("root:x:0:\ndb:x:102:\nweb:x:101:db\n")
            tree["/etc/web.conf"]?.uid = 102
            tree["/etc/web.conf"]?.gid = 101
            tree["/etc/shadow"] = Self.register("web:!:1::::::\nroot:*:1::::::\n")
            tree["/var/lib/dpkg/triggers/File"] = Self.register("/usr/b b\n/usr/a a\n")
            tree["/var/lib/dpkg/diversions"] = Self.register(
                "/usr/bin/y\n/usr/bin/y.real\nb\n/usr/bin/x\n/usr/bin/x.real\na\n")
            tree["/usr/bin"]?.modified = 7
        }
        #expect(found == [])
    }

    @Test func aUserWithAnotherGroupIsSeenThroughTheNumbers() throws {
        // The same bytes in passwd, and yet web's group is db's.
        let found = try differences { $0["/etc/group"] = Self.register("root:x:0:\nweb:x:101:db\ndb:x:102:\n") }
        #expect(found.contains("/etc/passwd record") && found.contains("/etc/web.conf group"))
    }

    /// The reader against the archiver that the peer uses.
    @Test func archivesOfGNUTarAreRead() throws {
        let directory = try TemporaryDirectory()
        let long = String(repeating: "n", count: 120)
        let script = """
            cd \(directory.path); mkdir -p tree/usr/\(long); cd tree; umask 022
            printf content > usr/\(long)/file; chmod 4711 usr/\(long)/file; ln usr/\(long)/file usr/name
            touch -d @1.5 usr/\(long)/file; ln -s \(long)\(long) usr/link; mkfifo -m 600 usr/pipe
            tar --create --format=pax --xattrs --numeric-owner --sort=name --owner=3 --group=3000000 --file ../tree.tar .
            """
        try run("sh", "-euc", script)
        let tree = try TarTree("\(directory.path)/tree.tar")
        #expect(
            tree.members.keys.sorted() == [
                "/", "/usr", "/usr/link", "/usr/name", "/usr/\(long)", "/usr/\(long)/file", "/usr/pipe",
            ])
        let file = try #require(tree.members["/usr/\(long)/file"])
        #expect(file.mode == 0o4711 && file.uid == 3 && file.gid == 3_000_000 && file.modified == 1 && file.type == "f")
        #expect(file.names == ["/usr/name", "/usr/\(long)/file"])
        #expect(tree.text("/usr/name") == "content")
        #expect(tree.members["/usr/link"]?.target == long + long)
        #expect(tree.members["/usr/pipe"]?.type == "p")
    }

    @Test(arguments: [
        ("/etc/ssh/ssh_host_*", "/etc/ssh/ssh_host_rsa_key", true),
        ("/etc/ssh/ssh_host_*", "/etc/ssh/sshd_config", false),
        ("/run/**", "/run/lock/lvm", true), ("/run/**", "/run", false), ("/etc/*/x", "/etc/a/x", true),
        ("/etc/*/x", "/etc/a/b/x", false), ("/etc", "/etc/a", false),
    ])
    func acceptedPathsAreMatchedByComponents(_ pattern: String, _ path: String, _ matches: Bool) {
        let difference = Difference(path: path, aspect: .mode, ours: "1", theirs: "2")
        #expect(AcceptedDifference<OracleSet>(pattern, reason: "").accepts(difference) == matches)
        #expect(!AcceptedDifference<OracleSet>(pattern, [.owner], reason: "").accepts(difference))
    }
}
