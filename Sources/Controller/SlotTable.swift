internal import Disk
internal import LinuxSystem
internal import SlotMachine

/// The partition table of a disk with two slots, changed so that one copy of it is whole at every moment.
///
/// libfdisk composes each table in memory; here it is written backup → flush → primary → flush, and read back. libfdisk
/// itself neither flushes between the copies nor notices that both are whole but differ, as they do after a power cut
/// between the two: the primary, which is what firmware and kernel read, is then the truth.
struct SlotTable {
    let device: any BlockDevice

    /// The partitions of one slot.
    struct Pair: Equatable {
        var root: PlannedPartition
        var hashTree: PlannedPartition
    }

    static let emptyLabel = "_empty"

    // MARK: Reading

    /// Reads the table from whichever copy is whole.
    func read() throws(ControllerError) -> DiskPlan { try load().layout.plan }

    private func load() throws(ControllerError) -> (layout: DiskLayout, copies: TableBytes) {
        guard device.sizeBytes >= DiskPlan.firstUsableByte else {
            throw ControllerError(.table, device.name, "\(device.sizeBytes) bytes are no disk with two slots")
        }
        let copies = try copies()
        let layout = try table { () throws(DiskError) in
            try PartitionTable.read(
                head: copies.head, tail: copies.tail, sizeBytes: device.sizeBytes, name: device.name)
        }
        return (layout, copies)
    }

    private func copies() throws(ControllerError) -> TableBytes {
        try system { () throws(SystemError) in
            TableBytes(
                head: try device.read(at: 0, count: PartitionTable.headBytes),
                tail: try device.read(at: tailOffset, count: PartitionTable.tailBytes))
        }
    }

    /// Where the backup is: in the last whole sectors.
    private var tailOffset: UInt64 {
        device.sizeBytes / DiskPlan.sectorSize * DiskPlan.sectorSize - UInt64(PartitionTable.tailBytes)
    }

    /// The pair of a slot: the first and the second partition of the root type, and likewise of their hash trees.
    func pair(_ slot: Slot, in plan: DiskPlan) throws(ControllerError) -> Pair {
        let index = slot == .a ? 0 : 1
        let partitions = plan.partitions.sorted { $0.number < $1.number }
        for architecture in ["amd64", "arm64"] {
            let roots = partitions.filter { $0.type == GUID.root(architecture: architecture) }
            let trees = partitions.filter { $0.type == GUID.rootVerity(architecture: architecture) }
            if roots.count == 2, trees.count == 2 { return Pair(root: roots[index], hashTree: trees[index]) }
        }
        throw ControllerError(.table, device.name, "there are not two root and two verity partitions on this disk")
    }

    /// Whether a machine whose other copy is lost would find its partitions.
    func areBothCopiesWhole() throws(ControllerError) -> (primary: Bool, backup: Bool) {
        let copies = try copies()
        let header = Int(DiskPlan.sectorSize)
        let blank = [UInt8](repeating: 0, count: header)
        let plan = try read()
        func isWhole(_ head: [UInt8], _ tail: [UInt8]) -> Bool {
            (try? PartitionTable.read(head: head, tail: tail, sizeBytes: device.sizeBytes, name: device.name))?.plan
                == plan
        }
        // A copy goes with its header: behind the protective MBR, or last.
        let (before, behind) = (copies.head.prefix(header), copies.head.dropFirst(2 * header))
        return (
            isWhole(copies.head, copies.tail.dropLast(header) + blank), isWhole(before + blank + behind, copies.tail)
        )
    }

    // MARK: Writing

    /// Makes both copies whole and equal.
    func repair() throws(ControllerError) { _ = try mended() }

    /// The table once both copies are whole and equal.
    private func mended() throws(ControllerError) -> (plan: DiskPlan, copies: TableBytes) {
        let (layout, copies) = try load()
        let isWhole = layout.warnings.isEmpty && copies.areEqual
        return (layout.plan, isWhole ? copies : try write(layout.plan, over: copies))
    }

    /// Labels a slot's pair as empty.
    func clear(_ slot: Slot) throws(ControllerError) {
        try update(slot) { (pair, plan) in
            pair.root.name = Self.emptyLabel
            pair.hashTree.name = Self.emptyLabel
            pair.root.guid = .derived(from: plan.diskGUID.bytes, name: "root-\(slot.rawValue)")
            pair.hashTree.guid = .derived(from: plan.diskGUID.bytes, name: "verity-\(slot.rawValue)")
        }
    }

    /// Gives a slot's pair the names of a generation: labels with its number, and the UUIDs that the Discoverable
    /// Partitions Specification derives from the root hash. Where the other slot bears those, since it holds the same
    /// system, the pair gets UUIDs of root hash and slot: a table must not hold one twice.
    func name(_ slot: Slot, generation: UInt64, rootHash: Digest) throws(ControllerError) {
        try update(slot) { (pair, plan) in
            pair.root.name = "root-\(generation)"
            pair.hashTree.name = "verity-\(generation)"
            let halves = GUID.halves(of: rootHash)
            let own = [pair.root.number, pair.hashTree.number]
            let others = Set(plan.partitions.filter { !own.contains($0.number) }.map(\.guid))
            let isTaken = others.contains(halves.data) || others.contains(halves.hashTree)
            let derived = { (name: String) in GUID.derived(from: rootHash.bytes, name: "\(name)-\(slot.rawValue)") }
            pair.root.guid = isTaken ? derived("root") : halves.data
            pair.hashTree.guid = isTaken ? derived("verity") : halves.hashTree
        }
    }

    private func update(_ slot: Slot, _ edit: (inout Pair, DiskPlan) -> Void) throws(ControllerError) {
        // With one copy torn, the other must not be written before that one is whole.
        let (before, copies) = try mended()
        var pair = try pair(slot, in: before)
        edit(&pair, before)
        var plan = before
        for (index, partition) in plan.partitions.enumerated() {
            if partition.number == pair.root.number { plan.partitions[index] = pair.root }
            if partition.number == pair.hashTree.number { plan.partitions[index] = pair.hashTree }
        }
        _ = try write(plan, over: copies)
    }

    /// Writes what differs from what is there, and returns what is there then.
    private func write(_ plan: DiskPlan, over copies: TableBytes) throws(ControllerError) -> TableBytes {
        let wanted = try table { () throws(DiskError) in
            let (head, tail) = try PartitionTable.bytes(of: plan, keepingBootCodeOf: copies.head)
            return TableBytes(head: head, tail: tail)
        }
        if wanted == copies { return wanted }
        try system { () throws(SystemError) in
            if wanted.tail != copies.tail {
                try device.write(wanted.tail, at: tailOffset)
                try device.flush()
            }
            if wanted.head != copies.head {
                try device.write(wanted.head, at: 0)
                try device.flush()
            }
        }
        guard try self.copies() == wanted else {
            throw ControllerError(.readBack, device.name, "the partition table reads back differently")
        }
        return wanted
    }

    /// The two places of a table.
    private struct TableBytes: Equatable {
        var head: [UInt8]
        var tail: [UInt8]

        /// Whether both have the same entries: the primary's follow its header, the backup's come before it.
        var areEqual: Bool {
            let header = Int(DiskPlan.sectorSize)
            return Array(head.suffix(tail.count - header)) == Array(tail.dropLast(header))
        }
    }

    private func table<Result>(_ body: () throws(DiskError) -> Result) throws(ControllerError) -> Result {
        do throws(DiskError) { return try body() } catch { throw ControllerError(.table, device.name, "\(error)") }
    }
}
