internal import Disk
internal import Filesystems
internal import LinuxSystem
public import SlotMachine

/// Puts a generation into the passive slot, and lets the boot loader try it: the executor of ``StateMachine``.
///
///     upgrade ─▶ [ record ] ─▶ passive slot: entry away, labels away, content, read back, labels ─▶ staged
///     flip    ─▶ [ record ] ─▶ boot entry with tries ─▶ armed ══ reboot ══▶ trying ─▶ healthy
///     commit  ─▶ boot entry without counter ─▶ [ record ] ─▶ committed
///
/// The machine decides, and only what is done here touches disks. Each action is durable when it is done, and may be done
/// again: after a power cut ``start()`` in the next process finds out where things are and goes on. One process at a
/// time may use it: who makes one holds a lock. The file volumes are those of a sound file system: who mounts the EFI
/// system partition has it checked first, if it was not unmounted cleanly.
public struct Controller {
    private let device: any BlockDevice
    private let boot: any BootBackend
    let table: SlotTable
    /// Where the slots are: what changes of the table is only what they are called.
    let pairs: [Slot: SlotTable.Pair]
    private var store: RecordStore
    private var machine: StateMachine
    /// Bytes between two flushes while a slot is written: what an interruption costs at most.
    private let flushBytes: Int

    /// What is being done for long.
    public enum Step: Sendable, Hashable {
        /// Content goes to the passive slot.
        case writing
        /// It is read back.
        case verifying
    }

    /// Told of bytes done, of how many.
    public var progress: ((Step, _ done: Int, _ of: Int) -> Void)?

    /// What was told to whoever gave the command.
    public enum Notice: Sendable, Hashable {
        /// The command was refused; nothing was changed.
        case refused(Refusal)
        /// Something happened that an operator should know.
        case alarm(Alarm)
        /// The machine must be started anew now.
        case mustRestart
    }

    /// Reads the record; ``start()`` is to follow.
    /// - Parameters:
    ///   - disk: the disk with the slots.
    ///   - boot: the boot loader.
    ///   - state: the controller's own directory on the data partition.
    ///   - seen: what runs; its ``Observation/entries`` and ``Observation/other`` are filled in here.
    public init(
        disk: any BlockDevice, boot: any BootBackend, state: any FileVolume, seen: Observation,
        flushBytes: Int = 64 << 20
    ) throws(ControllerError) {
        precondition(flushBytes > 0, "a flush follows bytes")
        self.device = disk
        self.boot = boot
        self.flushBytes = flushBytes
        table = SlotTable(device: disk)
        store = RecordStore(state)
        let record = try store.load()
        var seen = seen
        seen.entries = try boot.states()
        let known = [record?.good.generation, record?.target, record?.previous].compactMap { $0 }
        if let generation = known.first(where: { $0.number == seen.booted.generation.number }) {
            seen.booted.generation = generation
        }
        let plan = try table.read()
        pairs = [.a: try table.pair(.a, in: plan), .b: try table.pair(.b, in: plan)]
        let label = pairs[seen.booted.slot.other]?.root.name ?? ""
        if label.hasPrefix("root-"), let number = UInt64(label.dropFirst(5)) {
            let unknown = Generation(number: number, Candidate(name: "", release: 0, kernelImage: ""))
            seen.other = known.first { $0.number == number } ?? unknown
        }
        machine = StateMachine(record: record, seen: seen)
    }

    /// What the controller knows.
    public var record: Record { machine.record }
    /// What it saw when it was made.
    public var seen: Observation { machine.seen }
    /// The generation that the next start boots; nil if that is nothing of ours, or cannot be told.
    public var next: UInt64? { try? boot.primary() }
}

// MARK: - Commands

extension Controller {
    /// Finds out where things are after whatever ended the process before, and mends what is half done.
    public mutating func start() throws(ControllerError) -> [Notice] { try run(.start) }

    /// Installs a generation into the passive slot, up to where it can be flipped. One that was interrupted goes on.
    ///
    /// - Parameter insisting: an operator wants it although it is older, failed before, or is what runs.
    /// - Throws: ``ControllerError`` of kind `space`, `source` or `table` before anything is changed, if it does not fit.
    public mutating func upgrade(_ upgrade: Upgrade, insisting: Bool = false) throws(ControllerError) -> [Notice] {
        try check(upgrade)
        return try run(.install(upgrade.candidate, insisting: insisting), upgrade)
    }

    /// Why a generation would be refused; nil if it would be installed.
    public func refusal(of upgrade: Upgrade) -> Refusal? { refusal(of: .install(upgrade.candidate)) }

    /// Why the way back would be refused; nil if it would be gone.
    public func refusalOfRollBack(insisting: Bool) -> Refusal? { refusal(of: .rollBack(insisting: insisting)) }

    private func refusal(of event: Event) -> Refusal? {
        var machine = machine
        if case .refuse(let refusal) = machine.handle(event).first { return refusal }
        return nil
    }

    /// Where a generation would be installed, and by which number; nil if it would be refused.
    public func place(of upgrade: Upgrade, insisting: Bool) -> Installation? {
        var machine = machine
        if case .refuse = machine.handle(.install(upgrade.candidate, insisting: insisting)).first { return nil }
        return machine.target
    }

    /// What the newest upgrade installed, or is to install; nil if there is none.
    public var target: Installation? { machine.target }

    /// Bytes that the passive slot has for a root and for its hash tree.
    public func passiveRoom() throws(ControllerError) -> (root: UInt64, hashTree: UInt64) {
        guard let pair = pairs[machine.record.good.slot.other] else {
            throw ControllerError(.table, device.name, "there is no passive slot")
        }
        return (pair.root.sizeBytes, pair.hashTree.sizeBytes)
    }

    /// Lets the next start boot what is staged, so many times until it is committed.
    public mutating func flip(tries: Int = StateMachine.tries) throws(ControllerError) -> [Notice] {
        try run(.flip(tries: tries))
    }

    /// Takes the verdict of the checks on the running generation.
    public mutating func judge(isHealthy: Bool) throws(ControllerError) -> [Notice] {
        try run(isHealthy ? .healthy : .unhealthy)
    }

    /// Makes the running generation the one to fall back to.
    public mutating func commit() throws(ControllerError) -> [Notice] { try run(.commit) }

    /// Goes back to the generation before the running one.
    /// - Parameter insisting: an operator wants it although that one does not know the data of the running one.
    public mutating func rollBack(insisting: Bool = false) throws(ControllerError) -> [Notice] {
        try run(.rollBack(insisting: insisting))
    }

    /// Forgets an upgrade that is not on trial.
    public mutating func cancel() throws(ControllerError) -> [Notice] { try run(.cancel) }

    /// Refuses what does not fit, before anything is changed.
    private func check(_ upgrade: Upgrade) throws(ControllerError) {
        // So that a record has its size.
        guard (1...64).contains(upgrade.name.utf8.count) else {
            throw ControllerError(.source, upgrade.name, "a system's name has 1 to 64 bytes")
        }
        for (artefact, contents, place) in places(of: upgrade, in: machine.record.good.slot.other)
        where contents.sizeBytes <= 0 || UInt64(contents.sizeBytes) > place.sizeBytes {
            throw ControllerError(
                .space, device.name,
                "the \(artefact) of \(upgrade.name) has \(contents.sizeBytes) bytes, and partition "
                    + "\(place.number) has \(place.sizeBytes)")
        }
        try boot.checkSpace(for: upgrade.kernelImage.digest, sizeBytes: upgrade.kernelImage.sizeBytes)
    }
}

// MARK: - Actions

extension Controller {
    /// Lets the machine decide, does what it says, and gives it the results, until there is nothing more to do.
    private mutating func run(_ event: Event, _ upgrade: Upgrade? = nil) throws(ControllerError) -> [Notice] {
        var notices: [Notice] = []
        var events = [event]
        while let event = events.popLast() {
            for action in machine.handle(event) {
                do throws(ControllerError) {
                    if let result = try perform(action, upgrade, &notices) { events.append(result) }
                } catch {
                    // What cannot be done now can go on later; that even this cannot be noted adds nothing.
                    if let number = Self.installing(action) {
                        for action in machine.handle(.stopped(number)) { _ = try? perform(action, nil, &notices) }
                    }
                    throw error
                }
            }
        }
        return notices
    }

    /// The generation that an action is a step of installing.
    private static func installing(_ action: Action) -> UInt64? {
        switch action {
        case .invalidate(_, let number), .write(let number, _, _), .verify(let number, _), .stage(let number, _),
            .arm(let number, _):
            number
        case .save, .repair, .bless, .retire, .restart, .refuse, .alarm: nil
        }
    }

    private mutating func perform(
        _ action: Action, _ upgrade: Upgrade?, _ notices: inout [Notice]
    ) throws(ControllerError) -> Event? {
        switch action {
        case .save: try store.save(machine.record)
        case .repair: try table.repair()
        case .invalidate(let slot, let number):
            try invalidate(slot)
            return .invalidated(number)
        case .write(let number, let slot, let offset):
            guard let upgrade else { return nil }
            try write(upgrade, number, to: slot, from: offset)
            return .wrote(number)
        case .verify(let number, let slot):
            guard let upgrade else { return nil }
            return try isWritten(upgrade, in: slot) ? .verified(number) : .corrupt(number)
        case .stage(let number, let slot):
            guard let upgrade else { return nil }
            try boot.store(upgrade.kernelImage.digest, sizeBytes: upgrade.kernelImage.sizeBytes) {
                (offset, count) throws(ControllerError) in
                try upgrade.bytes(of: .kernelImage, at: offset, count: count)
            }
            try table.name(slot, generation: number, rootHash: upgrade.rootHash)
            return .staged(number)
        case .arm(let number, let tries):
            guard let target = machine.record.target, target.number == number else { return nil }
            try boot.setPrimary(target, tries: tries)
        case .bless(let number):
            try boot.setGood(number)
            return .blessed(number)
        case .retire(let number): try boot.retire { $0 == number }
        case .restart: notices.append(.mustRestart)
        case .refuse(let refusal): notices.append(.refused(refusal))
        case .alarm(let alarm): notices.append(.alarm(alarm))
        }
        return nil
    }

    /// Takes the passive slot out of use: nothing names it once its content changes.
    private func invalidate(_ slot: Slot) throws(ControllerError) {
        let good = machine.record.good.generation.number
        try boot.retire { $0 != good }
        try boot.removeUnusedImages()
        try table.clear(slot)
    }

    private func places(
        of upgrade: Upgrade, in slot: Slot
    ) -> [(artefact: Artefact, contents: Contents, place: PlannedPartition)] {
        guard let pair = pairs[slot] else { return [] }
        return [(.root, upgrade.root, pair.root), (.hashTree, upgrade.hashTree, pair.hashTree)]
    }

    /// Writes root and verity tree, which count as one run of bytes, from an offset on.
    private mutating func write(
        _ upgrade: Upgrade, _ number: UInt64, to slot: Slot, from: UInt64
    ) throws(ControllerError) {
        var (base, flushed) = (0, Int(clamping: from))
        for (artefact, contents, place) in places(of: upgrade, in: slot) {
            var offset = max(0, flushed - base)
            while offset < contents.sizeBytes {
                let limit = min(chunkBytes, flushBytes, contents.sizeBytes - offset)
                let bytes = try upgrade.bytes(of: artefact, at: offset, count: limit)
                try system { () throws(SystemError) in
                    try device.write(bytes, at: place.startBytes + UInt64(offset))
                }
                offset += bytes.count
                progress?(.writing, base + offset, upgrade.root.sizeBytes + upgrade.hashTree.sizeBytes)
                if base + offset - flushed >= flushBytes {
                    flushed = base + offset
                    try flush(number, flushed)
                }
            }
            base += contents.sizeBytes
        }
        if base > flushed { try flush(number, base) }
    }

    private mutating func flush(_ number: UInt64, _ bytes: Int) throws(ControllerError) {
        try system { () throws(SystemError) in try device.flush() }
        if machine.handle(.flushed(number, bytes: UInt64(bytes))) == [.save] { try store.save(machine.record) }
    }

    /// Reads root and verity tree back from the device, and computes anew from the root's bytes the hash that vouches for
    /// them.
    private func isWritten(_ upgrade: Upgrade, in slot: Slot) throws(ControllerError) -> Bool {
        guard let pair = pairs[slot],
            let salt = VerityTree.salt(
                superblock: try system { () throws(SystemError) in
                    try device.read(at: pair.hashTree.startBytes, count: 4096)
                })
        else { return false }
        for (artefact, contents, place) in places(of: upgrade, in: slot) {
            var blockDigests: [UInt8] = []
            let digest = try system { () throws(SystemError) in
                try digestOfChunks(count: contents.sizeBytes) { (offset, count) throws(SystemError) in
                    progress?(.verifying, offset, contents.sizeBytes)
                    let bytes = try device.read(at: place.startBytes + UInt64(offset), count: count)
                    if artefact == .root { blockDigests += VerityTree.digestsOfBlocks(of: bytes, salt: salt) }
                    return bytes
                }
            }
            if digest != contents.digest { return false }
            if artefact == .root, VerityTree.rootHash(blockDigests: blockDigests, salt: salt) != upgrade.rootHash {
                return false
            }
        }
        return true
    }
}
