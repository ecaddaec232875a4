import BlueprintModel
import PiscesTesting
import Testing

/// What is mounted beside the image's own file systems.
@Suite struct MountTests {
    private static let text = """
        mounts:
          /srv/data: { what: LABEL=data, type: ext4, options: [noatime, nofail], pass: 2 }
          /srv: { what: "nas:/a b" }
          /tmp: { what: tmpfs, type: tmpfs, options: ["size=1g", "x=a b"] }
        """

    private var blueprint: Blueprint {
        var blueprint = Blueprint(name: "x")
        var (data, temporary) = (Blueprint.Mount(what: "LABEL=data"), Blueprint.Mount(what: "tmpfs"))
        (data.type, data.options, data.pass) = ("ext4", ["noatime", "nofail"], 2)
        (temporary.type, temporary.options) = ("tmpfs", ["size=1g", "x=a b"])
        blueprint.mounts = ["/srv/data": data, "/srv": .init(what: "nas:/a b"), "/tmp": temporary]
        return blueprint
    }

    @Test func theyAreReadWrittenAndDescribed() throws {
        #expect(try loadBlueprint(Self.text).blueprint == blueprint)
        let bytes = Array(blueprint.yaml.utf8)
        #expect(try Blueprint.load("x") { _ in bytes }.blueprint == blueprint)
        #expect(
            blueprint.yaml.contains(
                """
                mounts:
                  /srv: { what: nas:/a b }
                  /srv/data: { what: LABEL=data, type: ext4, options: [noatime, nofail], pass: 2 }
                  /tmp: { what: tmpfs, type: tmpfs, options: [size=1g, x=a b] }
                """), "\(blueprint.yaml)")
        #expect(
            blueprint.fstab == """
                nas:/a\\040b /srv auto defaults 0 0
                tmpfs /tmp tmpfs size=1g,x=a\\040b 0 0
                LABEL=data /srv/data ext4 noatime,nofail 0 2

                """)
    }

    /// Lines after the head of a blueprint, and how the message begins that they give.
    @Test(arguments: [
        ("mounts: { /usr: { what: a } }", "x.yaml:4:11: mounts./usr: every image mounts its own here"),
        ("mounts: { /boot/efi: { what: a } }", "x.yaml:4:11: mounts./boot/efi: every image mounts its own here"),
        ("mounts: { data: { what: a } }", "x.yaml:4:11: mounts: \"data\" is not an absolute path"),
        ("mounts: { /a: { type: ext4 } }", "x.yaml:4:15: missing key \"what\" in mounts./a"),
        ("mounts: { /a: { what: a, type: a b } }", "x.yaml:4:32: mounts./a.type: \"a b\" is not the type"),
        (
            "mounts: { /a: { what: a, options: [defaults] } }",
            "x.yaml:4:36: mounts./a.options: \"defaults\" is not a mount"
        ),
        ("mounts: { /a: { what: a, options: [\"b,c\"] } }", "x.yaml:4:36: mounts./a.options: \"b,c\" is not a mount"),
        ("mounts: { /a: { what: a, pass: 10 } }", "x.yaml:4:32: mounts./a.pass: wanted a whole number from 0 to 9"),
        (
            "mounts: { /a: { what: //h/s, options: [ro, \"password=hunter\"] } }",
            "x.yaml:4:44: mounts./a.options: this holds a password"
        ),
        (
            "mounts: { /a: { what: //h/s, options: [\"user=me%hunter\"] } }",
            "x.yaml:4:40: mounts./a.options: this holds a password"
        ),
        (
            "mounts: { /a: { what: b } }\nfiles: { /etc/fstab: { text: x } }",
            "x.yaml:5:10: files./etc/fstab: `mounts` says what is in it"
        ),
    ])
    func aMistakeIsNamedWithItsPlace(lines: String, beginning: String) {
        let found = problems { try loadBlueprint(lines) }
        #expect(found.count == 1 && found.first?.hasPrefix(beginning) == true, "\(found)")
    }

    @Test func theyMergeGoAndDiffer() throws {
        let base = "blueprint: 1\ndistribution: { debian: trixie, architecture: amd64 }\n\(Self.text)\n"
        let head = "blueprint: 1\nname: x\ninclude: [b.yaml]\n"
        var merged = blueprint
        merged.mounts["/srv"]?.type = "nfs4"
        #expect(try load(["x.yaml": head + "mounts: { /srv: { type: nfs4 } }", "b.yaml": base]).blueprint == merged)
        #expect(Blueprint.diff(blueprint, merged).map(\.description) == ["~ mounts./srv.type: \"auto\" -> \"nfs4\""])
        var less = blueprint
        less.mounts["/srv"] = nil
        #expect(try load(["x.yaml": head + "without: { mounts: [/srv] }", "b.yaml": base]).blueprint == less)
    }
}
