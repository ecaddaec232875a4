import Controller
import LinuxSystem
import PiscesTesting
import SlotMachine
import Testing

/// Cuts the power at every point of what the controller does, and switches on what is left.
struct PowerCuts {
    let systems: TestSystems
    let scenario: Scenario
    /// Ways in which unflushed changes are kept or lost, at each point.
    var choices = 8
    private(set) var cases = 0
    private(set) var violations: [String] = []

    init(_ scenario: Scenario, _ systems: TestSystems) { (self.scenario, self.systems) = (scenario, systems) }

    /// Plays the log and judges what is left after each operation, up to the first violation.
    mutating func run(_ operations: [Log.Operation], onCase: (Int, Machine) throws -> Void = { _, _ in }) throws {
        var replay = Replay(try FreshDisk.machine(systems.a), proven: [1])
        var generator = SeededGenerator(state: 1)
        var writes = Judge(systems, isHealthy: scenario.isHealthy, proven: [])
        writes.checkWrites(operations, running: .a, good: .a)
        violations += writes.violations
        for (index, operation) in operations.enumerated() {
            replay.play(operation)
            for choice in 0..<(replay.pendingCount == 0 ? 1 : choices) {
                let probability = choice == 0 ? 0 : choice == 1 ? 1 : Double.random(in: 0...1, using: &generator)
                let machine = replay.remains { Double.random(in: 0..<1, using: &generator) < probability }
                cases += 1
                try onCase(index, machine)
                var judge = Judge(systems, isHealthy: scenario.isHealthy, proven: replay.proven)
                judge.look(at: machine)
                if let settled = try judge.settle(machine, name: "case-\(cases)") {
                    // The way on: where something was interrupted, it goes on or makes way.
                    let target = settled.boot.system.name == "d" || choice % 2 == 0 ? systems.c : systems.d
                    if cases % 3 == 0, settled.boot.system.name != target.name {
                        try judge.upgrade(settled.host, settled.boot, to: target)
                    }
                }
                violations += judge.violations.map { "\(scenario.rawValue), operation \(index), choice \(choice): \($0)" }
                if !violations.isEmpty { return }
            }
        }
    }
}

@Suite struct CrashTests {
    @Test(arguments: Scenario.allCases)
    func noPowerCutHurts(_ scenario: Scenario) throws {
        let systems = try TestSystems()
        let directory = try TemporaryDirectory()
        let host = try Host(FreshDisk.machine(systems.a), systems, directory: directory.path)
        let log = try scenario.record(host)
        var cuts = PowerCuts(scenario, systems)
        try cuts.run(log.operations)
        #expect(cuts.violations == [])
        #expect(cuts.cases > 300)
    }
}
