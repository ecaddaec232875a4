import BlueprintModel
import Debian
import Glibc
import LinuxSystem
import Testing

@testable import Constructor

/// As root, which owns what is made; a build is root in its workshop.
@Suite(.enabled(if: geteuid() == 0)) struct HealthFileTests {
    /// The file that a blueprint with these checks leads to; nil where there is none.
    private func file(_ health: Blueprint.Health) throws -> (bytes: [UInt8], mode: UInt32)? {
        let directory = try TemporaryDirectory(prefix: "pisces-health-")
        let root = try StagedRoot(path: directory.path)
        var blueprint = Blueprint(name: "x")
        blueprint.health = health
        let lock = Lock(
            blueprintName: "x", blueprint: SHA256.hash([]), architecture: "amd64", epoch: 1_700_000_000,
            tools: ["pisces": "1"])
        try Customization(root: root, blueprint: blueprint, lock: lock, inRoot: runTool).makeHealth()
        let path = "usr/lib/pisces/health.json"
        guard root.exists(path) else { return nil }
        return (try root.read(path), try root.directory.openInRoot(path).status().mode & 0o7777)
    }

    @Test func theMachineIsGivenTheChecksOfItsBlueprint() throws {
        var health = Blueprint.Health()
        health.required["ssh"] = .init(.unit("ssh.service"))
        health.wanted["dns"] = .init(.command("getent hosts deb.example"))
        let file = try #require(try file(health))
        #expect(
            String(decoding: file.bytes, as: UTF8.self)
                == #"{"required":{"ssh":{"unit":"ssh.service"}},"wanted":{"dns":{"command":"getent hosts deb.example"}}}"#
                + "\n")
        #expect(file.mode == 0o644)
        #expect(try Blueprint.Health(canonical: file.bytes, file: "h") == health)
    }

    @Test func aBlueprintWithoutChecksMakesNoFile() throws { #expect(try file(.init()) == nil) }
}
