internal import LinuxSystem

extension PartitionTable {
    /// Bytes of the protective MBR and the primary table, at the start of a disk.
    public static var headBytes: Int { Int(DiskPlan.primaryBytes) }
    /// Bytes of the backup table, at the end of a disk.
    public static var tailBytes: Int { Int(DiskPlan.backupBytes) }

    /// The bytes that ``create(path:plan:)`` gives a disk: all from the first sector to the last entry of the primary
    /// table, and the backup table from ``DiskPlan/usableEndBytes`` on. Between them it writes zeros up to
    /// ``DiskPlan/firstUsableByte``.
    ///
    /// - Parameter head: what is at the start of the disk now: its boot code, which is not the table's, is kept.
    /// - Throws: ``DiskError`` if the plan is impossible.
    public static func bytes(
        of plan: DiskPlan, keepingBootCodeOf head: [UInt8]? = nil
    ) throws(DiskError) -> (head: [UInt8], tail: [UInt8]) {
        try plan.check()
        var (tail, result) = try compose(plan, name: "disk plan")
        if let head { result.replaceSubrange(0..<bootCodeBytes, with: head.prefix(bootCodeBytes)) }
        return (result, tail)
    }

    /// Reads a table of which only the bytes at the start and at the end of the disk are at hand.
    ///
    /// - Parameters:
    ///   - head: ``headBytes`` bytes.
    ///   - tail: ``tailBytes`` bytes, up to the end of the last whole sector.
    ///   - sizeBytes: of the whole disk.
    ///   - name: what errors call the disk.
    /// - Throws: ``DiskError`` if neither copy is whole, or the table contradicts itself.
    public static func read(
        head: [UInt8], tail: [UInt8], sizeBytes: UInt64, name: String
    ) throws(DiskError) -> DiskLayout {
        guard head.count == headBytes, tail.count == tailBytes, sizeBytes >= UInt64(headBytes + tailBytes),
            sizeBytes <= UInt64(Int64.max)
        else { throw DiskError(.table, name, "\(sizeBytes) bytes are too few or too many for a partition table") }
        let size = Int(sizeBytes / DiskPlan.sectorSize * DiskPlan.sectorSize)
        let copy = try system { () throws(SystemError) in
            let file = try memoryFile(name: name, sizeBytes: size)
            try file.writeAll(head, at: 0)
            try file.writeAll(tail, at: size - tail.count)
            return file
        }
        return try read(copy)
    }
}
