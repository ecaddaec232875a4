import CInit
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
    var choices = 16
    private(set) var cases = 0
    private(set) var violations: [String] = []
    /// Some of the disks as recovery left them.
    private(set) var disks: [DiskImage] = []

    init(_ scenario: Scenario, _ systems: TestSystems) { (self.scenario, self.systems) = (scenario, systems) }

    /// Plays the log and judges what is left after each operation, up to the first violation of that invariant.
    mutating func run(_ operations: [Log.Operation], until invariant: String = "") throws {
        var replay = Replay(try FreshDisk.machine(systems.a), proven: [1])
        var generator = SeededGenerator(state: 1)
        var writes = Judge(systems, isHealthy: scenario.isHealthy, proven: [])
        writes.checkWrites(operations, running: .a, good: .a)
        violations += writes.violations.filter { $0.hasPrefix(invariant) }
        var lastRecord: Record?
        for (index, operation) in operations.enumerated() {
            replay.play(operation)
            if case .flush(.state, _) = operation { lastRecord = Judge.record(replay.remains { false }) ?? lastRecord }
            for choice in 0..<min(choices, 1 << min(replay.pendingCount, 16)) {
                // Few changes: each combination. Many: none, all, and some combinations.
                let isExhaustive = replay.pendingCount <= choices.trailingZeroBitCount
                var bits = choice
                let probability = choice == 0 ? 0 : choice == 1 ? 1 : Double.random(in: 0...1, using: &generator)
                let machine = replay.remains {
                    defer { bits >>= 1 }
                    return isExhaustive ? bits & 1 == 1 : Double.random(in: 0..<1, using: &generator) < probability
                }
                cases += 1
                var judge = Judge(systems, isHealthy: scenario.isHealthy, proven: replay.proven)
                judge.isThorough = cases % 5 == 0
                judge.look(at: machine, lastRecord: lastRecord)
                if let settled = try judge.settle(machine, name: "case-\(cases)") {
                    if cases % 60 == 0 { disks.append(try settled.host.machine().disk) }
                    if cases % 7 == 0 { try goOn(settled.host, settled.boot, choice, &judge) }
                    if cases % 4 == 0 { try cutAgain(settled.host.log.operations, machine, &judge, &generator) }
                }
                violations += judge.violations.filter { $0.hasPrefix(invariant) }
                    .map { "\($0) (\(scenario.rawValue), operation \(index), choice \(choice))" }
                if !violations.isEmpty { return }
            }
        }
    }
}

extension PowerCuts {
    /// The way on: what was interrupted goes on or makes way for another.
    private func goOn(_ host: Host, _ boot: PowerOn.Boot, _ choice: Int, _ judge: inout Judge) throws {
        let target = choice % 2 == 0 ? systems.c : systems.d
        if boot.system.name != target.name { try judge.upgrade(host, boot, to: target) }
    }

    /// Cuts the power once more, somewhere in what the machine did when it was switched on.
    private func cutAgain(
        _ operations: [Log.Operation], _ machine: Machine, _ judge: inout Judge,
        _ generator: inout SeededGenerator
    ) throws {
        var replay = Replay(machine, proven: judge.proven)
        for operation in operations.prefix(Int.random(in: 0...operations.count, using: &generator)) {
            replay.play(operation)
        }
        var bits = generator.next()
        let again = replay.remains {
            defer { bits = bits >> 1 | bits << 63 }
            return bits & 1 == 1
        }
        judge.look(at: again, lastRecord: nil)
        _ = try judge.settle(again, name: "again-\(cases)")
    }
}

@Suite struct CrashTests {
    /// The initrd knows no record.
    @Test func controllerAndInitrdAgreeOnTheMostTries() { #expect(StateMachine.mostTries == Int(CINIT_TRIES)) }

    @Test(arguments: Scenario.allCases)
    func noPowerCutHurts(_ scenario: Scenario) throws {
        let systems = try TestSystems()
        let directory = try TemporaryDirectory()
        let host = try Host(FreshDisk.machine(systems.a), systems, directory: directory.path)
        let log = try scenario.record(host)
        var cuts = PowerCuts(scenario, systems)
        try cuts.run(log.operations)
        #expect(cuts.violations == [])
        #expect(cuts.cases > 100)
        // An oracle of its own for what recovery makes of the table.
        for disk in cuts.disks + [try host.machine().disk] {
            try disk.save(to: directory.path + "/left.img")
            let verdict = try shell("sfdisk --verify \(directory.path)/left.img")
            #expect(verdict.status == 0 && verdict.output.contains("No errors detected"), "\(verdict.output)")
        }

    }
}
