import Controller
import PiscesTesting
import SlotMachine
import Testing

/// The judge itself: what the order of writes and the flushes are for.
@Suite struct MutationTests {
    /// Something that an executor could get wrong.
    enum Mutation: String, CaseIterable, Sendable {
        case diskNotFlushed = "the disk is not flushed before a generation is armed"
        case progressNotFlushed = "the slot's content is not flushed before the record tells of it"
        case tableWithoutBarrier = "both copies of the table are written without a flush between"
        case recordInPlace = "the record is overwritten in place"
        case recordNotFlushed = "the record is not flushed"
        case imageNotFlushed = "the kernel image is not flushed before the entry names it"
        case namesNotFlushed = "the names of boot entries are not flushed"
        case entryNotFlushed = "the content of boot entries is not flushed"
        case entryNotBlankFirst = "an entry is written into a file that is not durable"
        case entryNotBlankedLast = "an entry is removed with what is in it"
        case entryWrittenLate = "the entry is removed after its slot is overwritten"
        case goodWritten = "the last good slot is written"

        /// What it breaks.
        var invariant: String {
            switch self {
            case .diskNotFlushed, .imageNotFlushed, .entryWrittenLate, .entryNotBlankFirst,
                .entryNotBlankedLast:
                "I3"
            case .tableWithoutBarrier: "I8"
            case .recordInPlace: "I4"
            case .recordNotFlushed: "I7"
            case .entryNotFlushed, .namesNotFlushed: "I1"
            case .goodWritten: "I2"
            case .progressNotFlushed: "the next upgrade was not taken: [Controller.Controller.Notice.alarm"
            }
        }

        func apply(to log: [Log.Operation]) -> [Log.Operation] {
            switch self {
            case .diskNotFlushed: log.filter { if case .diskFlush = $0 { false } else { true } }
            case .progressNotFlushed: log.enumerated().filter { !Self.isContentFlush(log, $0.offset) }.map(\.element)
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
            case .entryNotBlankFirst: Self.withoutBlanks(log, ofSize: 512...512, andNext: 2)
            case .entryNotBlankedLast: Self.withoutBlanks(log, ofSize: 1...511, andNext: 1)
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

        /// Leaves out the writing of comments with the flushes behind it.
        private static func withoutBlanks(
            _ log: [Log.Operation], ofSize sizes: ClosedRange<Int>, andNext flushes: Int
        ) -> [Log.Operation] {
            var (result, omitted): ([Log.Operation], Int) = ([], 0)
            for operation in log {
                if case .write(.esp, _, _, let bytes) = operation, bytes.first == UInt8(ascii: "#"),
                    sizes.contains(bytes.count)
                {
                    omitted = 1 + flushes
                }
                if omitted == 0 { result.append(operation) }
                omitted = max(0, omitted - 1)
            }
            return result
        }

        /// Moves the removal of the image's own entry behind the next write to a slot.
        private static func removalsLast(_ log: [Log.Operation]) -> [Log.Operation] {
            var (result, held): ([Log.Operation], [Log.Operation]) = ([], [])
            for operation in log {
                switch operation {
                case .write(.esp, "loader/entries/pisces-1.conf", _, _), .remove(.esp, "loader/entries/pisces-1.conf"):
                    held.append(operation)
                case .flush(.esp, "loader/entries/pisces-1.conf"): held.append(operation)
                case .diskWrite(let offset, _) where isSlot(offset):
                    result += [operation] + held
                    held = []
                default: result.append(operation)
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
            cuts.choices = 8
            try cuts.run(mutation.apply(to: log.operations), until: mutation.invariant)
            if !cuts.violations.isEmpty { return }
        }
        Issue.record("nothing was found")
    }
}
