import BlueprintModel
import Disk
import LinuxSystem

@testable import Constructor

extension FuzzTarget {
    /// What people write: YAML and JSON.
    static let documents = [blueprint, canonicalBlueprint, json, layout, imagePlan]

    private static let keys = [
        "blueprint: 1\n", "name: ", "include: [", "distribution: ", "debian: trixie", "architecture: amd64",
        "packages:",
        "install:", "without:", "repositories:", "directory: ", "uri: ", "suites: ", "signed-by: ", "users:", "uid: ",
        "groups: ", "gid: ", "ssh-keys: ", "password: ", "secret: ", "keyed-hash: ", "shell: ", "home: ",
        "system: true", "units:",
        "own:", "drop-ins:", "enable: ", "disable: ", "mask: ", "files:", "text: ", "base64: ", "source: ",
        "symlink: ", "directory: true", "packaged: true", "capabilities: ", "acl: [", "xattrs: ", "hold: [",
        "alternatives:", "diversions:", "stat-overrides:", "mode: ", "owner: ", "group: ", "network:", "hostname: ",
        "links:",
        "address: ", "gateway: ", "dns: ", "dhcp: ", "locale:", "lang: ", "keymap: ", "time:", "zone: ", "kernel:",
        "command-line: ", "modules: ", "sysctl: ", "image:", "layout: ", "slot: ", "data: ", "epoch: ",
        "4194304TiB", "9223372036854775807", "-9223372036854775808", "0x7fffffff", "&a ", "*a", "<<: ", "? ", "!!str ",
        "|\n  ", ">-\n  ", "\"\\u0000\"", "[", "]", "{", "}", "- ", "...\n", "---\n", "%YAML 1.1\n", "~", "null",
    ]

    private static let small = """
        blueprint: 1
        name: a
        distribution: { debian: trixie, architecture: amd64 }

        """

    /// The blueprint `a.yaml`, and beside it `b.yaml` and `c.yaml`.
    private static let blueprint = FuzzTarget(
        "blueprint", words: keys,
        seeds: {
            [
                try repositoryFile("Blueprints/minimal.yaml"),
                joined(
                    small + "include: [b.yaml]\nwithout: { packages: [vim] }\n",
                    "blueprint: 1\ninclude: [c.yaml]\npackages: [vim, &n nano]\nkernel: { modules: [*n] }\n",
                    "blueprint: 1\nfiles: { /etc/a: { source: b.yaml }, /etc/b: { text: x } }\n"),
                joined(
                    small + """
                        users: { ann: { uid: 1500, groups: [adm], shell: /bin/sh, password: { secret: ann } } }
                        groups: { ops: { gid: 1600 } }
                        units: { own: { a.service: { text: "[Service]\\n" } }, enable: [a.service], mask: [b.timer] }
                        files: { /etc/c: { base64: AAEC/w==, mode: "0640", owner: ann }, /d: { symlink: ../e },
                          /f: { directory: true, acl: ["user:ann:rwx"] }, /g: { packaged: true, capabilities: cap_kill=p } }
                        network: { hostname: a-1, links: { eth0: { address: [192.0.2.5/24], dns: [2001:db8::1] } } }
                        alternatives: { editor: /usr/bin/vi }
                        diversions: { /usr/bin/a: /usr/bin/a.real }
                        stat-overrides: { /usr/bin/b: { owner: root, group: adm, mode: "4750" } }
                        kernel: { command-line: [quiet], sysctl: { net.ipv4.ip_forward: 1 } }
                        image: { slot: 512MiB, data: 1GiB, epoch: 5 }

                        """),
            ]
        },
        read: { input in
            let files = Dictionary(uniqueKeysWithValues: zip(["a.yaml", "b.yaml", "c.yaml"], parts(input, 3)))
            let loaded = try Blueprint.load("a.yaml") { path in
                guard let bytes = files[path] else { throw Missing() }
                return bytes
            }
            let blueprint = loaded.blueprint
            try expectSame("the canonical form is the blueprint", blueprint) {
                try Blueprint(canonical: blueprint.canonicalBytes, file: "canonical")
            }
            guard Blueprint.diff(blueprint, blueprint).isEmpty else { throw BrokenLaw("nothing differs from itself") }
            for key in blueprint.canonicalJSON.object.map({ Array($0.keys) }) ?? [] { _ = try loaded.explain(key) }
        })

    private struct Missing: Error {}

    private static let canonicalBlueprint = FuzzTarget(
        "blueprint-json",
        words: keys.map { "\"\($0.prefix { $0 != ":" })\":" } + [
            "[]", "{}", "null", "true", "\\ud800", "\\u0000", "-0",
        ],
        seeds: {
            let minimal = try repositoryFile("Blueprints/minimal.yaml")
            return [try Blueprint.load("a") { _ in minimal }.blueprint.canonicalBytes]
        },
        read: { input in
            let blueprint = try Blueprint(canonical: input, file: "a")
            try expectSame("the canonical form is the blueprint", blueprint) {
                try Blueprint(canonical: blueprint.canonicalBytes, file: "canonical")
            }
        })

    private static let json = FuzzTarget(
        "json", words: ["null", "true", "false", "\\ud83d\\ude00", "\\u0000", "9223372036854775807", "-0", "[[[["],
        seeds: { [Array(#"{"a":[1,-2,null,true,{"b\n":"é\u00e9\ud83d\ude00"}],"c":9223372036854775807}"#.utf8)] },
        read: { input in
            let value = try JSONValue(parsing: input, file: "a")
            try expectSame("canonical JSON reads back", value) {
                try JSONValue(parsing: value.canonicalBytes, file: "b")
            }
            try expectSame("pretty JSON reads back", value) {
                try JSONValue(parsing: Array(value.pretty.utf8), file: "c")
            }
        })

    private static let layoutWords = [
        "layout: 1\n", "architectures: ", "boot: systemd-boot", "sector-size: ", "alignment: ", "partitions:", "role: ",
        "slot: ", "size: ", "grow: true", "4194304TiB", "8388607TiB", "4KiB", "1KiB", "esp", "root", "verity", "data",
    ]

    private static let layout = FuzzTarget(
        "layout", words: layoutWords, seeds: { [try repositoryFile("Images/uefi.yaml")] },
        read: { input in _ = try ImageLayout(yaml: input, file: "a") })

    /// Two numbers of 8 bytes: KiB of a slot and of the data partition.
    private static let imagePlan = FuzzTarget(
        "image-plan",
        seeds: { [little(512 << 10, 8) + little(1 << 20, 8), little(64 << 20, 8) + little(1 << 30, 8)] },
        read: { input in
            // No blueprint can say more than 2^62 bytes.
            let sizes = [0, 8].map { Int(input.little($0, 8) % (1 << 52) + 1) << 10 }
            var blueprint = Blueprint(name: "a")
            (blueprint.image.slot, blueprint.image.data) = (sizes[0], sizes[1])
            let layout = try ImageLayout(yaml: try repositoryFile("Images/uefi.yaml"), file: "a")
            let plan = try ImagePlan(blueprint: blueprint, seed: SHA256.hash([]), layout: layout)
            let table = try plan.partitionTable(rootHash: SHA256.hash([1]))
            try table.check()
            guard plan.size % layout.alignment == 0, table.sizeBytes == UInt64(plan.size) else {
                throw BrokenLaw("a disk is whole units of its alignment")
            }
        })
}
