import BlueprintModel
import Testing

@Suite struct DecodingTests {
    @Test func everyKindIsRead() throws {
        let text = """
            packages: { install: [vim, less], without: [nano], recommends: true }
            repositories:
              extra: { uri: "https://example.org/debian", suites: [stable], components: [main], signed-by: keys/extra.asc }
              local: { directory: ../out }
            users:
              ops: { uid: 1000, groups: [sudo], shell: /bin/bash, ssh-keys: [ssh-ed25519 AAAAC3Nz me], comment: Operator,
                     password: { secret: ops-password } }
            groups: { web: { gid: 900, system: true } }
            units:
              enable: [ssh.service]
              own: { hello.service: { text: "[Service]\\n" } }
              drop-ins: { ssh.service: { 10-x.conf: { text: "[Unit]\\n" } } }
            files:
              /etc/motd: { text: "hello\\n", mode: 0600, owner: ops, group: web }
              /etc/blob: { base64: AAE= }
              /etc/from: { source: from.txt }
              /etc/link: { symlink: motd }
              /srv/x: { directory: true, mode: "2775" }
            network:
              hostname: gate.example
              links: { "en*": { address: [192.0.2.5/24, "2001:db8::5/64"], gateway: [192.0.2.1, "fe80::1"], dns: ["::1"] } }
            locale: { lang: de_DE.UTF-8, keymap: de }
            time: { zone: Europe/Berlin, ntp: true }
            kernel: { command-line: [quiet], modules: [tun], initrd-modules: [nvme], sysctl: { net.ipv4.ip_forward: 1 } }
            image: { root: squashfs, compression: small, verity: false, store: true, slot: 2GiB, data: 5GiB, epoch: 17 }
            """
        let loaded = try loadBlueprint(text, ["keys/extra.asc": "KEY", "from.txt": "from"])
        var wanted = Blueprint(name: "x")
        (wanted.packages.install, wanted.packages.without) = (["vim", "less"], ["nano"])
        wanted.packages.recommends = true
        wanted.repositories["extra"] = .archive(
            .init(
                uri: "https://example.org/debian", suites: ["stable"], components: ["main"], signedBy: Array("KEY".utf8)
            ))
        wanted.repositories["local"] = .directory("../out")
        var ops = Blueprint.User()
        (ops.uid, ops.groups, ops.shell, ops.comment) = (1000, ["sudo"], "/bin/bash", "Operator")
        ops.sshKeys = ["ssh-ed25519 AAAAC3Nz me"]
        ops.password = .init(name: "ops-password")
        wanted.users["ops"] = ops
        wanted.groups["web"] = .init()
        wanted.groups["web"]?.gid = 900
        wanted.groups["web"]?.system = true
        wanted.units.enable = ["ssh.service"]
        wanted.units.own["hello.service"] = Array("[Service]\n".utf8)
        wanted.units.dropIns["ssh.service"] = ["10-x.conf": Array("[Unit]\n".utf8)]
        var motd = Blueprint.File(.regular(Array("hello\n".utf8)), mode: 0o600)
        (motd.owner, motd.group) = ("ops", "web")
        wanted.files = [
            "/etc/motd": motd, "/etc/blob": .init(.regular([0, 1])), "/etc/from": .init(.regular(Array("from".utf8))),
            "/etc/link": .init(.symlink("motd")), "/srv/x": .init(.directory, mode: 0o2775),
        ]
        wanted.network.hostname = "gate.example"
        var link = Blueprint.Link()
        link.addresses = ["192.0.2.5/24", "2001:db8::5/64"]
        link.gateways = ["192.0.2.1", "fe80::1"]
        link.dns = ["::1"]
        wanted.network.links["en*"] = link
        (wanted.locale.lang, wanted.locale.keymap) = ("de_DE.UTF-8", "de")
        (wanted.time.zone, wanted.time.ntp) = ("Europe/Berlin", true)
        (wanted.kernel.commandLine, wanted.kernel.modules) = (["quiet"], ["tun"])
        (wanted.kernel.initrdModules, wanted.kernel.sysctl) = (["nvme"], ["net.ipv4.ip_forward": "1"])
        (wanted.image.root, wanted.image.compression) = (.squashfs, .small)
        (wanted.image.verity, wanted.image.store) = (false, true)
        (wanted.image.slot, wanted.image.data, wanted.image.epoch) = (2 << 30, 5 << 30, 17)
        #expect(loaded.blueprint == wanted)
        #expect(loaded.files == ["x.yaml", "keys/extra.asc", "from.txt"])
    }

    @Test func aPlainListOfPackagesMeansInstall() throws {
        #expect(try loadBlueprint("packages: [vim]").blueprint.packages.install == ["vim"])
    }

    @Test func wordsThatOldYAMLTakesForTruthValuesAreTexts() throws {
        let blueprint = try loadBlueprint("users: { no: { comment: yes } }").blueprint
        #expect(blueprint.users["no"]?.comment == "yes")
    }

    /// Lines after the head of a blueprint, and the messages that they give.
    static let bad: [(String, [String])] = [
        ("pakages: [vim]", ["x.yaml:4:1: unknown key \"pakages\" in blueprint; did you mean \"packages\"?"]),
        ("packages: { instal: [vim] }", ["x.yaml:4:13: unknown key \"instal\" in packages; did you mean \"install\"?"]),
        ("users: { ops: { zzz: 1 } }", ["x.yaml:4:17: unknown key \"zzz\" in users.ops"]),
        (
            "packages: { recommends: yes }",
            ["x.yaml:4:25: packages.recommends: wanted true or false, found the text \"yes\""]
        ),
        (
            "packages: { recommends: \"true\" }",
            ["x.yaml:4:25: packages.recommends: wanted true or false, found the text \"true\""]
        ),
        ("packages: vim", ["x.yaml:4:11: packages: wanted a list or a mapping, found the text \"vim\""]),
        ("packages:", ["x.yaml:4:10: packages: wanted a list or a mapping, found nothing"]),
        (
            "packages: [vim, less, vim]",
            ["x.yaml:4:23: packages.install: \"vim\" stands in the list twice: the first is in line 4"]
        ),
        (
            "packages: [V]",
            [
                "x.yaml:4:12: packages.install: \"V\" is not a package name; wanted lower-case letters, digits, \"+\", \"-\" and "
                    + "\".\", at least two, first a letter or digit"
            ]
        ),
        ("packages: [[vim]]", ["x.yaml:4:12: packages.install: wanted a package name, found a list"]),
        (
            "packages: { install: [vim], without: [vim] }",
            ["x.yaml:4:39: packages: \"vim\" stands in both install and without"]
        ),
        (
            "units: { enable: [a.service], mask: [a.service] }",
            ["x.yaml:4:38: units: \"a.service\" stands in both enable and mask"]
        ),
        (
            "units: { enable: [ssh] }",
            [
                "x.yaml:4:19: units.enable: \"ssh\" is not a unit name; wanted letters, digits and any of \":_.\\@-\", with an "
                    + "ending such as \".service\""
            ]
        ),
        (
            "users: { Ops: {} }",
            [
                "x.yaml:4:10: users: \"Ops\" is not a user or group name; wanted lower-case letters, digits, \"_\" and \"-\", at "
                    + "most 32, first a letter or \"_\""
            ]
        ),
        (
            "users: { a: { uid: 5000000000000000000000 } }",
            [
                "x.yaml:4:20: users.a.uid: wanted a whole number from 1 to 4294967294, found the text \"5000000000000000000000\""
            ]
        ),
        ("users: { a: { uid: 7 }, b: { uid: 7 } }", ["x.yaml:4:25: users.b has the id 7, as has users.a"]),
        (
            "users: { a: { password: { sekret: x } } }",
            [
                "x.yaml:4:25: missing key \"secret\" in users.a.password",
                "x.yaml:4:27: unknown key \"sekret\" in users.a.password; did you mean \"secret\"?",
            ]
        ),
        (
            "files: { etc/motd: { text: a } }",
            [
                "x.yaml:4:10: files: \"etc/motd\" is not an absolute path; wanted \"/\" and names between single \"/\", none of "
                    + "them \".\" or \"..\""
            ]
        ),
        (
            "files: { /etc/../x: { text: a } }",
            [
                "x.yaml:4:10: files: \"/etc/../x\" is not an absolute path; wanted \"/\" and names between single \"/\", none "
                    + "of them \".\" or \"..\""
            ]
        ),
        (
            "files: { /a: { text: a, mode: \"0999\" } }",
            ["x.yaml:4:31: files./a.mode: \"0999\" is not a file mode; wanted three or four octal digits, as \"0644\""]
        ),
        ("files: { /a: { text: a, symlink: b } }", ["x.yaml:4:34: files./a: \"symlink\" cannot stand beside \"text\""]),
        (
            "files: { /a: { mode: \"0644\" } }",
            [
                "x.yaml:4:14: files./a: wanted one of the keys text, base64, source, stored, secret, symlink, directory, "
                    + "packaged or absent"
            ]
        ),
        (
            "files: { /a: { symlink: b, mode: \"0644\" } }",
            ["x.yaml:4:34: files./a: a symbolic link has no mode of its own"]
        ),
        (
            "files: { /a: { text: a }, /a/b: { text: b } }",
            ["x.yaml:4:27: files./a/b lies below files./a, which is no directory"]
        ),
        ("files: { /a: { source: gone } }", ["x.yaml:4:24: files./a.source: cannot read \"gone\": no such file"]),
        (
            "files: { /a: { base64: \"A\" } }",
            ["x.yaml:4:24: files./a.base64: \"A\" is not base64; wanted base64 with its padding (RFC 4648 §4)"]
        ),
        (
            "files: { /a: { text: \"a\\0b\" } }",
            [
                "x.yaml:4:22: files./a.text: \"a\\0b\" is not a text; wanted a text without NUL; what holds one is written as "
                    + "base64"
            ]
        ),
        (
            "repositories: { a: { uri: http://h/, directory: d } }",
            [
                "x.yaml:4:20: missing key \"suites\" in repositories.a",
                "x.yaml:4:20: missing key \"signed-by\" in repositories.a",
                "x.yaml:4:49: repositories.a: \"directory\" cannot stand beside \"uri\"",
            ]
        ),
        (
            "files: { \"/a/../\\u0301x\": { directory: true } }",
            [
                "x.yaml:4:10: files: \"/a/../\u{301}x\" is not an absolute path; wanted \"/\" and names between single "
                    + "\"/\", none of them \".\" or \"..\""
            ]
        ),
        (
            "repositories: { a: { uri: http://h/, suites: [s], signed-by: { text: k } } }",
            [
                "x.yaml:4:20: repositories.a: wanted suites with components, or exact suites that end in \"/\" without any"
            ]
        ),
        (
            "users: { a: { ssh-keys: [ssh-rot13 AAAA] } }",
            [
                "x.yaml:4:26: users.a.ssh-keys: \"ssh-rot13 AAAA\" is not an SSH public key; wanted one line of type, "
                    + "base64 and comment, as in a .pub file"
            ]
        ),
        (
            "network: { hostname: -x }",
            [
                "x.yaml:4:22: network.hostname: \"-x\" is not a host name; wanted labels of letters, digits and inner \"-\", "
                    + "joined by \".\", at most 64 in all"
            ]
        ),
        (
            "network: { links: { en0: { address: [192.0.2.300/24] } } }",
            [
                "x.yaml:4:38: network.links.en0.address: \"192.0.2.300/24\" is not an address with its prefix length; wanted as "
                    + "in \"192.0.2.5/24\" or \"2001:db8::5/64\""
            ]
        ),
        (
            "network: { links: { en0: { gateway: [192.0.2.1, 192.0.2.2] } } }",
            ["x.yaml:4:49: network.links.en0: a second gateway for IPv4"]
        ),
        (
            "image: { layout: ../uefi }",
            [
                "x.yaml:4:18: image.layout: \"../uefi\" is not a name; wanted lower-case letters, digits and \"-\", at most 63"
            ]
        ),
        (
            "image: { slot: 1GB }",
            [
                "x.yaml:4:16: image.slot: \"1GB\" is not a size; wanted a whole number and KiB, MiB, GiB or TiB, as in "
                    + "\"512MiB\""
            ]
        ),
        (
            "image: { root: erfs }",
            [
                "x.yaml:4:16: image.root: \"erfs\" is not a file system for the root; wanted erofs, squashfs or ext4; "
                    + "did you mean \"erofs\"?"
            ]
        ),
        (
            "image: { root: ext4, compression: small }",
            ["x.yaml:4:35: image: ext4 does not compress; choose erofs or squashfs under `image.root`"]
        ),
        (
            "image: { data-schema: { version: 2, floor: 3 } }",
            [
                "x.yaml:4:44: image.data-schema: floor 3 is above version 2: this system could not work with its own "
                    + "data"
            ]
        ),
        (
            "image: { data-schema: { version: -1 } }",
            [
                "x.yaml:4:34: image.data-schema.version: wanted a whole number from 0 to 2147483647, found the text \"-1\""
            ]
        ),
        (
            "include: [/etc/base.yaml]",
            ["x.yaml:4:11: include: \"/etc/base.yaml\" is not a relative path; wanted a path relative to this file"]
        ),
        ("include: [gone.yaml]", ["x.yaml:4:11: include: cannot read \"gone.yaml\": no such file"]),
        ("include: [x.yaml]", ["x.yaml:4:11: include: a cycle: x.yaml includes x.yaml"]),
        ("name: y", ["x.yaml:4:1: duplicate key \"name\": the first is in line 2"]),
    ]

    @Test(arguments: bad) func aMistakeIsNamedWithItsPlaceAndItsRemedy(lines: String, wanted: [String]) {
        #expect(problems { try loadBlueprint(lines) } == wanted)
    }

    @Test func dataSchemaIsRead() throws {
        let text = "image: { data-schema: { version: 3, floor: 2 } }"
        let schema = try loadBlueprint(text).blueprint.image.dataSchema
        #expect(schema.version == 3 && schema.floor == 2)
        #expect(try loadBlueprint("image: { data-schema: { floor: 0 } }").blueprint == loadBlueprint("").blueprint)
    }

    @Test func everyMistakeIsReportedInTheOrderOfTheText() {
        let text = """
            blueprint: 2
            nam: x
            distribution: { debian: trixy, architecture: x86 }
            users: { a: { uid: -1, shell: bash } }
            """
        #expect(
            problems { try load(["x.yaml": text]) } == [
                "x.yaml:1:1: missing key \"name\" in blueprint",
                "x.yaml:1:12: blueprint: wanted 1, found the text \"2\"",
                "x.yaml:2:1: unknown key \"nam\" in blueprint; did you mean \"name\"?",
                "x.yaml:3:25: distribution.debian: \"trixy\" is not a release of Debian; wanted bookworm or trixie; "
                    + "did you mean \"trixie\"?",
                "x.yaml:3:46: distribution.architecture: \"x86\" is not an architecture; wanted amd64 or arm64",
                "x.yaml:4:20: users.a.uid: wanted a whole number from 1 to 4294967294, found the text \"-1\"",
                "x.yaml:4:31: users.a.shell: \"bash\" is not an absolute path; wanted \"/\" and names between single "
                    + "\"/\", none of them \".\" or \"..\"",
            ])
    }

    @Test func aMissingBlueprintIsNamed() {
        #expect(problems { try load([:]) } == ["x.yaml:1:1: cannot read \"x.yaml\": no such file"])
    }
}
