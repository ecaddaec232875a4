import PiscesTesting
import Testing

@testable internal import BlueprintModel

@Suite struct HealthChecksTests {
    /// Any checks.
    static func health(_ random: inout SeededGenerator) -> Blueprint.Health {
        var health = Blueprint.Health()
        health.timeoutSeconds = random.pick([300, 1, 90, 3600, 86400])
        for name in ["ssh", "a-1"] where random.chance(50) {
            let subjects: [Blueprint.HealthCheck.Subject] = [
                .unit("a@b.service"), .command("test \"$A\" =\n'\\é' # x\n"), .command("true"),
            ]
            var check = Blueprint.HealthCheck(random.pick(subjects))
            check.timeoutSeconds = random.pick([30, 61, 120])
            health.required[name] = check
            if random.chance(50) { health.wanted[name] = check }
        }
        return health
    }

    @Test func checksAreRead() throws {
        let blueprint = try loadBlueprint(
            """
            health:
              timeout: 10min
              required: { ssh: { unit: ssh.service }, disk: { command: "test -w /var", timeout: 90s } }
              wanted: { dns: { command: "getent hosts deb.example" } }
            """
        ).blueprint
        var health = Blueprint.Health()
        health.timeoutSeconds = 600
        var disk = Blueprint.HealthCheck(.command("test -w /var"))
        disk.timeoutSeconds = 90
        health.required = ["ssh": .init(.unit("ssh.service")), "disk": disk]
        health.wanted["dns"] = .init(.command("getent hosts deb.example"))
        #expect(blueprint.health == health)
        #expect(try loadBlueprint("").blueprint.health == .init())
    }

    @Test func theirOwnFormIsCanonicalAndReadBack() throws {
        #expect(Blueprint.Health().canonicalBytes == Array("{}".utf8))
        var random = SeededGenerator(state: 61)
        for _ in 0..<100 {
            let health = Self.health(&random)
            #expect(try Blueprint.Health(canonical: health.canonicalBytes, file: "h") == health)
            var blueprint = Blueprint(name: "x")
            blueprint.health = health
            #expect(blueprint.canonicalJSON["health"]?.canonicalBytes ?? Array("{}".utf8) == health.canonicalBytes)
        }
    }

    @Test(arguments: [
        (
            "{ required: { a: { unit: a.service, command: b } } }",
            "x.yaml:4:54: health.required.a: \"command\" cannot stand beside \"unit\""
        ),
        ("{ wanted: { a: {} } }", "x.yaml:4:24: health.wanted.a: wanted one of the keys unit or command"),
        (
            "{ timeout: 5m }",
            "x.yaml:4:20: health.timeout: \"5m\" is not a length of time; wanted a whole number and s, min or h, at most a "
                + "day, as in \"5min\""
        ),
        (
            "{ required: { a: { command: \" \" } } }",
            "x.yaml:4:37: health.required.a.command: \" \" is not a command; wanted what sh(1) runs, without NUL"
        ),
        (
            "{ required: { a_b: { command: x } } }",
            "x.yaml:4:23: health.required: \"a_b\" is not a name; wanted lower-case letters, digits and \"-\", at most 63"
        ),
        ("{ needed: {} }", "x.yaml:4:11: unknown key \"needed\" in health"),
    ])
    func aMistakeIsNamed(text: String, message: String) {
        #expect(problems { try loadBlueprint("health: \(text)") } == [message])
    }

    @Test func whatIsIncludedCanBeChangedAndTakenAway() throws {
        let base = """
            blueprint: 1
            health:
              required: { a: { unit: a.service, timeout: 5s }, b: { command: b } }
              wanted: { c: { command: c } }
            """
        let lines = """
            include: [base.yaml]
            without: { health: [b, c] }
            health: { required: { a: { command: x } } }
            """
        let health = try loadBlueprint(lines, ["base.yaml": base]).blueprint.health
        var check = Blueprint.HealthCheck(.command("x"))
        check.timeoutSeconds = 5
        #expect(health.required == ["a": check])
        #expect(health.wanted == [:])
    }
}
