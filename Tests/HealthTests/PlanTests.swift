import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Health

@Suite struct PlanTests {
    @Test func aMachineWithoutAnyChecksOfItsOwnHasTheBuiltInOnes() throws {
        let site = try Site()
        let plan = HealthPlan(reading: site.roots)
        #expect(
            plan
                == HealthPlan([
                    HealthCheck(.required, .builtIn, "state", .writing(directory: site.path)),
                    HealthCheck(.wanted, .builtIn, "units", .failedUnits),
                ]))
        for name in ["required.d", "wanted.d"] { try makeDirectories("\(site.path)/etc/\(name)") }
        #expect(HealthPlan(reading: site.roots) == plan)
    }

    @Test func whatTheConstructorWritesIsRead() throws {
        let site = try Site()
        var health = Blueprint.Health()
        health.timeoutSeconds = 90
        health.required["z"] = .init(.unit("z.service"))
        health.required["a"] = .init(.command("true"))
        health.required["a"]?.timeoutSeconds = 5
        health.wanted["a"] = .init(.command("false"))
        try site.write(String(decoding: health.canonicalBytes, as: UTF8.self) + "\n", to: "health.json")
        let plan = HealthPlan(reading: site.roots)
        #expect(plan.timeoutSeconds == 90)
        #expect(plan.notices == [])
        #expect(
            plan.checks.dropFirst(2) == [
                HealthCheck(.required, .blueprint, "a", .command("true"), timeoutSeconds: 5),
                HealthCheck(.required, .blueprint, "z", .unit("z.service")),
                HealthCheck(.wanted, .blueprint, "a", .command("false")),
            ])
    }

    @Test(arguments: [
        "", "{", "[]", "null", #"{"required":{"a":{}}}"#, #"{"required":{"a":{"unit":"a.service","command":"b"}}}"#,
        #"{"timeout":"9h","extra":1}"#, #"{"timeout":300}"#, #"{"required":{"../a":{"command":"b"}}}"#,
        #"{"required":{"a":{"unit":"--root=/"}}}"#, "timeout: 5min", #"{"timeout":"1s"}{"timeout":"1s"}"#,
        String(repeating: "[", count: 5000), String(repeating: " ", count: HealthPlan.limitBytes + 1),
    ])
    func aPlanThatCannotBeReadIsARequiredCheckThatFails(text: String) throws {
        let site = try Site()
        try site.write(text, to: "health.json")
        let plan = HealthPlan(reading: site.roots)
        let first = try #require(plan.checks.first)
        #expect(first.name == "plan" && first.importance == .required)
        guard case .refused(let reason) = first.action else { Issue.record("it is not refused"); return }
        #expect(reason.contains("health.json"))
        #expect(plan.checks.count == 3)
        let results = HealthRun(plan, roots: site.roots).run(untilDeadline: HealthClock.machine.now() + 3000)
        #expect(results.first?.outcome == .refused)
    }

    @Test func damagedPlansAreReadOrRefusedAndNeverTrap() throws {
        let site = try Site()
        let whole = Array(
            #"{"required":{"a":{"timeout":"5s","unit":"a.service"},"b":{"command":"c"}},"timeout":"1h"}"#.utf8)
        try site.write(String(decoding: whole, as: UTF8.self), to: "health.json")
        #expect(HealthPlan(reading: site.roots).checks.map(\.name) == ["state", "units", "a", "b"])
        var random = SeededGenerator(state: 23)
        var refused = 0
        for _ in 0..<300 {
            var bytes = whole
            for _ in 0...random.next() % 3 {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch random.next() % 4 {
                case 0, 3: bytes[place] = UInt8.random(in: 0x20...0x7F, using: &random)
                case 1: bytes.removeSubrange(place..<min(place + 5, bytes.count))
                default: bytes.insert(contentsOf: bytes[..<place], at: place)
                }
            }
            try Descriptor.open(site.roots.blueprint, O_WRONLY | O_TRUNC).writeAll(bytes)
            refused += HealthPlan(reading: site.roots).checks.first?.name == "plan" ? 1 : 0
        }
        #expect((150..<300).contains(refused))
    }

    @Test func scriptsAreTakenByTheNamesThatRunPartsTakes() throws {
        let site = try Site()
        for name in ["b", "a-1", "_z", "A", "9", "a.sh", "a~", "é", "a b"] {
            try site.script("", "etc/required.d/\(name)")
        }
        try site.write("", to: "etc/required.d/plain")
        try makeDirectories("\(site.path)/etc/required.d/directory")
        #expect(symlink("nowhere", "\(site.path)/etc/required.d/dangling") == 0)
        #expect(symlink("b", "\(site.path)/etc/required.d/link") == 0)
        // A name that is not even UTF-8 hides no other.
        let odd = open(
            Array("\(site.path)/etc/required.d/".utf8.map { CChar(bitPattern: $0) }) + [-1, 0], O_CREAT, 0o755)
        #expect(odd >= 0 && close(odd) == 0)
        let plan = HealthPlan(reading: site.roots)
        let names = plan.checks.filter { $0.source == .site }.map(\.name)
        let listed = try run("run-parts", "--test", "\(site.path)/etc/required.d")
        #expect(listed.split(separator: "\n").map { String($0.split(separator: "/").last ?? "") } == names)
        #expect(names == ["9", "A", "_z", "a-1", "b", "link"])
        for (name, reason) in [
            ("a.sh", "letters"), ("a~", "letters"), ("é", "letters"), ("a b", "letters"), ("plain", "not executable"),
            ("directory", "no file"), ("dangling", "leads nowhere"), ("\u{FFFD}", "letters"),
        ] {
            #expect(plan.notices.contains { $0.contains("/\(name): not run") && $0.contains(reason) }, "\(name)")
        }
        #expect(plan.notices.count == 8)
    }

    @Test func requiredScriptsThatCannotBeListedAreAFailureAndWantedOnesAreTold() throws {
        let site = try Site()
        try site.write("", to: "etc/wanted.d")
        let plan = HealthPlan(reading: site.roots)
        #expect(plan.checks.map(\.name) == ["state", "units"])
        #expect(plan.notices.count == 1 && plan.notices[0].contains("wanted.d"))
        try site.write("", to: "etc/required.d")
        #expect(HealthPlan(reading: site.roots).checks.map(\.name) == ["plan", "state", "units"])
    }
}
