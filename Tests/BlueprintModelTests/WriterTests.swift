import PiscesTesting
import Testing

@testable import BlueprintModel

@Suite struct WriterTests {
    /// The blueprint that a text of ours is read as.
    private func read(_ yaml: String) throws -> Blueprint {
        try Blueprint.load("copy.yaml") { _ in Array(yaml.utf8) }.blueprint
    }

    @Test func aBlueprintIsWrittenAsAPersonWould() throws {
        let loaded = try loadBlueprint(
            """
            packages: { install: [nginx, openssh-server] }
            users: { ops: { groups: [sudo], comment: "Op #one" }, app: { system: true } }
            units: { enable: [ssh.service], own: { a.service: { text: "[Service]\\nExecStart=/bin/true\\n" } } }
            files: { /etc/motd: { text: "hello\\n" }, /etc/x: { base64: AAE=, mode: "0600" } }
            network: { links: { "en*": { dhcp: true } } }
            kernel: { sysctl: { net.ipv4.ip_forward: 1, vm.swappiness: "10" }, command-line: ["console=ttyS0,115200"] }
            image: { data: 2GiB }
            """)
        #expect(
            loaded.blueprint.yaml == """
                # yaml-language-server: $schema=blueprint.schema.json
                blueprint: 1
                name: x
                distribution: { debian: trixie, architecture: amd64 }
                packages: [nginx, openssh-server]

                users:
                  app: { system: true }
                  ops: { groups: [sudo], comment: "Op #one" }

                units:
                  enable: [ssh.service]
                  own:
                    a.service:
                      text: |
                        [Service]
                        ExecStart=/bin/true

                files:
                  /etc/motd: { text: "hello\\n" }
                  /etc/x: { base64: AAE=, mode: "0600" }

                network:
                  links: { en*: { dhcp: true } }

                kernel:
                  command-line: ["console=ttyS0,115200"]
                  sysctl: { net.ipv4.ip_forward: "1", vm.swappiness: "10" }

                image: { data: 2GiB }

                """)
    }

    @Test func largeContentsLieInFilesOfTheirOwn() throws {
        let keys = String(repeating: "k", count: 9)
        let loaded = try loadBlueprint(
            """
            repositories: { own: { uri: "http://example.org/", suites: [a], components: [b], signed-by: { text: \(keys) } } }
            files: { /etc/large: { text: "0123456789", mode: "0600" }, /etc/small: { text: "01234567" } }
            """)
        let (text, contents, _) = loaded.blueprint.yaml(contentsIn: "x.files", above: 8)
        #expect(
            contents == [
                "x.files/keyring-own": Array(keys.utf8), "x.files/etc/large": Array("0123456789".utf8),
            ])
        #expect(!text.contains(keys) && !text.contains("0123456789") && text.contains("01234567"))
        let read = try Blueprint.load("copy.yaml") { path in contents[path] ?? Array(text.utf8) }
        #expect(read.blueprint == loaded.blueprint)
        #expect(loaded.blueprint.yaml(contentsIn: "x.files", above: 10).contents == [:])
    }

    /// Texts that YAML reads as something else where they stand bare, and such as break its lines.
    static let odd = [
        "", " ", "a ", " a", "\t", "a\tb", "yes", "No", "ON", "n", "null", "~", "true", "1", "-1", "+.5", "1e3", "0x1F",
        "0o17", "1_000", "12:30", "2026-01-01", ".inf", ".nan", "-", "- a", "?", "? a", ":", "a:", "a: b", "a:b", "#",
        "a #b",
        "a#b", "[", "]", "{", "}", ",", "a, b", "&a", "*a", "!a", "!!str a", "|", ">", "'", "\"", "'a'", "\"a\"", "%a",
        "@a",
        "`a", "<<", "=", "---", "...", "--- a", "\\", "\\n", "a\\", "\n", "\n\n", "a\n", "a\nb", "a\nb\n", "a\n\n",
        "\na\nb",
        " a\nb\n", "  \na\n", "\n \na\n", "a\n \n", "a\n\t\n", "\ta\nb\n", "a\n  b\n c", "a\r\nb", "a\u{85}b",
        "a\u{2028}b\n\n",
        "\u{1}", "\u{1B}[0m", "\u{7F}", "\u{9F}", "\u{FEFF}a", "a\u{FFFE}", "é", "e\u{301}", "日本", "\u{1F600}",
        "a\u{A0}",
        "#!/bin/sh\n#\n  x: [1]\n", "- a\n- b\n", "192.0.2.1", "80:8080", "{{ x }}\n%s\n", "...\n---\n",
        String(repeating: "x", count: 3000), String(repeating: "a b ", count: 2000),
        String(repeating: "- \n", count: 90),
    ]

    @Test(arguments: odd) func anOddTextComesBack(_ text: String) throws {
        var blueprint = Blueprint(name: "x")
        blueprint.files["/a"] = .init(.regular(Array(text.utf8)))
        blueprint.units.dropIns["a.service"] = ["a.conf": Array(text.utf8)]
        blueprint.health.required["a"] = .init(.command("x" + text))
        #expect(try read(blueprint.yaml) == blueprint)
    }

    @Test(arguments: odd) func anOddTextComesBackAsKeyAndInEveryStyle(_ text: String) throws {
        let shape = Shape.map(.text, .list(.text(.text)))
        for elements in [
            [text], [text, "b"], Array(repeating: text + "x", count: 2), [String(repeating: "y", count: 99), text],
        ] {
            let value = JSONValue.object([text: .array(elements.map(JSONValue.string)), "other": .array([])])
            let written = YAMLWriter.members(of: value, shape).map { YAMLWriter.entry($0, indentation: 0) }.joined()
            let node = try YAMLNode(parsing: Array(written.utf8), file: "x")
            #expect(node.isSame(as: YAMLNode(value, at: Mark(file: "x", line: 1, column: 1))), "\(written)")
        }
    }

    /// A text of odd ones, of random characters, or of both.
    private func text(_ random: inout SeededGenerator) -> String {
        if random.chance(40) { return random.pick(Self.odd) }
        var text = String.UnicodeScalarView()
        let alphabet = Array(
            "ab:#-?,[]{}&*!|>'\"%@` \n\t~=<.0123\\$é\u{85}\u{2029}\u{1}\u{FEFF}\u{1F600}".unicodeScalars)
        for _ in 0..<Int.random(in: 0...24, using: &random) { text.append(random.pick(alphabet)) }
        return String(text) + (random.chance(20) ? random.pick(Self.odd) : "")
    }

    private func line(_ random: inout SeededGenerator) -> String {
        String(
            String.UnicodeScalarView(
                text(&random).unicodeScalars.filter { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }))
    }

    private func blueprint(_ random: inout SeededGenerator) -> Blueprint {
        var blueprint = Blueprint(name: random.pick(["x", "1", "null", "no", "0x1", "1e3"]))
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let content: Blueprint.File.Content = random.pick([
                .regular(Array(text(&random).utf8)), .regular(random.bytes(Int.random(in: 0...200, using: &random))),
                .symlink("l" + line(&random)),
            ])
            let name = line(&random).replacing("/", with: "_")
            let key = String(decoding: "/a\(name)".utf8.prefix(200), as: UTF8.self)
            if key.utf8.count < 203 { blueprint.files[key] = .init(content) }
            blueprint.units.own["\(random.pick(["a", "no", "1", "a-1"])).service"] = Array(text(&random).utf8)
            blueprint.health.wanted[random.pick(["no", "1", "a"])] = .init(.command("x" + text(&random)))
            var user = Blueprint.User()
            user.comment = line(&random).replacing(":", with: ";")
            user.groups = Array(["no", "y", "null", "a"].prefix(Int.random(in: 0...4, using: &random)))
            blueprint.users[random.pick(["no", "yes", "_", "a-b"])] = user
            blueprint.kernel.sysctl["a.b"] = "v" + line(&random)
            blueprint.kernel.commandLine = random.pick([["quiet"], ["a=[1,2]", "b:", "#c"], []])
        }
        return blueprint
    }

    @Test func anyBlueprintComesBack() throws {
        var random = SeededGenerator(state: 5)
        var found = 0
        for _ in 0..<150 {
            let blueprint = blueprint(&random)
            // Random bytes may look like a secret, or a link be too long: such is none.
            guard (try? Blueprint(canonical: blueprint.canonicalBytes, file: "x")) == blueprint else { continue }
            found += 1
            #expect(try read(blueprint.yaml) == blueprint, "\(blueprint.yaml)")
        }
        #expect(found > 100)
    }

    @Test func longKeysComeBack() throws {
        var blueprint = Blueprint(name: "x")
        let path = String(repeating: "/" + String(repeating: "k: ", count: 80), count: 12)
        blueprint.files[path] = .init(.regular(Array("a\nb\n".utf8)))
        blueprint.files[path + "x"] = .init(.directory)
        #expect(try read(blueprint.yaml) == blueprint)
    }

    @Test func aLongListHasALineForEach() throws {
        var blueprint = Blueprint(name: "x")
        blueprint.packages.install = (0..<20).map { "package-\($0)" }
        #expect(blueprint.yaml.contains("\npackages:\n  - package-0\n  - package-1\n"))
        blueprint.packages.without = ["other"]
        #expect(blueprint.yaml.contains("\npackages:\n  install:\n    - package-0\n"))
        #expect(try read(blueprint.yaml) == blueprint)
    }
}
