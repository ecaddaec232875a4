import SlotMachine

func candidate(_ release: UInt64, _ kernelImage: String) -> Candidate {
    Candidate(name: "node", release: release, kernelImage: kernelImage)
}

let running = Generation(number: 7, candidate(7, "seven"))
let newer = Generation(number: 8, candidate(8, "eight"))

/// A record in a phase as the way there leaves it: 7 is good in slot a, 8 goes into slot b.
func record(in phase: Phase) -> Record {
    var record = Record(good: Installation(running, in: .a), floor: 7, lastNumber: 8)
    record.phase = phase
    switch phase {
    case .idle: record.lastNumber = 7
    case .committed:
        record.good = Installation(newer, in: .b)
        record.previous = running
        record.floor = 8
    case .invalidate, .armed, .staged, .written: record.target = newer
    case .writing, .interrupted:
        record.target = newer
        record.written = 100
    case .trying, .healthy:
        record.target = newer
        record.boot = "now"
    case .failed:
        record.target = newer
        record.failures = [Failure(newer, .exhausted)]
    }
    return record
}

/// What a process sees that begins in a boot in which that phase can be.
func observation(in phase: Phase) -> Observation {
    var entries: [UInt64: EntryState] = [7: .good]
    switch phase {
    case .armed: entries[8] = .counting(left: 3)
    case .trying, .healthy: entries[8] = .counting(left: 2)
    case .committed: entries[8] = .good
    default: break
    }
    let runsNewer = [.trying, .healthy, .committed].contains(phase)
    return Observation(
        booted: runsNewer ? Installation(newer, in: .b) : Installation(running, in: .a),
        other: runsNewer ? running : nil, entries: entries, boot: "now")
}

func machine(in phase: Phase) -> StateMachine {
    StateMachine(record: record(in: phase), seen: observation(in: phase))
}
