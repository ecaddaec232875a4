import Filesystems
import Testing

@testable import Constructor

@Suite struct RootTreeTests {
    let epoch: Int64 = 1_000_000

    func readOnly(_ change: (inout FileTree) -> Void) throws -> FileTree {
        var tree = FileTree()
        for path in ["/etc", "/usr", "/usr/lib", "/var", "/var/lib", "/var/lib/dpkg"] { tree[path] = .directory() }
        change(&tree)
        return try RootTree.readOnly(from: tree, epoch: epoch)
    }

    func text(_ tree: FileTree, _ path: String) -> String? {
        guard case .file(.bytes(let bytes)) = tree[path]?.kind else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func packageDatabaseLeavesVar() throws {
        let tree = try readOnly { $0["/var/lib/dpkg/status"] = .file("x") }
        #expect(text(tree, "/usr/lib/sysimage/dpkg/status") == "x")
        let lines = text(tree, "/usr/lib/pisces/system/var.conf") ?? ""
        #expect(lines.contains("L \"/var/lib/dpkg\" - - - - ../../usr/lib/sysimage/dpkg\n"))
    }

    @Test func varIsEmptyAndLaidOutAtBoot() throws {
        let tree = try readOnly { tree in
            tree["/var/cache"] = .directory(mode: 0o2750, uid: 7, gid: 8)
            tree["/var/cache/a b%\"c"] = .file("data", mode: 0o600, uid: 9, gid: 10)
        }
        #expect(tree.children(of: "/var") == [])
        #expect(text(tree, "/usr/share/factory/var/cache/a b%\"c") == "data")
        let lines = text(tree, "/usr/lib/pisces/system/var.conf") ?? ""
        #expect(lines.contains("d \"/var/cache\" 2750 7 8\n"))
        #expect(lines.contains("C \"/var/cache/a b%%\\\"c\" 0600 9 10\n"))
    }

    @Test func whatIsAMachinesOwnIsNotInTheImage() throws {
        let tree = try readOnly { tree in
            tree["/etc/ssh"] = .directory()
            tree["/etc/ssh/ssh_host_ed25519_key"] = .file("secret")
            tree["/etc/ssh/sshd_config"] = .file("config")
            tree["/etc/machine-id"] = .file("0123456789abcdef0123456789abcdef\n")
            tree["/var/log"] = .directory()
            tree["/var/log/dpkg.log"] = .file("today")
            tree["/var/log/apt"] = .directory()
            tree["/var/log/apt/term.log"] = .file("today")
        }
        #expect(tree["/etc/ssh/ssh_host_ed25519_key"] == nil)
        #expect(text(tree, "/etc/ssh/sshd_config") == "config")
        #expect(text(tree, "/etc/machine-id") == "")
        #expect(text(tree, "/usr/share/factory/var/log/apt/term.log") == "")
        #expect(text(tree, "/usr/lib/pisces/system/var.conf")?.contains("\"/var/log/apt\"") == true)
    }

    @Test func whatAMachineMakesForItselfIsMadeAtItsFirstBoot() throws {
        let tree = try readOnly { tree in
            for path in [
                "/etc/ssl", "/etc/ssl/certs", "/etc/ssl/private", "/var/lib/postgresql", "/var/lib/postgresql/17",
            ] {
                tree[path] = .directory(uid: 7)
            }
            tree["/etc/ssl/certs/ssl-cert-snakeoil.pem"] = .file("certificate")
            tree["/etc/ssl/certs/0123abcd.0"] = .symlink("ssl-cert-snakeoil.pem")
            tree["/etc/ssl/certs/ffff0000.0"] = .symlink("Root.pem")
            tree["/etc/ssl/private/ssl-cert-snakeoil.key"] = .file("key")
            for path in ["/var/lib/postgresql/17/main", "/var/lib/postgresql/17/main/base"] {
                tree[path] = .directory()
            }
            tree["/var/lib/postgresql/17/main/PG_VERSION"] = .file("17\n")
        }
        #expect(tree.children(of: "/etc/ssl/certs") == ["ffff0000.0"])
        #expect(tree.children(of: "/etc/ssl/private") == [])
        let lines = text(tree, "/usr/lib/pisces/system/var.conf") ?? ""
        #expect(lines.contains("d \"/var/lib/postgresql/17\" 0755 7 0\n") && !lines.contains("main"))
        let units = "/usr/lib/systemd/system"
        for (name, unit) in [("snakeoil", "basic.target"), ("postgresql", "postgresql@.service")] {
            let script = "/usr/lib/pisces/first-boot/\(name)"
            #expect(text(tree, script)?.isEmpty == false)
            #expect(
                text(tree, "\(units)/pisces-\(name).service")?.contains("ExecStart=/bin/sh -eu \(script)\n") == true)
            let need = text(tree, "\(units)/\(unit).d/pisces-\(name).conf") ?? ""
            #expect(need.contains("Wants=pisces-\(name).service\nAfter=pisces-\(name).service\n"))
        }
        #expect(tree["\(units)/pisces-rndc-key.service"] == nil, "nothing of BIND was there")
    }

    @Test func varIsLaidOutOnceForAGeneration() throws {
        let tree = try readOnly { _ in }
        let unit = text(tree, "/usr/lib/systemd/system/pisces-var.service") ?? ""
        #expect(unit.contains("ConditionPathExists=!/run/pisces/state/var-is-laid-out"))
        #expect(unit.contains("--create /usr/lib/pisces/system/var.conf"))
        #expect(!tree.paths.contains { $0.hasPrefix("/usr/lib/tmpfiles.d/") })
    }

    @Test func whatCannotBeLaidOutIsRefusedByName() {
        #expect(throws: ConstructorError.self) {
            _ = try readOnly { tree in
                var tool = Node.file("x", mode: 0o755)
                tool.xattrs["security.capability"] = [1]
                tree["/var/lib/tool"] = tool
            }
        }
    }

    @Test func homesMoveToTheDataPartition() throws {
        let tree = try readOnly { tree in
            tree["/root"] = .directory(mode: 0o700)
            tree["/root/.bashrc"] = .file("rc")
        }
        #expect(tree["/root"]?.kind == .symlink("var/roothome"))
        #expect(tree["/home"]?.kind == .symlink("var/home"))
        #expect(text(tree, "/usr/share/factory/var/roothome/.bashrc") == "rc")
    }

    @Test func nothingIsNewerThanTheEpoch() throws {
        let tree = try readOnly { tree in
            tree["/etc/old"] = .file("", modified: 5)
            tree["/etc/new"] = .file("", modified: epoch + 5)
        }
        #expect(tree["/etc/old"]?.modified == 5)
        #expect(tree.paths.allSatisfy { (tree[$0]?.modified ?? 0) <= epoch })
    }

    @Test func plainTreeKeepsItsPlaces() {
        var tree = FileTree()
        for path in ["/etc", "/var", "/var/lib", "/var/lib/dpkg", "/root", "/dev"] { tree[path] = .directory() }
        tree["/var/lib/dpkg/status"] = .file("x", modified: epoch + 1)
        tree["/var/lib/dpkg/status-old"] = .file("old")
        tree["/root/.bashrc"] = .file("rc", modified: 5)
        tree["/dev/null"] = Node(.characterDevice(major: 1, minor: 3), mode: 0o666)
        let plain = RootTree.plain(from: tree, epoch: epoch)
        #expect(
            plain.paths == [
                "/", "/dev", "/etc", "/etc/machine-id", "/proc", "/root", "/root/.bashrc", "/run", "/sys", "/tmp",
                "/var",
                "/var/lib", "/var/lib/dpkg", "/var/lib/dpkg/status",
            ])
        #expect(text(plain, "/var/lib/dpkg/status") == "x")
        #expect(plain["/var/lib/dpkg/status"]?.modified == epoch)
        #expect(plain["/root/.bashrc"]?.modified == 5)
        #expect(plain["/root"]?.isDirectory == true)
    }

    @Test(arguments: [
        ("ssh_host_rsa_key.pub", "ssh_host_*", true), ("config.dat-old", "*-old", true), ("config.dat", "*-old", false),
        ("lock", "lock*", true), ("passwd-", "passwd-", true), ("passwd", "passwd-", false),
    ])
    func patternsMatchOneName(name: String, pattern: String, matches: Bool) {
        #expect(RootTree.matches(name, pattern) == matches)
    }
}
