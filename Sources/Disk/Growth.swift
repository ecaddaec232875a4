internal import CLinux
internal import Glibc
internal import LinuxSystem

/// What ``PartitionTable/grow(path:partition:)`` changed.
public struct GrowResult: Sendable, Equatable {
    /// The partition before.
    public var before: PlannedPartition
    /// The partition now; equal to `before` when only the tables were mended.
    public var after: PlannedPartition
}

extension PartitionTable {
    /// Lets the last partition of a disk take all the space that the disk has now.
    ///
    /// For the first boot of an image on a larger disk: the backup table moves to the end, the partition grows to the
    /// last whole MiB before it, and for a block device the kernel is told (`BLKPG_RESIZE_PARTITION`), also while it is
    /// mounted. The file system in it stays as it is: see ``resizeExt4(mountPoint:)``, which must be called also if
    /// this had nothing to do, since power may have failed between the two.
    /// - Returns: nil if there was nothing to do.
    /// - Throws: ``DiskError`` if there is no such partition or another lies behind it.
    public static func grow(path: String, partition number: Int) throws(DiskError) -> GrowResult? {
        let layout = try read(path: path)
        guard let before = layout.partition(number) else {
            throw DiskError(.plan, path, "there is no partition \(number)")
        }
        if let behind = layout.plan.partitions.first(where: { $0.startBytes > before.startBytes }) {
            throw DiskError(.plan, path, "\(before.title) cannot grow: \(behind.title) lies behind it")
        }
        var after = before
        let end = layout.plan.usableEndBytes / DiskPlan.grain * DiskPlan.grain
        if end > before.endBytes { after.sizeBytes = end - before.startBytes }
        if after == before && layout.warnings.isEmpty { return nil }
        try update(path: path) { (plan) throws(DiskError) in
            guard let index = plan.partitions.firstIndex(of: before) else {
                throw DiskError(.table, path, "the partition table was changed by another program: try again")
            }
            plan.partitions[index] = after
        }
        if after != before { try tellKernel(path: path, of: after) }
        return GrowResult(before: before, after: after)
    }

    /// Gives the kernel the new size of a partition; an image file has none to tell.
    private static func tellKernel(path: String, of partition: PlannedPartition) throws(DiskError) {
        let disk = try system { () throws(SystemError) in try Descriptor.open(path) }
        guard try system({ () throws(SystemError) in try disk.status() }).type == S_IFBLK else { return }
        try deviceCall("BLKPG_RESIZE_PARTITION", path) {
            Int64(
                clinux_block_resize_partition(
                    disk.rawValue, Int32(partition.number), Int64(partition.startBytes), Int64(partition.sizeBytes)))
        }
    }
}

/// Grows the mounted ext4 at `mountPoint` to the size of its partition (`EXT4_IOC_RESIZE_FS`); needs CAP_SYS_RESOURCE.
///
/// Nothing happens if it has that size already. The size is read from `/sys/dev/block`.
/// - Throws: ``DiskError`` if it is no ext4 on a block device, or the kernel refuses.
public func resizeExt4(mountPoint: String) throws(DiskError) {
    let directory = try system { () throws(SystemError) in try Descriptor.directory(mountPoint) }
    let blockSize = try deviceCall("statfs", mountPoint) { clinux_ext4_block_size(directory.rawValue) }
    let device = try system { () throws(SystemError) in try directory.status() }.device
    let sizePath = "/sys/dev/block/\(clinux_major(device)):\(clinux_minor(device))/size"
    let text = try system { () throws(SystemError) in try Descriptor.open(sizePath).readToEnd(limit: 64) }
    // The file counts in 512 bytes whatever the device's sectors are (Documentation/ABI/stable/sysfs-block).
    guard let sectors = UInt64(String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)),
        blockSize > 0,
        sectors <= UInt64.max / 512
    else { throw DiskError(.device, sizePath, "holds no size") }
    let blocks = sectors * 512 / UInt64(blockSize)
    try deviceCall("EXT4_IOC_RESIZE_FS", mountPoint) { Int64(clinux_ext4_resize(directory.rawValue, blocks)) }
}
