public import LinuxSystem

/// What a file system, volume or dm-verity superblock says of itself.
public struct Superblock: Sendable, Equatable {
    /// `ext4`, `erofs`, `vfat`, `DM_verity_hash`… (libblkid's `TYPE`).
    public var type: String
    /// UUID or serial number as libblkid prints it; nil if the format or this volume has none.
    public var uuid: String?
    /// Volume label; nil if none is set.
    public var label: String?
    /// `filesystem`, `raid`, `crypto` or `other`; nil if libblkid does not say.
    public var usage: String?
    /// Version of the format; nil if it has none.
    public var version: String?

    /// Looks for a superblock in `size` bytes at `offset` of a file or device.
    /// - Returns: nil if there is none.
    /// - Throws: ``DiskError`` if more than one format claims the bytes, or they cannot be read.
    public static func probe(
        _ descriptor: borrowing Descriptor, offset: UInt64, size: UInt64
    ) throws(DiskError) -> Superblock? { nil }
}
