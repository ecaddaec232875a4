import BlueprintModel
import PiscesTesting
import Testing

@Suite struct CanonicalTests {
    @Test func commentsOrderStyleAndFilesDoNotChangeTheIdentity() throws {
        let one = try loadBlueprint(
            """
            # a comment
            packages: [vim]
            files: { /a: { source: a, mode: "0644" } }
            image: { data: 1GiB, verity: true }
            """, ["a": "text\n"])
        let two = try load(
            [
                "x.yaml": """
                image: { data: 1024MiB }
                name: x
                include: [y.yaml]
                blueprint: 1
                """,
                "y.yaml": """
                files:
                  "/a":
                    text: |
                      text
                packages:
                  install:
                  - vim
                distribution: { architecture: amd64, debian: trixie }
                blueprint: 1
                """,
            ])
        #expect(one.blueprint.canonicalBytes == two.blueprint.canonicalBytes)
        #expect(
            one.blueprint.canonicalJSON.canonical
                == #"{"blueprint":1,"distribution":{"architecture":"amd64","debian":"trixie"},"#
                + #""files":{"/a":{"text":"text\n"}},"image":{"data":"1GiB"},"name":"x","packages":{"install":["vim"]}}"#
        )
    }

    @Test func everyBlueprintSurvivesItsCanonicalForm() throws {
        var random = SeededGenerator(state: 3)
        for _ in 0..<60 {
            let blueprint = Self.blueprint(&random)
            let bytes = blueprint.canonicalBytes
            #expect(try Blueprint(canonical: bytes, file: "j") == blueprint)
            // JSON is YAML: the same bytes are a blueprint that a person could have written.
            #expect(try Blueprint.load("j") { _ in bytes }.blueprint == blueprint)
        }
    }

    @Test func differencesAreListedByPath() {
        var old = Blueprint(name: "x")
        old.packages.install = ["vim", "less"]
        old.users["ops"] = .init()
        old.kernel.commandLine = ["a", "b"]
        var new = old
        #expect(Blueprint.diff(old, new).isEmpty)
        new.packages.install = ["less", "nano"]
        new.users["ops"]?.shell = "/bin/sh"
        new.users["web"] = .init()
        new.kernel.commandLine = ["b", "a"]
        new.image.verity = false
        new.health.required["ssh"] = .init(.unit("ssh.service"))
        new.network.links["en*"] = .init()
        #expect(
            Blueprint.diff(old, new).map(\.description) == [
                "+ health.required.ssh: {\"unit\":\"ssh.service\"}",
                "~ image.verity: true -> false", "~ kernel.command-line: [\"a\",\"b\"] -> [\"b\",\"a\"]",
                "+ network.links.en*: {}", "- packages.install: \"vim\"", "+ packages.install: \"nano\"",
                "+ users.ops.shell: \"/bin/sh\"", "+ users.web: {}",
            ])
    }

    @Test func blueprintsDifferExactlyWhereTheirCanonicalFormsDo() {
        var random = SeededGenerator(state: 5)
        let some = (0..<12).map { _ in Self.blueprint(&random) }
        for a in some {
            for b in some { #expect(Blueprint.diff(a, b).isEmpty == (a.canonicalBytes == b.canonicalBytes)) }
        }
    }

    @Test func textsThatOnlySwiftTakesForEqualDiffer() {
        var (old, new) = (Blueprint(name: "x"), Blueprint(name: "x"))
        old.files["/a"] = .init(.symlink("\u{E9}"))
        new.files["/a"] = .init(.symlink("e\u{301}"))
        #expect(Blueprint.diff(old, new).count == 1)
    }

    /// Any blueprint, each kind filled or not.
    static func blueprint(_ random: inout SeededGenerator) -> Blueprint {
        var generator = random
        defer { random = generator }
        func some<Value>(_ values: [Value]) -> [Value] {
            Array(values.shuffled(using: &generator).prefix(Int(generator.next() % UInt64(values.count + 1))))
        }
        func maybe<Value>(_ values: Value...) -> Value? { values.first.flatMap { _ in some(values).first } }
        let bytes: [[UInt8]] = [
            [], [0], [0xFF, 0xFE], Array("text é\n\t\"x\": [\\".utf8), Array("no".utf8), Array(0...255),
        ]
        let texts: [[UInt8]] = [[], Array("[Unit]\nA=1\n".utf8), Array("~".utf8)]

        var blueprint = Blueprint(name: maybe("a-1", "null") ?? "x")
        blueprint.distribution = .init(debian: maybe(.bookworm) ?? .trixie, architecture: maybe(.arm64) ?? .amd64)
        blueprint.distribution.mirror = maybe("https://example.org/debian")
        (blueprint.packages.install, blueprint.packages.without) = (some(["vim", "g++", "0ad"]), some(["nano", "ed"]))
        blueprint.packages.recommends = maybe(true) ?? false
        RegisterTests.fill(&blueprint, &generator)
        for name in some(["one", "two"]) {
            blueprint.repositories[name] =
                maybe(.directory("../x"))
                ?? .archive(
                    .init(
                        uri: "http://h/", suites: ["s"], components: ["main"] + some(["more"]),
                        signedBy: bytes[Int(generator.next() % 6)]))
        }
        for (uid, name) in some(["ops", "no", "_x"]).enumerated() {
            var user = Blueprint.User()
            user.uid = maybe(1000 + uid)
            user.group = maybe("staff")
            user.groups = some(["sudo", "adm"])
            user.shell = maybe("/bin/sh")
            user.home = maybe("/srv/é")
            user.sshKeys = some(["ssh-ed25519 AAAAC3Nz", "ssh-rsa AAAAB3Nz a b"])
            user.comment = maybe("A B", "1", "true") ?? ""
            user.system = maybe(true) ?? false
            user.password = maybe(.init(name: "p"))
            blueprint.users[name] = user
        }
        for name in some(["web", "db"]) { blueprint.groups[name] = .init() }
        blueprint.units.enable = some(["a.service", "b@c.timer"])
        blueprint.units.mask = some([#"d\x2de.mount"#])
        for name in some(["x.service", "y.socket"]) { blueprint.units.own[name] = texts[Int(generator.next() % 3)] }
        for name in some(["x.service"]) { blueprint.units.dropIns[name] = ["1.conf": texts[Int(generator.next() % 3)]] }
        for path in some(["/etc/a", "/etc/b c", "/é", "/~", "/d"]) {
            blueprint.files[path] = file(bytes, &generator)
        }
        blueprint.containers = ContainerTests.containers(&generator)
        blueprint.network.hostname = maybe("h", "a.b")
        for name in some(["en*", "wl[0-9]?"]) {
            var link = Blueprint.Link()
            link.dhcp = maybe(true) ?? false
            link.addresses = some(["192.0.2.1/0", "::/128", "::ffff:192.0.2.1/96"])
            link.gateways = some(["192.0.2.1", "fe80::1"])
            blueprint.network.links[name] = link
        }
        (blueprint.locale.keymap, blueprint.time.zone) = (maybe("de"), maybe("Etc/GMT+1") ?? "Etc/UTC")
        blueprint.kernel.commandLine = some(["quiet", "a=\\[x]", "console=ttyS0,115200"])
        for name in some(["vm.swappiness", "net.ipv4.ip_forward"]) {
            blueprint.kernel.sysctl[name] = maybe("1", "a b") ?? "0"
        }
        blueprint.health = HealthChecksTests.health(&generator)
        (blueprint.image.root, blueprint.image.compression) = (maybe(.squashfs) ?? .erofs, maybe(.fast) ?? .none)
        blueprint.image.store = maybe(true) ?? false
        (blueprint.image.slot, blueprint.image.epoch) = (maybe(1 << 40, 3 << 20, 5 << 10), maybe(0, 1_700_000_000))
        return blueprint
    }

    private static func file(_ bytes: [[UInt8]], _ random: inout SeededGenerator) -> Blueprint.File {
        func maybe<Value>(_ values: Value...) -> Value? { random.next() & 1 == 0 ? nil : random.pick(values) }
        var file = Blueprint.File(maybe(.symlink("../x"), .directory) ?? .regular(random.pick(bytes)))
        if case .symlink = file.content {} else { file.mode = maybe(0, 0o4755, 0o600) ?? file.mode }
        (file.owner, file.group) = (maybe("ops") ?? "root", maybe("adm") ?? "root")
        guard case .regular = file.content else { return file }
        file.capabilities = maybe("cap_kill=ep").flatMap { Blueprint.Capabilities($0) }
        file.acl = (maybe(["user:ops:r--", "group::rw-"]) ?? []).compactMap { Blueprint.AccessEntry($0) }
        file.xattrs = maybe(["user.a b": [0, 1], "user.c": Array("é".utf8)]) ?? [:]
        return file
    }
}
