import BlueprintModel
import ContentStore
import Copier
import Debian
import LinuxSystem

@testable import Constructor

extension FuzzTarget {
    /// What a copy is made of, and what it is brought elsewhere in.
    static let copies = [registers, attributes, seal]

    /// Files that the copier reads, in the order in which they stand in an input.
    private static let paths = [
        "/var/lib/dpkg/status", "/etc/passwd", "/etc/group", "/etc/shadow", "/var/lib/dpkg/diversions",
        "/var/lib/dpkg/statoverride", "/var/lib/dpkg/alternatives/editor", "/var/lib/dpkg/info/dpkg.postinst",
        "/var/lib/apt/extended_states", "/etc/apt/sources.list", "/etc/systemd/network/a.network",
        "/etc/sysctl.d/a.conf", "/etc/fstab", "/var/cache/debconf/config.dat", "/var/cache/debconf/templates.dat",
    ]

    private static let registers = FuzzTarget(
        "copied-registers",
        words: [
            "Package: ", "Status: install ok installed\n", "Status: hold ok installed\n", "Version: ", "Conffiles:\n",
            "Auto-Installed: 1\n", ":x:1000:1000:", "/bin/sh\n", "manual\n", "auto\n", "#0 ", " 4755 ", "\n:\n",
            "update-alternatives --install ", "dpkg-statoverride --add ", "setcap ", "ln -s ", "cat > /etc/a <<EOF\n",
            "adduser ", "deb [signed-by=/a] ", "[Match]\nName=", "DHCP=yes\n", "= ",
            "UUID=", " ext4 noatime 0 2\n", "\\040", "Template: dpkg/a\n", "Owners: dpkg\n", "Flags: seen\n",
        ],
        seeds: {
            [
                joined(
                    """
                    Package: dpkg
                    Status: hold ok installed
                    Architecture: amd64
                    Version: 1
                    Essential: yes

                    """, "root:x:0:0::/root:/bin/bash\nann:x:1000:7::/home/ann:/bin/sh\n", "root:x:0:\nweb:x:7:ann\n",
                    "ann:!:1::::::\n", "/usr/bin/a\n/usr/bin/a.real\n:\n", "root #7 4750 /usr/bin/b\n",
                    "manual\n/usr/bin/editor\n\n/usr/bin/vi\n10\n\n",
                    "#!/bin/sh\ncat > /etc/a <<EOF\nx\nEOF\nsetcap cap_kill+ep /usr/bin/c\nln -s b /etc/d\n",
                    "Package: dpkg\nArchitecture: amd64\nAuto-Installed: 1\n",
                    "deb http://a.example/debian trixie main\n",
                    "[Match]\nName=eth0\n[Network]\nDHCP=yes\n", "vm.swappiness = 10\n",
                    "LABEL=a\\040b /srv/a ext4 noatime 0 2\ntmpfs /b tmpfs size=1m 0 0\n",
                    "Name: dpkg/a\nTemplate: dpkg/a\nValue: x\\ny\nOwners: dpkg\nFlags: seen\n",
                    "Name: dpkg/a\nType: string\nDefault: z\nOwners: dpkg\n")
            ]
        },
        read: { input in
            let directory = try TemporaryDirectory()
            let root = directory.path
            for (path, bytes) in zip(paths, parts(input, paths.count)) {
                try makeDirectories(parentDirectory(of: root + path))
                try AtomicFile.write(bytes, to: root + path)
            }
            try AtomicFile.write(Array("ID=debian\nVERSION_CODENAME=trixie\n".utf8), to: "\(root)/etc/os-release")
            let blueprint = try Copier(SourceRoot(path: root)).copy().blueprint
            try expectSame("what is copied can be written and read", blueprint) {
                let yaml = Array(blueprint.yaml.utf8)
                return try Blueprint.load("a.yaml") { _ in yaml }.blueprint
            }
        })

    private static let attributes = FuzzTarget(
        "file-attributes",
        seeds: {
            let list = ["user:7:rwx", "group::r--"].compactMap { Blueprint.AccessEntry($0) }
                .completed(mode: 0o640, isMaskInMode: true)
            return [
                Blueprint.Capabilities("cap_kill=ep")?.attribute ?? [],
                try list.attribute(user: { UInt32($0) }, group: { UInt32($0) }).get(),
            ]
        },
        read: { input in
            if let capabilities = Blueprint.Capabilities(attribute: input) {
                try expectSame("capabilities are their text", capabilities) {
                    Blueprint.Capabilities(capabilities.text)
                }
            }
            let list = [Blueprint.AccessEntry](
                attribute: input, isDefault: false, user: { _ in nil }, group: { _ in nil })
            guard let list else { return }
            for entry in list {
                try expectSame("an entry is its text", entry) { Blueprint.AccessEntry(entry.text) ?? entry }
            }
            let short = list.reduced(mode: 0o640, isMaskInMode: true).completed(mode: 0o640, isMaskInMode: true)
            try expectSame("what is left out follows", Set(list.completed(mode: 0o640, isMaskInMode: true))) {
                Set(short)
            }
        })

    private static let seal = FuzzTarget(
        "seal",
        words: ["Pisces-Seal: 1\n", "Files:\n ", "blueprint.yaml", "blueprint.lock", "objects/", "../", "ustar"],
        seeds: {
            let text = Array("blueprint: 1\nname: a\ndistribution: { debian: trixie, architecture: amd64 }\n".utf8)
            let blueprint = try Blueprint.load("a.yaml") { _ in text }.blueprint
            let directory = try TemporaryDirectory()
            let lock = Lock(
                blueprintName: "a", blueprint: SHA256.hash(blueprint.canonicalBytes), architecture: "amd64", epoch: 1,
                tools: ["pisces": "1"])
            let path = "\(directory.path)/a.seal"
            try Seal.write([Seal.blueprint: text], lock, from: ObjectStore("\(directory.path)/store"), to: path)
            return [try Descriptor.open(path).readToEnd()]
        },
        read: { input in
            try withFile(input) { file in try SealedSystem(path: path(of: file)).verify() }
        })
}
