import PiscesTesting
import SlotMachine
import Testing

/// Every phase with every event, written down for a person to read.
@Suite struct TableTests {
    /// An event, and what is different about what the process sees.
    private struct Case {
        let name: String
        let event: Event
        var change: @Sendable (inout Observation) -> Void = { _ in }

        init(_ name: String, _ event: Event, _ change: @escaping @Sendable (inout Observation) -> Void = { _ in }) {
            (self.name, self.event, self.change) = (name, event, change)
        }
    }

    private static let same = candidate(8, "eight")
    private static let other = candidate(9, "nine")
    private static let old = candidate(5, "five")

    private static let starts = [
        Case("start", .start),
        Case("start in the next boot", .start) { $0.boot = "next" },
        Case("start in 7", .start) { $0.booted = Installation(running, in: .a) },
        Case("start in 7, no entry of 8", .start) {
            $0.booted = Installation(running, in: .a)
            $0.entries[8] = nil
        },
        Case("start in 7, 8 has no tries left", .start) {
            $0.booted = Installation(running, in: .a)
            $0.entries[8] = .bad
        },
        Case("start in 7, 8 is uncounted", .start) {
            $0.booted = Installation(running, in: .a)
            $0.entries[8] = .good
        },
        Case("start in 8, counted", .start) {
            $0.booted = Installation(newer, in: .b)
            $0.entries[8] = .counting(left: 1)
            $0.boot = "next"
        },
        Case("start in 8, last try", .start) {
            $0.booted = Installation(newer, in: .b)
            $0.entries[8] = .bad
            $0.boot = "next"
        },
        Case("start in 8, half blessed", .start) {
            $0.booted = Installation(newer, in: .b)
            $0.entries[8] = .blessing
            $0.boot = "next"
        },
        Case("start in 3, which nobody knows", .start) {
            $0.booted = Installation(Generation(number: 3, candidate(3, "three")), in: .b)
        },
    ]
    private static let commands = [
        Case("install 8", .install(same)), Case("install 9", .install(other)),
        Case("install 9 from kexec's kernel", .install(other)) { $0.isFirmwareBoot = false },
        Case("install 9 while 7 has no entry", .install(other)) { $0.entries[7] = nil },
        Case("install 5", .install(old)), Case("insist on 5", .install(old, insisting: true)),
        Case("insist on 8", .install(same, insisting: true)),
        Case("flip", .flip()), Case("healthy", .healthy), Case("unhealthy", .unhealthy),
        Case("unhealthy while 7 has no entry", .unhealthy) { $0.entries[7] = nil },
        Case("commit", .commit), Case("commit in kexec's kernel", .commit) { $0.isFirmwareBoot = false },
        Case("roll back", .rollBack()), Case("roll back while 7 has no entry", .rollBack()) { $0.entries[7] = nil },
        Case("cancel", .cancel),
    ]
    private static let results = [
        Case("invalidated", .invalidated(8)), Case("flushed to 200", .flushed(8, bytes: 200)),
        Case("flushed to 50", .flushed(8, bytes: 50)), Case("wrote", .wrote(8)), Case("verified", .verified(8)),
        Case("corrupt", .corrupt(8)), Case("staged", .staged(8)), Case("blessed", .blessed(8)),
        Case("stopped", .stopped(8)),
        // Answers to something that is no longer wanted.
        Case("invalidated 6", .invalidated(6)), Case("flushed 6", .flushed(6, bytes: 200)), Case("wrote 6", .wrote(6)),
        Case("verified 6", .verified(6)), Case("corrupt 6", .corrupt(6)), Case("staged 6", .staged(6)),
        Case("blessed 6", .blessed(6)), Case("stopped 6", .stopped(6)),
    ]

    @Test func everyPhaseAnswersEveryEventAsWrittenDown() {
        var text = """
            # phase: generation 7 is good in slot a, 8 goes to slot b (in 'committed' 8 is good already)
            #   event | next phase, if it is another | actions

            """
        for phase in Phase.allCases {
            text += "\n\(phase.rawValue):\n"
            for one in Self.starts + Self.commands + Self.results {
                var seen = observation(in: phase)
                one.change(&seen)
                var machine = StateMachine(record: record(in: phase), seen: seen)
                let actions = machine.handle(one.event)
                let next = machine.record.phase == phase ? "" : machine.record.phase.rawValue
                let list = actions.map(describe).joined(separator: ", ")
                text += "  \(one.name) | \(next) | \(list)\n"
            }
        }
        #expect(differenceFromGolden(text, "transitions.txt") == nil)
    }

    private func describe(_ action: Action) -> String {
        switch action {
        case .save: "save"
        case .repair: "repair"
        case .invalidate(let slot, let number): "invalidate \(slot) for \(number)"
        case .write(let number, let slot, let bytes): "write \(number) to \(slot) from byte \(bytes)"
        case .verify(let number, let slot): "verify \(number) in \(slot)"
        case .stage(let number, let slot): "stage \(number) in \(slot)"
        case .arm(let number, let tries): "arm \(number) with \(tries) tries"
        case .bless(let number): "bless \(number)"
        case .retire(let number): "retire \(number)"
        case .restart: "restart"
        case .refuse(let refusal): "refuse: \(refusal)"
        case .alarm(let alarm): "alarm: \(alarm)"
        }
    }
}
