import PiscesTesting
import Testing

@testable import BlueprintModel

@Suite struct IncludeTests {
    private static let base = """
        blueprint: 1
        distribution: { debian: trixie, architecture: amd64 }
        packages: [vim, less]
        users: { ops: { shell: /bin/sh, groups: [sudo] }, guest: {} }
        units: { enable: [a.service], drop-ins: { a.service: { x.conf: { text: a } } } }
        files: { /etc/motd: { text: base, mode: "0600" } }
        repositories: { local: { directory: debs } }
        """

    @Test func mappingsMergeListsAppendAndScalarsAreReplaced() throws {
        let main = """
            blueprint: 1
            name: x
            include: [lib/base.yaml]
            packages: { install: [nano, vim], recommends: true }
            users: { ops: { shell: /bin/bash, groups: [adm] } }
            files: { /etc/motd: { symlink: issue, mode: "0600" } }
            """
        let found = problems { try load(["x.yaml": main, "lib/base.yaml": Self.base]) }
        #expect(found == ["x.yaml:6:45: files./etc/motd: a symbolic link has no mode of its own"])

        let mended = String(main.split(separator: "\n").dropLast().joined(separator: "\n"))
        let loaded = try load(["x.yaml": mended, "lib/base.yaml": Self.base])
        #expect(loaded.blueprint.packages.install == ["vim", "less", "nano"])
        #expect(loaded.blueprint.packages.recommends)
        #expect(loaded.blueprint.users["ops"]?.shell == "/bin/bash")
        #expect(loaded.blueprint.users["ops"]?.groups == ["sudo", "adm"])
        #expect(loaded.blueprint.repositories["local"] == .directory("lib/debs"))
        #expect(loaded.files == ["x.yaml", "lib/base.yaml"])
    }

    @Test func aKeyReplacesTheAlternativesItExcludes() throws {
        let main = "blueprint: 1\nname: x\ninclude: [b.yaml]\nfiles: { /etc/motd: { source: m } }"
        let loaded = try load(["d/x.yaml": main, "d/b.yaml": Self.base, "d/m": "new"], "d/x.yaml")
        #expect(loaded.blueprint.files["/etc/motd"] == .init(.regular(Array("new".utf8)), mode: 0o600))
        #expect(loaded.files == ["d/x.yaml", "d/m", "d/b.yaml"])
    }

    @Test func withoutRemovesWhatIncludesBring() throws {
        let main = """
            blueprint: 1
            name: x
            include: [b.yaml]
            without: { packages: [vim], users: [guest], units: [a.service], files: [/etc/motd], repositories: [local] }
            units: { mask: [a.service] }
            """
        let blueprint = try load(["x.yaml": main, "b.yaml": Self.base]).blueprint
        var wanted = Blueprint(name: "x")
        wanted.packages.install = ["less"]
        var ops = Blueprint.User()
        (ops.shell, ops.groups) = ("/bin/sh", ["sudo"])
        wanted.users["ops"] = ops
        wanted.units.mask = ["a.service"]
        #expect(blueprint == wanted)
    }

    @Test func removingWhatNobodyBringsIsAnError() {
        let main = "blueprint: 1\nname: x\ninclude: [b.yaml]\nwithout: { packages: [emacs], users: [emacs] }"
        #expect(
            problems { try load(["x.yaml": main, "b.yaml": Self.base]) } == [
                "x.yaml:4:23: without.packages: no included blueprint brings \"emacs\"",
                "x.yaml:4:39: without.users: no included blueprint brings \"emacs\"",
            ])
    }

    @Test func includesNestAndPathsAreRelativeToTheirFile() throws {
        let files = [
            "n/x.yaml": "blueprint: 1\nname: x\ninclude: [../lib/a.yaml]",
            "n/../lib/a.yaml": "blueprint: 1\ninclude: [deep/b.yaml]\nfiles: { /a: { source: a.txt } }",
            "n/../lib/deep/b.yaml": "blueprint: 1\ninclude: [../c.yaml]\nrepositories: { d: { directory: ./debs } }",
            "n/../lib/c.yaml": "blueprint: 1\ndistribution: { debian: trixie, architecture: arm64 }",
            "n/../lib/a.txt": "a",
        ]
        let loaded = try load(files, "n/x.yaml")
        #expect(loaded.blueprint.distribution.architecture == .arm64)
        #expect(loaded.blueprint.repositories["d"] == .directory("../lib/deep/debs"))
        #expect(loaded.blueprint.files["/a"] == .init(.regular([UInt8(ascii: "a")])))
    }

    @Test func aCycleIsShownAsAChain() {
        let files = [
            "x.yaml": "blueprint: 1\nname: x\ninclude: [a.yaml]", "a.yaml": "blueprint: 1\ninclude: [b.yaml]",
            "b.yaml": "blueprint: 1\ninclude: [a.yaml]",
        ]
        let found = problems { try load(files) }
        #expect(found.contains("b.yaml:2:11: include: a cycle: a.yaml includes b.yaml includes a.yaml"))
    }

    @Test func mistakesOfEveryFileAreReportedAtTheirOwnPlace() throws {
        let files = [
            "x.yaml": "blueprint: 1\nname: x\ninclude: [a.yaml, b.yaml]\nzzz: 1", "a.yaml": "blueprint: 1\nuser: {}",
            "b.yaml": "blueprint: [",
        ]
        let found = problems { try load(files) }
        try #require(found.count == 3)
        #expect(found[0] == "x.yaml:4:1: unknown key \"zzz\" in blueprint")
        #expect(found[1] == "a.yaml:2:1: unknown key \"user\" in blueprint; did you mean \"users\"?")
        #expect(found[2].hasPrefix("b.yaml:2:1: not valid YAML: "))
    }

    @Test func aDiamondIsReadOnceAndMergesOnce() throws {
        var files = ["x.yaml": "blueprint: 1\nname: x\ninclude: [l0.yaml, r0.yaml]"]
        for level in 0..<10 {
            for side in ["l", "r"] {
                files["\(side)\(level).yaml"] = "blueprint: 1\ninclude: [l\(level + 1).yaml, r\(level + 1).yaml]"
            }
        }
        for side in ["l", "r"] { files["\(side)10.yaml"] = Self.base }
        let loaded = try load(files)
        #expect(loaded.files.count == 23)
        #expect(loaded.blueprint.packages.install == ["vim", "less"])
    }

    @Test func mergingIsAssociative() throws {
        func node(_ text: String) throws -> YAMLNode { try YAMLNode(parsing: Array(text.utf8), file: "x") }
        let shape = Blueprint.codec.shape
        let kinds = ["users", "groups", "files"]
        var random = SeededGenerator(state: 7)
        for _ in 0..<100 {
            // Three trees over few names, so that they often meet.
            let trees = try (0..<3).map { _ in
                let lines = kinds.shuffled(using: &random).prefix(2).map { kind in
                    let names = ["a", "b", "c", "d"].shuffled(using: &random).prefix(2)
                    let members = names.map { "\($0): { v: \(random.next() % 9), l: [\(random.next() % 4)] }" }
                    return "\(kind): { \(members.joined(separator: ", ")) }"
                }
                return try node(lines.joined(separator: "\n"))
            }
            let left = trees[0].overlaid(with: trees[1], shape).overlaid(with: trees[2], shape)
            let right = trees[0].overlaid(with: trees[1].overlaid(with: trees[2], shape), shape)
            #expect(left.isSame(as: right))
        }
    }
}
