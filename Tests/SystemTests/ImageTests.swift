import Debian
import Disk
import Filesystems
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// A file of the root in an image.
func rootFile(_ path: String, of image: String) throws -> String {
    String(decoding: try openRoot(image).contents(of: path), as: UTF8.self)
}

/// The root file system in an image.
func openRoot(_ image: String) throws -> ErofsReader {
    let plan = try PartitionTable.read(path: image).plan
    let place = try #require(plan.partitions.first { $0.name == "root-1" })
    return try ErofsReader.open(try Descriptor.open(image), at: Int(place.startBytes))
}

extension SystemTests {
    /// What the blueprint says is in the image, under the paths and with the owners that a booted system reads.
    @Suite struct ImageTests {
        private let site: Site
        private let tree: FileTree

        init() throws {
            site = try Site.shared.get()
            tree = try openRoot(site.image).tree()
        }

        private func text(_ path: String) throws -> String {
            try rootFile(path, of: site.image)
        }

        private func lines(_ path: String) throws -> [String] {
            try text(path).split(separator: "\n").map(String.init)
        }

        /// The line of a register that begins with `name:`.
        private func entry(_ name: String, in path: String) throws -> String? {
            try lines(path).first { $0.hasPrefix("\(name):") }
        }

        private func owner(_ path: String) -> [UInt32]? { tree[path].map { [$0.mode, $0.uid, $0.gid] } }

        /// A number that the lock holds.
        private func locked(_ name: String) throws -> (uid: UInt32, gid: UInt32) {
            let lock = try Lock(parsing: Array(try fileText(site.folder.lock).utf8), file: "lock")
            return (try #require(lock.users[name]), try #require(lock.groups[name]))
        }

        @Test func usersAndGroupsAreInTheRegisters() throws {
            let (carol, meter) = (try locked("carol"), try locked("meter"))
            #expect(try entry("alice", in: "/etc/passwd") == "alice:x:1500:1500:Alice Example:/home/alice:/bin/bash")
            #expect(try entry("carol", in: "/etc/passwd") == "carol:x:\(carol.uid):\(carol.gid)::/srv/carol:/bin/sh")
            #expect(
                try entry("meter", in: "/etc/passwd")
                    == "meter:x:\(meter.uid):\(meter.gid)::/nonexistent:/usr/sbin/nologin")
            #expect(try entry("operators", in: "/etc/group") == "operators:x:1600:alice")
            #expect(try entry("systemd-journal", in: "/etc/group")?.hasSuffix(":alice") == true)
            #expect((1000...59999).contains(carol.uid) && (100...999).contains(meter.uid))
            for name in ["alice", "carol", "meter"] {
                #expect(try entry(name, in: "/etc/shadow")?.hasPrefix("\(name):!") == true, "no password logs in")
            }
            #expect(tree["/etc/shadow"]?.mode == 0o640)
            let unit = try text("/etc/systemd/system/pisces-password-carol.service")
            #expect(unit.contains("ImportCredential=carol-password"))
            #expect(link("multi-user.target.wants/pisces-password-carol.service") != nil)
        }

        @Test func homesAreLaidOutAtBoot() throws {
            #expect(tree["/home"]?.kind == .symlink("var/home"))
            let layout = try lines("/usr/lib/pisces/system/var.conf")
            let carol = try locked("carol")
            for line in [
                "d \"/var/home\" 0755 0 0", "d \"/var/home/alice\" 0700 1500 1500",
                "d \"/var/home/alice/.ssh\" 0700 1500 1500",
                "C \"/var/home/alice/.ssh/authorized_keys\" 0600 1500 1500",
                "d \"/var/srv/carol\" 0700 \(carol.uid) \(carol.gid)",
                "C \"/var/lib/node/state\" 0644 \(carol.uid) \(carol.gid)",
            ] {
                #expect(layout.contains(line), "\(line) is not among \(layout.filter { $0.contains("/var/home") })")
            }
            #expect(try text("/usr/share/factory/var/home/alice/.ssh/authorized_keys") == aliceKey + "\n")
            #expect(try text("/usr/share/factory/var/lib/node/state") == "0\n")
        }

        private func link(_ name: String) -> String? {
            guard case .symlink(let target) = tree["/etc/systemd/system/\(name)"]?.kind else { return nil }
            return target
        }

        @Test func unitsAreEnabledDisabledMaskedAndExtended() throws {
            #expect(try text("/etc/systemd/system/greeting.service").contains("ExecStart=/usr/bin/true"))
            #expect(try text("/etc/systemd/system/ssh.service.d/limits.conf") == "[Service]\nTasksMax=64\n")
            #expect(link("multi-user.target.wants/greeting.service") == "/etc/systemd/system/greeting.service")
            #expect(link("apt-daily.timer") == "/dev/null")
            #expect(link("multi-user.target.wants/ssh.service") == nil)
            #expect(link("sshd.service") == nil)
            #expect(link("multi-user.target.wants/systemd-networkd.service") != nil, "the blueprint has links")
        }

        @Test func filesOfEachKindHaveTheirOwnersAndModes() throws {
            let meter = try locked("meter")
            let meters = try #require(
                try Lock(parsing: Array(try fileText(site.folder.lock).utf8), file: "lock")
                    .groups["meters"])
            #expect(try text("/etc/motd") == "Welcome\n")
            #expect(owner("/etc/motd") == [0o644, 0, 0])
            #expect(tree["/etc/node"]?.isDirectory == true)
            #expect(owner("/etc/node") == [0o750, meter.uid, meters])
            #expect(try openRoot(site.image).contents(of: "/etc/node/token") == [0, 1, 2, 255])
            #expect(owner("/etc/node/token") == [0o640, 1500, 1600])
            #expect(tree["/etc/node/latest"]?.kind == .symlink("../motd"))
            #expect(try text("/usr/local/bin/report") == reportScript)
            #expect(owner("/usr/local/bin/report") == [0o4755, 0, 0])
        }

        @Test func networkLocaleTimeAndKernelAreConfigured() throws {
            #expect(try text("/etc/hostname") == "node-7\n")
            #expect(try lines("/etc/hosts").contains("127.0.1.1 node-7"))
            #expect(
                try lines("/etc/systemd/network/50-pisces.network") == [
                    "[Match]", "Name=eth0", "[Network]", "DHCP=no", "Address=192.0.2.5/24", "Gateway=192.0.2.1",
                    "DNS=192.0.2.53",
                ])
            #expect(try text("/etc/locale.conf") == "LANG=C.UTF-8\n")
            #expect(try text("/etc/vconsole.conf") == "KEYMAP=de\n")
            #expect(tree["/etc/localtime"]?.kind == .symlink("/usr/share/zoneinfo/Asia/Tokyo"))
            #expect(tree["/usr/share/zoneinfo/Asia/Tokyo"] != nil)
            #expect(try text("/etc/modules-load.d/pisces.conf") == "dummy\n")
            #expect(try text("/etc/sysctl.d/90-pisces.conf") == "net.ipv4.ip_forward = 1\n")
        }

        @Test func nothingOfTheBuildIsLeftInTheImage() throws {
            #expect(try text("/etc/machine-id") == "")
            for path in tree.paths {
                #expect(!path.hasPrefix("/etc/ssh/ssh_host_") && path != "/usr/sbin/policy-rc.d")
                #expect(!path.hasSuffix(".dpkg-new") && !path.hasSuffix(".dpkg-old"), "\(path)")
            }
            for path in ["/tmp", "/run", "/var", "/proc", "/dev", "/sys"] { #expect(tree.children(of: path) == []) }
            let status = try Deb822.parse(
                try openRoot(site.image).contents(of: "/usr/lib/sysimage/dpkg/status"), file: "status")
            let lock = try Lock(parsing: Array(site.firstLock.utf8), file: "lock")
            #expect(status.count == lock.packages.count)
            #expect(status.allSatisfy { $0["Status"] == "install ok installed" })
        }

        /// The same file system as another implementation reads it.
        @Test func imageIsSoundForTheToolsOfErofs() throws {
            let place = try #require(
                try PartitionTable.read(path: site.image).plan.partitions.first { $0.name == "root-1" })
            let scratch = try TemporaryDirectory(in: site.path)
            let copy = try Descriptor.open("\(scratch.path)/root.erofs", O_RDWR | O_CREAT)
            try copy.copy(
                from: try Descriptor.open(site.image), at: Int(place.startBytes), length: try openRoot(site.image).size,
                to: 0)
            try run("fsck.erofs", "--extract=\(scratch.path)/root", "\(scratch.path)/root.erofs")
            let status = try Descriptor.directory("\(scratch.path)/root/etc/node").status(of: "token")
            #expect(status.mode & 0o7777 == 0o640)
            if isRoot { #expect([status.uid, status.gid] == [1500, 1600]) }
            #expect(try run("cat", "\(scratch.path)/root/usr/local/bin/report") == reportScript)
        }
    }
}
