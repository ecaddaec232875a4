import ArgumentParser
import BlueprintModel
import Controller
import Glibc
import Health
import LinuxSystem
import SlotMachine

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Tell which generations this machine has, which it boots, and why.",
        discussion: "Changes nothing, and may be asked at any time.")

    @OptionGroup var output: OutputOptions

    func run() throws {
        let console = Console(output)
        let machine = try RunningMachine.open(.reading)
        let status = NodeStatus(machine)
        console.result(output.json ? status.json.canonical : status.text)
    }
}

/// What there is to say about this machine's generations.
struct NodeStatus {
    let record: Record
    let seen: Observation
    let rootHash: Digest
    let next: UInt64?
    let events: [EventLog.Entry]

    init(_ machine: borrowing RunningMachine) {
        record = machine.controller.record
        seen = machine.controller.seen
        rootHash = machine.report.rootHash
        next = machine.controller.next
        events = machine.events.entries()
    }

    /// What is in a slot, as far as anything can boot it.
    private func generation(in slot: Slot) -> Generation? {
        if slot == seen.booted.slot { return seen.booted.generation }
        if slot == record.good.slot { return record.good.generation }
        return record.target ?? record.previous ?? seen.other
    }

    private func state(of generation: Generation) -> String {
        let number = generation.number
        if record.phase == .failed, record.target?.number == number { return "failed" }
        if record.good.generation.number == number { return "committed" }
        if record.target?.number == number {
            guard case .counting(let left) = seen.entries[number], [.armed, .trying].contains(record.phase) else {
                return record.phase.rawValue
            }
            return "\(record.phase.rawValue), \(left) tries left"
        }
        return seen.entries[number] == .good ? "committed before" : "not bootable"
    }

    // MARK: Text

    var text: String {
        var lines: [String] = []
        for slot in Slot.allCases {
            let isBooted = seen.booted.slot == slot
            guard let generation = generation(in: slot) else {
                lines.append("  slot \(slot.rawValue)  empty")
                continue
            }
            let candidate = generation.candidate
            let name = candidate.name.isEmpty ? "" : "  \(candidate.name)"
            let release = candidate.release == 0 ? "" : "  release \(candidate.release)"
            lines.append(
                "\(isBooted ? "▸" : " ") slot \(slot.rawValue)  generation \(generation.number)\(name)\(release)  "
                    + "\(state(of: generation))\(isBooted ? ", running" : "")")
        }
        lines.append("  next start  \(next.map { "generation \($0)" } ?? "nothing of Pisces")")
        lines.append("  \(advice)")
        for failure in record.failures.suffix(3) {
            let number = failure.generation.number
            let why = failure.reason == .exhausted ? unhealthy(number) : ""
            lines.append("  failed  generation \(number): \(Self.reason(failure.reason))\(why)")
        }
        for event in events.suffix(5) {
            lines.append("  \(Self.date(event.time))  \(event.event)  generation \(event.generation): \(event.message)")
        }
        return lines.joined(separator: "\n")
    }

    /// What is going on, and what to do next.
    private var advice: String {
        let target = record.target.map { "generation \($0.number)" } ?? "no generation"
        return switch record.phase {
        case .idle, .committed: "nothing is under way: pisces upgrade SOURCE installs the next generation"
        case .invalidate, .writing, .written, .interrupted:
            "\(target) is being installed, or was interrupted: the same pisces upgrade goes on; pisces cancel forgets it"
        case .staged: "\(target) is staged: pisces flip lets the next start boot it"
        case .armed: "\(target) is booted next: restart the machine, or pisces cancel"
        case .trying: "\(target) is on trial: it is committed once its checks have passed"
        case .healthy: "\(target) is healthy, and about to be committed"
        case .failed: "\(target) failed; this machine went back, and does not install it again unless you insist"
        }
    }

    /// What was wrong with a generation when it was judged last.
    private func unhealthy(_ generation: UInt64) -> String {
        guard let report = try? HealthReport.load(generation, from: HealthReport.directory) else {
            return " (it was never judged: it did not start, panicked or hung)"
        }
        let failed = report.checks.filter { $0.importance == .required && $0.outcome != .passed }.map(\.name)
        return failed.isEmpty ? "" : " (\(failed.joined(separator: ", ")) did not pass)"
    }

    static func reason(_ reason: SlotMachine.Failure.Reason) -> String {
        switch reason {
        case .exhausted: "none of its tries became healthy"
        case .rolledBack: "an operator took it back"
        }
    }

    static func date(_ seconds: Int) -> String {
        var (time, parts) = (time_t(seconds), tm())
        gmtime_r(&time, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S", &parts)
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    // MARK: JSON

    var json: JSONValue {
        .object([
            "phase": .string(record.phase.rawValue),
            "booted": .object([
                "slot": .string(seen.booted.slot.rawValue), "generation": Self.number(seen.booted.generation.number),
                "root-hash": .string(rootHash.hex),
            ]),
            "slots": .object(
                Dictionary(uniqueKeysWithValues: Slot.allCases.map { ($0.rawValue, json(generation(in: $0))) })),
            "good": Self.number(record.good.generation.number),
            "next": next.map(Self.number) ?? .null,
            "floor": Self.number(record.floor),
            "failures": .array(
                record.failures.map {
                    .object([
                        "generation": Self.number($0.generation.number), "reason": .string($0.reason.rawValue),
                        "kernel-image": .string($0.generation.candidate.kernelImage),
                    ])
                }),
            "events": .array(
                events.map {
                    .object([
                        "time": .integer($0.time), "event": .string($0.event),
                        "generation": Self.number($0.generation), "message": .string($0.message),
                    ])
                }),
        ])
    }

    private func json(_ generation: Generation?) -> JSONValue {
        guard let generation else { return .null }
        var tries = JSONValue.null
        if case .counting(let left) = seen.entries[generation.number] { tries = .integer(left) }
        return .object([
            "generation": Self.number(generation.number), "name": .string(generation.candidate.name),
            "release": Self.number(generation.candidate.release),
            "kernel-image": .string(generation.candidate.kernelImage),
            "state": .string(state(of: generation)), "tries-left": tries,
        ])
    }

    static func number(_ value: UInt64) -> JSONValue { .integer(Int(clamping: value)) }
}
