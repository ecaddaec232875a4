/// One of the two sets of partitions that hold a generation.
public enum Slot: String, Sendable, Hashable, CaseIterable {
    case a, b

    /// The other one.
    public var other: Slot { self == .a ? .b : .a }
}

/// A constructed system as this machine knows it.
public struct Generation: Sendable, Hashable {
    /// Counts the installations on this machine: the version of the boot entry and the number in the partitions'
    /// labels. It grows with each installation, also with that of an older release.
    public var number: UInt64
    /// The system.
    public var candidate: Candidate

    /// Gives a system its number on this machine.
    public init(number: UInt64, _ candidate: Candidate) {
        self.number = number
        self.candidate = candidate
    }
}

/// A system that can be installed.
public struct Candidate: Sendable, Hashable {
    /// What the boot menu calls it.
    public var name: String
    /// The number that its manifest bears: what ``Record/floor`` is compared with.
    public var release: UInt64
    /// The SHA-256 of its kernel image in hexadecimal digits: equal for equal systems, since the image names the root hash.
    public var kernelImage: String
    /// Which data it writes below `/var`, and which systems can work with these.
    public var data: DataSchema

    /// Names a system.
    public init(name: String, release: UInt64, kernelImage: String, data: DataSchema = DataSchema()) {
        self.name = name
        self.release = release
        self.kernelImage = kernelImage
        self.data = data
    }
}

/// What a system does to data that outlive it: surviving an upgrade is not the same as surviving the way back.
public struct DataSchema: Sendable, Hashable {
    /// The version of the data that it writes.
    public var version: UInt64
    /// The oldest version that a system must itself write to be able to work with these data.
    public var floor: UInt64

    /// Data of a version; 0 is what systems write that say nothing of it.
    public init(version: UInt64 = 0, floor: UInt64 = 0) {
        self.version = version
        self.floor = floor
    }

    /// Whether a system that writes these can work with what another has written.
    public func canRead(_ other: DataSchema) -> Bool { version >= other.floor }
}

/// A generation in its slot.
public struct Installation: Sendable, Hashable {
    /// What is installed.
    public var generation: Generation
    /// Where.
    public var slot: Slot

    /// Puts a generation in a slot.
    public init(_ generation: Generation, in slot: Slot) {
        self.generation = generation
        self.slot = slot
    }
}

/// How far the newest upgrade has come.
public enum Phase: String, Sendable, Hashable, CaseIterable {
    /// There is none.
    case idle
    /// The passive slot is taken out of use: its boot entry and its labels go.
    case invalidate
    /// Content goes to the passive slot.
    case writing
    /// The slot was read back and is what the manifest says.
    case written
    /// The kernel image is on the EFI system partition, too, and the partitions bear their names: ready to flip.
    case staged
    /// The boot entry is there: the next start tries it.
    case armed
    /// It runs, counted, and is not known to be healthy.
    case trying
    /// It runs, and all its required checks have passed.
    case healthy
    /// It is the generation to fall back to from now on.
    case committed
    /// It could not be booted or was taken back; it is remembered.
    case failed
    /// Work ended before the slot was ready; it can go on where it was.
    case interrupted
}

/// A generation that is not to be tried again, and why.
public struct Failure: Sendable, Hashable {
    /// Why it failed.
    public enum Reason: String, Sendable, Hashable, CaseIterable {
        /// None of its tries became healthy.
        case exhausted
        /// An operator took it back.
        case rolledBack = "rolled-back"
    }

    /// What failed.
    public var generation: Generation
    /// Why.
    public var reason: Reason

    /// Names a failure.
    public init(_ generation: Generation, _ reason: Reason) {
        self.generation = generation
        self.reason = reason
    }
}

/// What the controller knows across power cuts.
public struct Record: Sendable, Hashable {
    /// How far the newest upgrade has come.
    public var phase: Phase
    /// The last committed generation: what the machine falls back to. Its slot is never written.
    public var good: Installation
    /// The generation committed before, if the passive slot still holds it.
    public var previous: Generation?
    /// What is, or was last, installed into the passive slot; nil when ``phase`` is idle or committed.
    public var target: Generation?
    /// How many bytes of the target's partitions are durable.
    public var written: UInt64
    /// The boot in which the target runs (`/proc/sys/kernel/random/boot_id`); empty before it was tried.
    public var boot: String
    /// No release below this is installed, unless an operator says so. It rises only at a commit.
    public var floor: UInt64
    /// The newest failures, oldest first: at most ``failuresLimit``.
    public var failures: [Failure]
    /// The highest number that a generation ever had here.
    public var lastNumber: UInt64

    /// How many failures are remembered.
    public static let failuresLimit = 16

    /// Makes a record from its parts.
    public init(
        phase: Phase = .idle, good: Installation, previous: Generation? = nil, target: Generation? = nil,
        written: UInt64 = 0, boot: String = "", floor: UInt64, failures: [Failure] = [], lastNumber: UInt64
    ) {
        self.phase = phase
        self.good = good
        self.previous = previous
        self.target = target
        self.written = written
        self.boot = boot
        self.floor = floor
        self.failures = failures
        self.lastNumber = lastNumber
    }

    /// What can be known of a machine that has no record: the running generation is the good one, unless it is on
    /// trial and another can be fallen back to.
    public init(adopting seen: Observation) {
        let state = seen.entries[seen.booted.generation.number]
        let good: Installation
        if case .counting = state, let other = seen.other, seen.entries[other.number] == .good {
            good = Installation(other, in: seen.booted.slot.other)
        } else {
            good = seen.booted
        }
        self.init(
            good: good, floor: good.generation.candidate.release,
            lastNumber: max(seen.highestNumber, good.generation.number))
        if good != seen.booted {
            phase = .trying
            target = seen.booted.generation
            boot = seen.boot
        } else if let other = seen.other, seen.entries[other.number] == .good {
            previous = other
        }
    }
}
