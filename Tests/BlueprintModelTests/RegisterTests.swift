import BlueprintModel
import PiscesTesting
import Testing

/// What dpkg and update-alternatives are told by hand: held packages, alternatives, diversions, overrides.
@Suite struct RegisterTests {
    private static let text = """
        packages: { install: [vim], hold: [vim, libc6] }
        alternatives: { editor: /usr/bin/vim.basic, "c++": /usr/bin/g++ }
        diversions: { /usr/bin/foo: /usr/bin/foo.distrib, "/srv/a b": /srv/c }
        stat-overrides:
          /usr/bin/foo: { owner: Debian-exim, group: adm, mode: "4750" }
          "/etc/x y": { mode: 700 }
        """

    private var blueprint: Blueprint {
        var blueprint = Blueprint(name: "x")
        (blueprint.packages.install, blueprint.packages.hold) = (["vim"], ["vim", "libc6"])
        blueprint.alternatives = ["editor": "/usr/bin/vim.basic", "c++": "/usr/bin/g++"]
        blueprint.diversions = ["/usr/bin/foo": "/usr/bin/foo.distrib", "/srv/a b": "/srv/c"]
        var foo = Blueprint.StatOverride(mode: 0o4750)
        (foo.owner, foo.group) = ("Debian-exim", "adm")
        blueprint.statOverrides = ["/usr/bin/foo": foo, "/etc/x y": .init(mode: 0o700)]
        return blueprint
    }

    /// Any of them, each there or not.
    static func fill(_ blueprint: inout Blueprint, _ random: inout SeededGenerator) {
        blueprint.packages.hold = ["vim", "libc6"].filter { _ in random.chance(50) }
        for name in ["editor", "c++", "no"] where random.chance(50) {
            blueprint.alternatives[name] = random.pick(["/é", "/usr/bin/x"])
        }
        for package in ["postfix", "man-db"] where random.chance(50) {
            blueprint.debconf[package] = ["\(package)/a": random.pick(["true", "", "é, \\, x", "~"])]
        }
        for path in ["/srv/a", "/srv", "/mnt/b c", "/é"] where random.chance(50) {
            var mount = Blueprint.Mount(what: random.pick(["LABEL=data", "tmpfs", "h:/a b", "#x"]))
            mount.type = random.pick(["auto", "tmpfs", "nfs4"])
            mount.options = ["noatime", "x=a b", "ro"].filter { _ in random.chance(50) }
            (mount.dump, mount.pass) = (random.pick([0, 1]), random.pick([0, 2]))
            blueprint.mounts[path] = mount
        }
        for path in ["/usr/bin/a", "/b c"] where random.chance(50) { blueprint.diversions[path] = path + ".distrib" }
        for path in ["/usr/bin/a", "/b c", "/~x"] where random.chance(50) {
            var override = Blueprint.StatOverride(mode: random.pick([0, 0o644, 0o4755, 0o7777]))
            override.owner = random.pick(["root", "ops"])
            override.group = random.pick(["root", "Debian-exim"])
            blueprint.statOverrides[path] = override
        }
    }

    @Test func theyAreRead() throws { #expect(try loadBlueprint(Self.text).blueprint == blueprint) }

    @Test func theyAreWrittenAsAPersonWould() throws {
        #expect(
            blueprint.yaml.contains(
                """
                packages: { install: [vim], hold: [vim, libc6] }
                alternatives: { c++: /usr/bin/g++, editor: /usr/bin/vim.basic }
                diversions: { /srv/a b: /srv/c, /usr/bin/foo: /usr/bin/foo.distrib }

                stat-overrides:
                  /etc/x y: { mode: "0700" }
                  /usr/bin/foo: { owner: Debian-exim, group: adm, mode: "4750" }

                """), "\(blueprint.yaml)")
        let bytes = Array(blueprint.yaml.utf8)
        #expect(try Blueprint.load("x") { _ in bytes }.blueprint == blueprint)
    }

    /// Lines after the head of a blueprint, and the messages that they give.
    private static let bad: [(String, [String])] = [
        (
            "packages: { hold: [vim], without: [vim] }",
            ["x.yaml:4:36: packages: \"vim\" stands in both hold and without"]
        ),
        (
            "packages: { hold: [\"libc6:amd64\"] }",
            [
                "x.yaml:4:20: packages.hold: \"libc6:amd64\" is not a package name; wanted lower-case letters, digits, "
                    + "\"+\", \"-\" and \".\", at least two, first a letter or digit"
            ]
        ),
        (
            "alternatives: { a/b: /usr/bin/vi }",
            [
                "x.yaml:4:17: alternatives: \"a/b\" is not the name of an alternative; wanted letters, digits and any of "
                    + "\"_.+:@-\", first a letter, a digit or \"_\""
            ]
        ),
        (
            "alternatives: { editor: vim.basic }",
            [
                "x.yaml:4:25: alternatives.editor: \"vim.basic\" is not an absolute path; wanted \"/\" and names between "
                    + "single \"/\", none of them \".\" or \"..\""
            ]
        ),
        (
            "alternatives: { editor: [/usr/bin/vi] }",
            ["x.yaml:4:25: alternatives.editor: wanted an absolute path, found a list"]
        ),
        (
            "alternative: { editor: /usr/bin/vi }",
            ["x.yaml:4:1: unknown key \"alternative\" in blueprint; did you mean \"alternatives\"?"]
        ),
        ("diversions: { /a: /a }", ["x.yaml:4:19: diversions./a leads to itself; name another path"]),
        (
            "diversions: { /a: /b, /b: /c }",
            ["x.yaml:4:19: diversions./a leads to diversions./b, which leads elsewhere"]
        ),
        (
            "diversions: { /a: /c, /b: /c }",
            ["x.yaml:4:27: diversions./b leads to \"/c\", as does diversions./a"]
        ),
        (
            "diversions: { /a: a.distrib }",
            [
                "x.yaml:4:19: diversions./a: \"a.distrib\" is not an absolute path; wanted \"/\" and names between single "
                    + "\"/\", none of them \".\" or \"..\""
            ]
        ),
        (
            "stat-overrides: { /a: { mode: \"10000\" } }",
            [
                "x.yaml:4:31: stat-overrides./a.mode: \"10000\" is not a file mode; wanted three or four octal digits, as "
                    + "\"0644\""
            ]
        ),
        (
            "stat-overrides: { /a: { mode: \"0849\" } }",
            [
                "x.yaml:4:31: stat-overrides./a.mode: \"0849\" is not a file mode; wanted three or four octal digits, as "
                    + "\"0644\""
            ]
        ),
        ("stat-overrides: { /a: { owner: root } }", ["x.yaml:4:23: missing key \"mode\" in stat-overrides./a"]),
        (
            "stat-overrides: { /a: { mode: \"0644\", group: \"#7\" } }",
            [
                "x.yaml:4:46: stat-overrides./a.group: \"#7\" is not an account name; wanted letters, digits and any of "
                    + "\"_.-\", at most 32, first a letter or \"_\""
            ]
        ),
        (
            "stat-overrides: { a: { mode: \"0644\" } }",
            [
                "x.yaml:4:19: stat-overrides: \"a\" is not an absolute path; wanted \"/\" and names between single \"/\", "
                    + "none of them \".\" or \"..\""
            ]
        ),
        (
            "stat-overrides: { /a: { mode: \"0700\" } }\nfiles: { /a: { text: x, mode: \"0700\", owner: ops } }",
            [
                "x.yaml:5:31: files./a.mode: stat-overrides./a says it; leave it out here",
                "x.yaml:5:46: files./a.owner: stat-overrides./a says it; leave it out here",
            ]
        ),
        (
            "stat-overrides: { /a: { mode: \"0700\" } }\nfiles: { /a: { symlink: b } }",
            [
                "x.yaml:5:10: files./a is a symbolic link, which has no mode of its own: override the path it leads to"
            ]
        ),
    ]

    @Test(arguments: bad) func aMistakeIsNamedWithItsPlaceAndItsRemedy(lines: String, wanted: [String]) {
        #expect(problems { try loadBlueprint(lines) } == wanted)
    }

    @Test func theyMergeAndGoByName() throws {
        let base = "blueprint: 1\ndistribution: { debian: trixie, architecture: amd64 }\n\(Self.text)\n"
        let more = """
            blueprint: 1
            name: x
            include: [b.yaml]
            packages: { hold: [zlib1g] }
            alternatives: { editor: /bin/nano }
            stat-overrides: { /usr/bin/foo: { mode: "0755" } }
            """
        var merged = blueprint
        merged.packages.hold.append("zlib1g")
        merged.alternatives["editor"] = "/bin/nano"
        merged.statOverrides["/usr/bin/foo"]?.mode = 0o755
        #expect(try load(["x.yaml": more, "b.yaml": base]).blueprint == merged)

        let less = """
            blueprint: 1
            name: x
            include: [b.yaml]
            without:
              packages: [vim]
              alternatives: [editor, c++]
              diversions: [/usr/bin/foo, /srv/a b]
              stat-overrides: [/usr/bin/foo, /etc/x y]
            """
        var left = Blueprint(name: "x")
        left.packages.hold = ["libc6"]
        #expect(try load(["x.yaml": less, "b.yaml": base]).blueprint == left)
        #expect(
            problems {
                try load(["x.yaml": less.replacing("c++", with: "awk"), "b.yaml": base])
            } == ["x.yaml:6:26: without.alternatives: no included blueprint brings \"awk\""])
    }

    @Test(arguments: [
        ("packages.hold", "[\"vim\",\"libc6\"]", "x.yaml:4:35"),
        ("alternatives.c++", "\"/usr/bin/g++\"", "x.yaml:5:52"),
        ("stat-overrides./etc/x y.mode", "\"700\"", "x.yaml:9:23"), ("stat-overrides./etc/x y.owner", "\"root\"", nil),
        ("diversions./usr/bin/foo", "\"/usr/bin/foo.distrib\"", "x.yaml:6:29"),
    ])
    func theyAreExplained(path: String, value: String, origin: String?) throws {
        let explanation = try loadBlueprint(Self.text).explain(path)
        #expect(explanation.value?.canonical == value && explanation.origin?.description == origin)
        #expect(explanation.documentation.hasSuffix("."))
    }

    @Test func theyDiffer() throws {
        var new = blueprint
        new.packages.hold = ["vim"]
        new.alternatives["editor"] = "/bin/nano"
        new.diversions["/srv/a b"] = nil
        new.statOverrides["/usr/bin/foo"]?.group = "root"
        #expect(
            Blueprint.diff(blueprint, new).map(\.description) == [
                "~ alternatives.editor: \"/usr/bin/vim.basic\" -> \"/bin/nano\"", "- diversions./srv/a b: \"/srv/c\"",
                "- packages.hold: \"libc6\"", "~ stat-overrides./usr/bin/foo.group: \"adm\" -> \"root\"",
            ])
    }
}
