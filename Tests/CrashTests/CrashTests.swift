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
                try onCase(index, machine)
                var judge = Judge(systems, isHealthy: scenario.isHealthy, proven: replay.proven)
                judge.isThorough = cases % 4 == 0
                judge.look(at: machine, lastRecord: lastRecord)
                if let settled = try judge.settle(machine, name: "case-\(cases)") {
                    // The way on: where something was interrupted, it goes on or makes way.
                    let target = settled.boot.system.name == "d" || choice % 2 == 0 ? systems.c : systems.d
                    if cases % 5 == 0, settled.boot.system.name != target.name {
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
        #expect(cuts.cases > 100)
        print(scenario, cuts.cases, log.operations.count)
    }
}

/// The judge itself: what the order of writes and the flushes are for.
@Suite struct MutationTests {
    /// Something that an executor could get wrong.
    enum Mutation: String, CaseIterable, Sendable {
        case contentNotFlushed = "the slot's content is not flushed before it is named and armed"
        case tableWithoutBarrier = "both copies of the table are written without a flush between"
        case recordInPlace = "the record is overwritten in place"
        case recordNotFlushed = "the record is not flushed"
        case imageNotFlushed = "the kernel image is not flushed before the entry names it"
        case namesNotFlushed = "the names of boot entries are not flushed"
        case entryNotFlushed = "the content of boot entries is not flushed"
        case entryWrittenLate = "the entry is removed after its slot is overwritten"
        case goodWritten = "the last good slot is written"

        func apply(to log: [Log.Operation]) -> [Log.Operation] {
            switch self {
            case .contentNotFlushed: log.enumerated().filter { !Self.isContentFlush(log, $0.offset) }.map(\.element)
            case .tableWithoutBarrier: log.enumerated().filter { !Self.isBarrier(log, $0.offset) }.map(\.element)
            case .recordInPlace: log.map(Self.inPlace)
            case .recordNotFlushed:
                log.filter { if case .flush(.state, _) = $0 { false } else { true } }
            case .imageNotFlushed:
                log.filter { if case .flush(.esp, let path) = $0 { !path.hasPrefix("EFI/") } else { true } }
            case .namesNotFlushed:
                log.filter { if case .flushDirectory(.esp, "loader/entries") = $0 { false } else { true } }
            case .entryNotFlushed:
                log.filter { if case .flush(.esp, let path) = $0 { !path.hasPrefix("loader/") } else { true } }
            case .entryWrittenLate: Self.removalsLast(log)
            case .goodWritten: log.map(Self.toOtherSlot)
            }
        }

        private static func isSlot(_ offset: Int) -> Bool { (2 << 20..<6 << 20).contains(offset) }

        private static func isContentFlush(_ log: [Log.Operation], _ index: Int) -> Bool {
            guard index > 0, case .diskFlush = log[index], case .diskWrite(let offset, _) = log[index - 1] else {
                return false
            }
            return isSlot(offset)
        }

        private static func isBarrier(_ log: [Log.Operation], _ index: Int) -> Bool {
            guard index > 0, case .diskFlush = log[index], case .diskWrite(let offset, _) = log[index - 1] else {
                return false
            }
            return offset > 7 << 20
        }

        private static func inPlace(_ operation: Log.Operation) -> Log.Operation {
            switch operation {
            case .write(.state, _, let offset, let bytes):
                .write(.state, path: "record-0", offset: offset, bytes: bytes)
            case .flush(.state, _): .flush(.state, path: "record-0")
            default: operation
            }
        }

        /// Moves each removal of an entry, with its flush, behind the next write to a slot.
        private static func removalsLast(_ log: [Log.Operation]) -> [Log.Operation] {
            var (result, held): ([Log.Operation], [Log.Operation]) = ([], [])
            for operation in log {
                if case .remove(.esp, let path) = operation, path.hasPrefix("loader/") {
                    held += [operation, .flushDirectory(.esp, path: "loader/entries")]
                    continue
                }
                result.append(operation)
                if case .diskWrite(let offset, _) = operation, isSlot(offset) {
                    result += held
                    held = []
                }
            }
            return result + held
        }

        private static func toOtherSlot(_ operation: Log.Operation) -> Log.Operation {
            guard case .diskWrite(let offset, let bytes) = operation, isSlot(offset) else { return operation }
            return .diskWrite(offset: offset < 4 << 20 ? offset + (2 << 20) : offset - (2 << 20), bytes: bytes)
        }
    }

    @Test(arguments: Mutation.allCases)
    func whatWouldHurtIsFound(_ mutation: Mutation) throws {
        let systems = try TestSystems()
        for scenario in Scenario.allCases {
            let host = Host(try FreshDisk.machine(systems.a), systems, name: "mutated")
            let log = try scenario.record(host)
            var cuts = PowerCuts(scenario, systems)
            try cuts.run(mutation.apply(to: log.operations))
            if let violation = cuts.violations.first { return print(mutation, scenario, violation) }
        }
        Issue.record("nothing was found")
    }
}
