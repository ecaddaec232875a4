/// What the boot entry of a generation says.
public enum EntryState: Sendable, Hashable {
    /// Not counted: booted as often as it takes.
    case good
    /// Not counted, but a counted entry is there, too: a commit was cut off.
    case blessing
    /// Counted, with tries left.
    case counting(left: Int)
    /// Counted, and no tries are left: booted only if there is nothing else.
    case bad
}

/// What a process of the controller sees when it starts.
public struct Observation: Sendable, Hashable {
    /// What is running.
    public var booted: Installation
    /// What the other slot's labels name; nil if it is empty.
    public var other: Generation?
    /// The boot entries, by number of their generation.
    public var entries: [UInt64: EntryState]
    /// Identifies this boot (`/proc/sys/kernel/random/boot_id`).
    public var boot: String
    /// Whether firmware started this boot: a kernel started by kexec proves nothing of the way through the firmware.
    public var isFirmwareBoot: Bool

    /// Puts an observation together.
    public init(
        booted: Installation, other: Generation? = nil, entries: [UInt64: EntryState], boot: String,
        isFirmwareBoot: Bool = true
    ) {
        self.booted = booted
        self.other = other
        self.entries = entries
        self.boot = boot
        self.isFirmwareBoot = isFirmwareBoot
    }

    /// The highest number of a generation that can be seen.
    var highestNumber: UInt64 {
        max(entries.keys.max() ?? 0, booted.generation.number, other?.number ?? 0)
    }
}

/// What happens to the machine. Results name the generation that they are about: one of an earlier is passed over.
public enum Event: Sendable, Hashable {
    /// A process begins, at boot or later: ``StateMachine`` has looked at the observation.
    case start

    // Commands
    /// Install a candidate. An operator may insist on one that is older than the floor, failed before or is running.
    case install(Candidate, insisting: Bool = false)
    /// Boot the staged generation next, with so many tries.
    case flip(tries: Int = StateMachine.tries)
    /// All required checks of the running generation have passed.
    case healthy
    /// A required check of the running generation has failed.
    case unhealthy
    /// Make the running generation the one to fall back to.
    case commit
    /// Go back to the last generation before the running one. An operator may insist although its data are too new.
    case rollBack(insisting: Bool = false)
    /// Forget the upgrade that is under way.
    case cancel

    // Results
    /// The passive slot is out of use, durably.
    case invalidated(UInt64)
    /// So many bytes are written and durable.
    case flushed(UInt64, bytes: UInt64)
    /// All is written and durable.
    case wrote(UInt64)
    /// The slot was read back and is right.
    case verified(UInt64)
    /// The slot was read back and is not right.
    case corrupt(UInt64)
    /// Kernel image, labels and UUIDs are in place, durable and read back.
    case staged(UInt64)
    /// The entry is no longer counted, durably.
    case blessed(UInt64)
    /// The step under way failed.
    case stopped(UInt64)
}

/// What is to be done, in this order; where one fails, those behind it are not done.
public enum Action: Sendable, Hashable {
    /// Make the record durable.
    case save
    /// Mend what a power cut can have left half done: the copies of the partition table.
    case repair
    /// Take a slot out of use: first its boot entry, then its labels; answered by ``Event/invalidated(_:)``.
    case invalidate(Slot, for: UInt64)
    /// Write a generation from a byte on; answered by ``Event/flushed(_:bytes:)`` and ``Event/wrote(_:)``.
    case write(UInt64, to: Slot, from: UInt64)
    /// Read the slot back; answered by ``Event/verified(_:)`` or ``Event/corrupt(_:)``.
    case verify(UInt64, in: Slot)
    /// Put kernel image, labels and UUIDs in place; answered by ``Event/staged(_:)``.
    case stage(UInt64, in: Slot)
    /// Write the boot entry with tries, so that the next start boots it; nothing to do if it is there.
    case arm(UInt64, tries: Int)
    /// Take the counter off the boot entry; answered by ``Event/blessed(_:)``.
    case bless(UInt64)
    /// Remove the boot entry.
    case retire(UInt64)
    /// Start the machine anew.
    case restart
    /// Tell the operator why nothing is done.
    case refuse(Refusal)
    /// Tell the operator what happened.
    case alarm(Alarm)
}

/// Why a command is refused; nothing was changed.
public enum Refusal: Sendable, Hashable, CustomStringConvertible {
    /// The running generation is not the committed one.
    case uncommittedBoot
    /// The release is older than the floor.
    case belowFloor(UInt64)
    /// It failed before.
    case failedBefore(Failure.Reason)
    /// It is what runs.
    case alreadyRunning
    /// Another generation is under way.
    case underWay(UInt64)
    /// No more numbers: the initrd knows 18 digits.
    case numbersExhausted
    /// The boot loader has no entry for the good generation.
    case noFallback
    /// Nothing is staged.
    case nothingStaged
    /// Nothing is on trial.
    case nothingOnTrial
    /// Checks have not passed.
    case notHealthy
    /// Not started by firmware.
    case notFromFirmware
    /// There is nothing to go back to.
    case nothingToGoBackTo
    /// It cannot work with data that are written by now.
    case dataTooNew(floor: UInt64)

    /// What is the matter, and what to do.
    public var description: String {
        switch self {
        case .uncommittedBoot:
            "the running generation is not committed, so that both slots are needed: commit it, or roll it back, first"
        case .belowFloor(let floor): "it is older than release \(floor), the oldest that may be installed"
        case .failedBefore(let reason): "this very system failed before (\(reason.rawValue))"
        case .alreadyRunning: "this very system is running"
        case .underWay(let number): "generation \(number) is under way: cancel it first"
        case .numbersExhausted: "there are no higher numbers for generations"
        case .noFallback:
            "the boot loader has no uncounted entry of the last good generation, so that nothing could be fallen back to"
        case .nothingStaged: "no generation is staged: upgrade first"
        case .nothingOnTrial: "no generation is on trial"
        case .notHealthy: "the checks of the running generation have not passed"
        case .notFromFirmware: "this kernel was not started by firmware: reboot once before the commit"
        case .dataTooNew(let floor):
            "it does not know the data that the running system writes: these need a system of data schema \(floor) at least"
        case .nothingToGoBackTo: "the other slot holds no generation that was committed before"
        }
    }
}

/// What an operator should know of.
public enum Alarm: Sendable, Hashable, CustomStringConvertible {
    /// A generation used up its tries.
    case exhausted(UInt64)
    /// The running committed generation is not healthy; nothing better is there.
    case unhealthy(UInt64)
    /// A boot entry vanished, as a power cut in the boot loader can cause; the generation may be flipped again.
    case entryLost(UInt64)
    /// Something else runs than the record expects, by somebody's choice in the boot menu perhaps.
    case otherBooted(UInt64)
    /// What was read back from a slot is not what was written.
    case corrupt(UInt64)

    /// What happened.
    public var description: String {
        switch self {
        case .exhausted(let number): "generation \(number) used up its tries and was given up"
        case .unhealthy(let number): "generation \(number) is running and not healthy; nothing better is there"
        case .entryLost(let number): "the boot entry of generation \(number) was lost: if it is staged, flip again"
        case .otherBooted(let number): "generation \(number) is running, which was not to be: restart for the good one"
        case .corrupt(let number): "generation \(number) reads back differently from its slot: the disk may be failing"
        }
    }
}
