extension PartitionTable {
    /// Lets the last partition of a disk take all the space that the disk has now.
    ///
    /// For the first boot of an image on a larger disk: the backup table moves to the end, the partition grows to the
    /// last whole MiB before it, and for a block device the kernel is told (`BLKPG_RESIZE_PARTITION`), while mounted.
    /// The file system in it is as before: see ``resizeExt4(mountPoint:)``.
    /// - Returns: nil if there was nothing to do.
    /// - Throws: ``DiskError`` if there is no such partition or another lies behind it.
    public static func grow(path: String, partition number: Int) throws(DiskError) -> GrowResult? {
        throw DiskError(.plan, path, "not yet")
    }
}

/// Grows the mounted ext4 at `mountPoint` to the size of its partition (`EXT4_IOC_RESIZE_FS`); needs CAP_SYS_RESOURCE.
///
/// Nothing happens if it has that size already.
/// - Throws: ``DiskError`` if it is no ext4 or the kernel refuses.
public func resizeExt4(mountPoint: String) throws(DiskError) {
    throw DiskError(.plan, mountPoint, "not yet")
}
