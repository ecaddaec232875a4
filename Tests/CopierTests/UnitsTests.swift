import BlueprintModel
import LinuxSystem
import PiscesTesting
import Testing

@testable import Copier

@Suite struct UnitsTests {
    private static let folder = "/etc/systemd/system"

    private func read(_ tree: Tree, _ blueprint: Blueprint = Blueprint(name: "x")) throws -> (Blueprint, CopyReport) {
        var reading = Reading(root: try tree.root(), identity: .same, isRunning: false)
        var blueprint = blueprint
        let packages = try InstalledPackages(
            status: Array(Tree.dpkg.utf8), updates: [], extendedStates: nil, directory: "/d")
        try reading.readUnits(packages, into: &blueprint)
        return (blueprint, reading.report)
    }

    private func systemctl(_ tree: Tree, _ arguments: String...) throws {
        let result = try runTool(
            ["systemctl", "--root=\(tree.path)"] + arguments, ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"], nil)
        guard result.status == 0 else {
            throw ToolFailure(message: String(decoding: result.errorOutput, as: UTF8.self))
        }
    }

    /// Units of packages, of which all but `off.service` are enabled as deb-systemd-helper(1) does it.
    private func system() throws -> Tree {
        let tree = try Tree()
        let install = { (wanted: String) in "[Service]\nExecStart=/bin/true\n[Install]\n\(wanted)\n" }
        let units = [
            "web.service": "WantedBy=multi-user.target\nAlias=www.service", "off.service": "WantedBy=multi-user.target",
            "multi.timer": "WantedBy=timers.target\nRequiredBy=sysinit.target",
            "pair.service": "WantedBy=a.target\nAlso=pair.socket",
            "pair.socket": "WantedBy=sockets.target\nAlso=pair.service",
            "t@.service": "WantedBy=getty.target\nDefaultInstance=tty1",
        ]
        let records = "/var/lib/systemd/deb-systemd-helper-enabled"
        for (name, text) in units {
            try tree.write(install(text), to: "/usr/lib/systemd/system/\(name)")
            if ["off.service", "pair.service", "pair.socket"].contains(name) { continue }
            try systemctl(tree, "enable", name)
            let links = try run("find", "\(tree.path)\(Self.folder)", "-lname", "*/\(name)", "-printf", "%P\n")
            let unit = name.replacing("@.", with: "@tty1.")
            try tree.write(
                links.split(separator: "\n").map { "\(Self.folder)/\($0)\n" }.joined(),
                to: "\(records)/\(unit).dsh-also")
            for link in links.split(separator: "\n") { try tree.write("", to: "\(records)/\(link)") }
        }
        // A record without links is of a unit that stays disabled.
        try tree.write("\(Self.folder)/multi-user.target.wants/off.service\n", to: "\(records)/off.service.dsh-also")
        return tree
    }

    @Test func whatPackagesEnableIsNotSaidAgain() throws {
        let (blueprint, report) = try read(try system())
        #expect(blueprint.units == Blueprint.Units() && report.omissions.isEmpty)
        #expect(report.explained.contains("\(Self.folder)/www.service"))
    }

    /// Enabled, disabled and masked by the tool that the constructor calls.
    @Test func anyUnitsComeBack() throws {
        var random = SeededGenerator(state: 7)
        for _ in 0..<25 {
            let tree = try system()
            var units = Blueprint.Units()
            for name in ["own.service", "own-2.timer", "t@.path"] where random.chance(50) {
                units.own[name] = Array("[Install]\nWantedBy=x.target\n# é \(random.next())\n".utf8)
            }
            if random.chance(50) { units.dropIns["web.service"] = ["a.conf": Array("[Service]\n".utf8), "b.conf": []] }
            if random.chance(30) { units.dropIns["t@.service"] = ["b.conf": Array("x\n".utf8)] }
            units.enable =
                (["off.service", "pair.service", "t@tty7.service"] + units.own.keys.filter { !$0.contains("@") })
                .filter { _ in random.chance(50) }.sorted()
            units.disable = ["multi.timer", "t@tty1.service", "web.service"].filter { _ in random.chance(40) }
            units.mask = ["apt-daily.timer", "multi.timer", "off.service"].filter { name in
                random.chance(40) && !units.disable.contains(name) && !units.enable.contains(name)
            }
            for (name, text) in units.own { try tree.write(text, to: "\(Self.folder)/\(name)") }
            for (unit, dropIns) in units.dropIns {
                for (name, text) in dropIns { try tree.write(text, to: "\(Self.folder)/\(unit).d/\(name)") }
            }
            for name in units.disable { try systemctl(tree, "disable", name) }
            for name in units.enable { try systemctl(tree, "enable", name) }
            for name in units.mask { try systemctl(tree, "mask", name) }
            let (blueprint, report) = try read(tree)
            #expect(blueprint.units == units)
            #expect(report.omissions.isEmpty)
        }
    }

    @Test func whatOtherKindsEnableIsNotSaidAgain() throws {
        let tree = try Tree([
            "/usr/lib/systemd/system/systemd-networkd.service":
                "[Install]\nWantedBy=multi-user.target\nAlso=a.socket\n",
            "/usr/lib/systemd/system/a.socket": "[Install]\nWantedBy=sockets.target\n",
            "/usr/lib/systemd/system/systemd-timesyncd.service": "[Install]\nWantedBy=sysinit.target\n",
        ])
        try systemctl(tree, "enable", "systemd-networkd.service", "systemd-timesyncd.service")
        let (plain, _) = try read(tree)
        #expect(plain.units.enable == ["systemd-networkd.service"] && plain.time.ntp)
        var blueprint = Blueprint(name: "x")
        blueprint.network.links["eth0"] = .init()
        #expect(try read(tree, blueprint).0.units == Blueprint.Units())
    }

    @Test func scriptsAndPresetsAreHeeded() throws {
        let tree = try Tree([
            "/usr/lib/systemd/system/a.service": "[Install]\nWantedBy=x.target\n",
            "/usr/lib/systemd/system/b.service": "[Install]\nWantedBy=x.target\n",
            "/usr/lib/systemd/system/c.service": "[Install]\nWantedBy=x.target\n",
            "/var/lib/dpkg/info/a.postinst":
                "systemctl ${R:+--root=$R} enable a.service || true\nsystemctl enable c.service\n",
            "/usr/lib/systemd/system-preset/90-x.preset": "disable b.*\nenable b.service\n",
            "/var/lib/systemd/deb-systemd-helper-enabled/b.service.dsh-also":
                "\(Self.folder)/x.target.wants/b.service\n",
            "/var/lib/systemd/deb-systemd-helper-enabled/x.target.wants/b.service": "",
        ])
        try systemctl(tree, "enable", "a.service")
        let (blueprint, _) = try read(tree)
        // The preset kept b from being enabled; c was enabled once.
        #expect(blueprint.units.enable.isEmpty && blueprint.units.disable == ["c.service"])
    }

    @Test func oddFilesAreTold() throws {
        let tree = try Tree()
        try tree.write([0xFF, 0x0A], to: "\(Self.folder)/a.service")
        try tree.write("x", to: "\(Self.folder)/note.txt")
        try tree.write("x", to: "\(Self.folder)/a.service.d/no-conf")
        try tree.link("\(Self.folder)/default.target", to: "/usr/lib/systemd/system/multi-user.target")
        try tree.link("\(Self.folder)/x.target.wants/gone.service", to: "/usr/lib/systemd/system/gone.service")
        let (blueprint, report) = try read(tree)
        #expect(blueprint.units == Blueprint.Units())
        #expect(report.omissions.map(\.subject) == ["\(Self.folder)/a.service"])
        #expect(report.explained.isEmpty)
    }
}
