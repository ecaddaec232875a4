/// The controller's decisions: which slot is written, booted, kept and given up.
///
/// Pure: it changes its own record and says what is to be done; an executor does it and reports the result as the next
/// event. No event in any state makes it write to the running or to the last good slot, arm what was not read back, or
/// lower the floor.
///
///     idle → invalidate → writing → written → staged → armed → trying → healthy → committed
///                │ stopped  │         │          └── entry lost ──┘ │        │
///                └──────────┴─────────┴→ interrupted               └────────┴→ failed
public struct StateMachine: Sendable {
    /// What is to survive a power cut.
    public private(set) var record: Record
    /// What was seen when this process began.
    public let seen: Observation

    /// Tries of a new generation, unless an operator wants another number: never fewer than two, because a power cut or an
    /// impatient person uses one up, too.
    public static let tries = 3
    /// The most tries that an operator may want: the initrd, which knows no record, takes a generation that used up more for
    /// one that is booted because there is nothing else, and sets it no deadline.
    public static let mostTries = 9
    /// The highest number that the initrd reads in labels.
    static let highestNumber: UInt64 = 999_999_999_999_999_999

    /// Begins with the record, or without one where none can be read.
    public init(record: Record?, seen: Observation) {
        self.record = record ?? Record(adopting: seen)
        self.seen = seen
    }

    /// The slot that is not the good one's.
    private var passive: Slot { record.good.slot.other }
    /// What is, or was last, installed, where it is or was; nil if the record names none.
    public var target: Installation? { record.target.map { Installation($0, in: passive) } }
    private var runsGood: Bool { seen.booted == record.good }
    /// Whether the boot loader has the good generation to fall back to: without it nothing is given up or put at risk.
    private var canFallBack: Bool {
        let entry = seen.entries[record.good.generation.number]
        return entry == .good || entry == .blessing
    }
    private var runsPrevious: Bool {
        record.previous.map { seen.booted == Installation($0, in: passive) } ?? false
    }
    private var runsTarget: Bool { seen.booted == target }

    /// Takes an event and says what is to be done.
    public mutating func handle(_ event: Event) -> [Action] {
        switch event {
        case .start: start()
        case .install(let candidate, let insisting): install(candidate, insisting)
        case .flip(let tries): flip(tries)
        case .healthy, .unhealthy: judge(isHealthy: event == .healthy)
        case .commit: commit()
        case .rollBack(let insisting): rollBack(insisting)
        case .cancel: cancel()
        case .invalidated(let number), .flushed(let number, _), .wrote(let number), .verified(let number),
            .corrupt(let number), .staged(let number), .blessed(let number), .stopped(let number):
            if let target = record.target, target.number == number { result(event, of: target) } else { [] }
        }
    }

    /// Gives the target up for good, after the record says so.
    private mutating func fail(_ target: Generation, _ reason: Failure.Reason) -> [Action] {
        record.phase = .failed
        record.failures.removeAll { $0.generation.candidate.kernelImage == target.candidate.kernelImage }
        record.failures.append(Failure(target, reason))
        record.failures.removeFirst(max(0, record.failures.count - Record.failuresLimit))
        return [.save, .retire(target.number)]
    }
}

// MARK: - Start

extension StateMachine {
    private mutating func start() -> [Action] {
        let more: [Action] =
            switch record.phase {
            case .idle, .committed, .interrupted: startSettled()
            case .invalidate, .writing, .written: startCutOff()
            case .failed: startFailed()
            case .staged: runsTarget ? beginTrial() : startSettled()
            case .armed, .trying, .healthy: startOnTrial()
            }
        return [.repair] + more
    }

    private mutating func startSettled() -> [Action] {
        if runsGood {
            // A commit can have been cut off between the entry and its counted twin.
            let entry = seen.entries[record.good.generation.number]
            if entry == .good || entry == nil { return [] }
            return [.bless(record.good.generation.number)]
        }
        let entry = seen.entries[record.good.generation.number]
        if runsPrevious, let previous = record.previous, entry == nil || entry == .bad {
            // The boot loader has given the good generation up: this one is what there is.
            let lost = record.good.generation.number
            record.good = Installation(previous, in: passive)
            record.previous = nil
            record.phase = .idle
            return [.save, .alarm(.entryLost(lost))]
        }
        return [.alarm(.otherBooted(seen.booted.generation.number))]
    }

    private mutating func startCutOff() -> [Action] {
        record.phase = .interrupted
        return [.save] + startSettled()
    }

    private mutating func startFailed() -> [Action] {
        guard let target = record.target else { return startSettled() }
        if runsTarget {
            return canFallBack ? [.retire(target.number), .restart] : [.alarm(.unhealthy(target.number))]
        }
        return (seen.entries[target.number] == nil ? [] : [.retire(target.number)]) + startSettled()
    }

    private mutating func startOnTrial() -> [Action] {
        guard let target = record.target else { return startSettled() }
        let entry = seen.entries[target.number]
        if runsTarget {
            let isBlessed = entry == .good || entry == .blessing
            // Once healthy, a commit is only completed; the entry may be without its counter already.
            if record.phase == .healthy, isBlessed { return [.bless(target.number)] }
            return record.phase != .armed && record.boot == seen.boot ? [] : beginTrial()
        }
        guard runsGood else { return startSettled() }
        switch entry {
        case .bad: return fail(target, .exhausted) + [.alarm(.exhausted(target.number))]
        case nil:
            record.phase = .staged
            return [.save, .alarm(.entryLost(target.number))]
        case .good where record.phase != .healthy, .blessing where record.phase != .healthy:
            // Somebody took the counter off: without it a bad generation would be tried for ever.
            record.phase = .staged
            return [.retire(target.number), .save, .alarm(.entryLost(target.number))]
        case .good, .blessing:
            return [.alarm(.otherBooted(seen.booted.generation.number))]
        case .counting:
            if record.phase == .armed { return [] }
            record.phase = .armed
            return [.save]
        }
    }

    private mutating func beginTrial() -> [Action] {
        record.phase = .trying
        record.boot = seen.boot
        return [.save]
    }
}

// MARK: - Commands

extension StateMachine {
    private mutating func install(_ candidate: Candidate, _ insisting: Bool) -> [Action] {
        let isTarget = record.target?.candidate.kernelImage == candidate.kernelImage
        switch record.phase {
        case .invalidate, .writing, .written, .armed:
            return isTarget ? [] : [.refuse(.underWay(record.target?.number ?? 0))]
        case .staged where isTarget, .trying where isTarget, .healthy where isTarget: return []
        case .trying, .healthy: return [.refuse(.uncommittedBoot)]
        case .idle, .staged, .committed, .failed, .interrupted: break
        }
        guard runsGood else { return [.refuse(.uncommittedBoot)] }
        guard canFallBack else { return [.refuse(.noFallback)] }
        if !insisting {
            if candidate.kernelImage == record.good.generation.candidate.kernelImage {
                return [.refuse(.alreadyRunning)]
            }
            if candidate.release < record.floor { return [.refuse(.belowFloor(record.floor))] }
            let running = record.good.generation.candidate.data
            if !candidate.data.canRead(running) { return [.refuse(.dataTooNew(floor: running.floor))] }
            if let failure = record.failures.first(where: {
                $0.generation.candidate.kernelImage == candidate.kernelImage
            }) {
                return [.refuse(.failedBefore(failure.reason))]
            }
        }
        if record.phase == .interrupted, isTarget, let target = record.target, record.written > 0 {
            record.phase = .writing
            return [.save, .write(target.number, to: passive, from: record.written)]
        }
        guard record.lastNumber < Self.highestNumber else { return [.refuse(.numbersExhausted)] }
        record.lastNumber += 1
        record.target = Generation(number: record.lastNumber, candidate)
        record.previous = nil
        record.written = 0
        record.boot = ""
        record.phase = .invalidate
        return [.save, .invalidate(passive, for: record.lastNumber)]
    }

    private mutating func flip(_ tries: Int) -> [Action] {
        switch record.phase {
        case .staged:
            guard let target = record.target, runsGood else { return [.refuse(.uncommittedBoot)] }
            guard canFallBack else { return [.refuse(.noFallback)] }
            record.phase = .armed
            // First the record: an entry must never be there without it.
            return [.save, .arm(target.number, tries: min(max(2, tries), Self.mostTries))]
        case .armed: return []
        default: return [.refuse(.nothingStaged)]
        }
    }

    private mutating func judge(isHealthy: Bool) -> [Action] {
        switch (record.phase, isHealthy) {
        case (.trying, true) where runsTarget:
            record.phase = .healthy
            return [.save]
        case (.trying, false) where runsTarget && canFallBack: return [.restart]
        case (.healthy, false) where runsTarget && canFallBack:
            record.phase = .trying
            return [.save, .restart]
        case (_, false): return [.alarm(.unhealthy(seen.booted.generation.number))]
        case (_, true): return []
        }
    }

    private mutating func commit() -> [Action] {
        switch record.phase {
        case .healthy:
            guard let target = record.target, runsTarget else { return [.refuse(.nothingOnTrial)] }
            return seen.isFirmwareBoot ? [.bless(target.number)] : [.refuse(.notFromFirmware)]
        case .trying: return [.refuse(.notHealthy)]
        case .idle, .committed: return []
        default: return [.refuse(.nothingOnTrial)]
        }
    }

    private mutating func rollBack(_ insisting: Bool) -> [Action] {
        switch record.phase {
        case .trying, .healthy:
            guard let target = record.target, canFallBack else { return [.refuse(.nothingToGoBackTo)] }
            return fail(target, .rolledBack) + (runsTarget ? [.restart] : [])
        case .failed where runsTarget: return startFailed()
        case .failed: return []
        case .idle, .committed:
            guard let previous = record.previous, seen.entries[previous.number] == .good, runsGood || runsPrevious
            else { return [.refuse(.nothingToGoBackTo)] }
            let current = record.good
            // A trial may be taken back in any case: the boot loader does it unasked.
            let written = current.generation.candidate.data
            if !insisting, !previous.candidate.data.canRead(written) {
                return [.refuse(.dataTooNew(floor: written.floor))]
            }
            let mustRestart = runsGood
            record.good = Installation(previous, in: passive)
            record.previous = nil
            record.target = current.generation
            return fail(current.generation, .rolledBack) + (mustRestart ? [.restart] : [])
        default: return [.refuse(.nothingToGoBackTo)]
        }
    }

    private mutating func cancel() -> [Action] {
        let target = record.target?.number
        switch record.phase {
        case .idle, .committed, .failed: return []
        case .trying, .healthy: return [.refuse(.uncommittedBoot)]
        case .invalidate, .writing, .written, .staged, .armed, .interrupted: break
        }
        let wasArmed = record.phase == .armed
        record.phase = .idle
        record.target = nil
        record.written = 0
        // The entry goes before the record forgets it.
        return (wasArmed ? target.map { [.retire($0)] } ?? [] : []) + [.save]
    }
}

// MARK: - Results

extension StateMachine {
    private mutating func result(_ event: Event, of target: Generation) -> [Action] {
        let number = target.number
        switch (record.phase, event) {
        case (.invalidate, .invalidated):
            record.phase = .writing
            return [.save, .write(number, to: passive, from: 0)]
        case (.writing, .flushed(_, let bytes)):
            record.written = max(record.written, bytes)
            return [.save]
        case (.writing, .wrote): return [.verify(number, in: passive)]
        case (.writing, .verified):
            record.phase = .written
            return [.save, .stage(number, in: passive)]
        case (.writing, .corrupt):
            record.phase = .interrupted
            record.written = 0
            return [.save, .alarm(.corrupt(number))]
        case (.written, .staged):
            record.phase = .staged
            return [.save]
        case (.healthy, .blessed):
            record.previous = record.good.generation
            record.good = Installation(target, in: passive)
            record.floor = max(record.floor, target.candidate.release)
            record.target = nil
            record.written = 0
            record.phase = .committed
            return [.save]
        case (.invalidate, .stopped), (.writing, .stopped), (.written, .stopped):
            record.phase = .interrupted
            return [.save]
        case (.armed, .stopped):
            record.phase = .staged
            return [.retire(number), .save]
        default: return []
        }
    }
}
