/// A partition as it is wanted: nothing is left to choose.
public struct PlannedPartition: Sendable, Hashable {
    /// Place in the table, from 1 to 128; it need not follow the order on disk.
    public var number: Int
    /// Label, at most 36 UTF-16 units.
    public var name: String
    /// Partition type GUID.
    public var type: GUID
    /// The partition's own GUID.
    public var guid: GUID
    /// First byte, from the start of the disk.
    public var startBytes: UInt64
    /// Length in bytes.
    public var sizeBytes: UInt64
    /// Attribute bits as in the GPT entry (UEFI specification, table 5-8).
    public var attributes: UInt64

    /// Makes a partition from its parts; nothing is checked here but by ``DiskPlan/check(_:)``.
    public init(
        number: Int, name: String, type: GUID, guid: GUID, startBytes: UInt64, sizeBytes: UInt64, attributes: UInt64 = 0
    ) {
        self.number = number
        self.name = name
        self.type = type
        self.guid = guid
        self.startBytes = startBytes
        self.sizeBytes = sizeBytes
        self.attributes = attributes
    }

    /// The first byte after it; `UInt64.max` if it ends beyond all disks.
    public var endBytes: UInt64 {
        let (end, overflow) = startBytes.addingReportingOverflow(sizeBytes)
        return overflow ? .max : end
    }
}

/// A GUID partition table as it is wanted: the table's bits follow from it alone.
public struct DiskPlan: Sendable, Hashable {
    /// The disk's own GUID.
    public var diskGUID: GUID
    /// Size of the whole disk in bytes, both tables included.
    public var sizeBytes: UInt64
    /// The partitions, by number.
    public var partitions: [PlannedPartition]

    /// Makes a plan from its parts.
    public init(diskGUID: GUID, sizeBytes: UInt64, partitions: [PlannedPartition]) {
        self.diskGUID = diskGUID
        self.sizeBytes = sizeBytes
        self.partitions = partitions
    }

    /// Bytes per logical sector. A table for one sector size is no table on a disk of another.
    public static let sectorSize: UInt64 = 512
    /// Partitions start at multiples of this (1 MiB): no flash or disk has larger blocks.
    public static let grain: UInt64 = 1 << 20
    /// Partition sizes are multiples of this: the block of file systems and of dm-verity.
    public static let blockSize: UInt64 = 4096
    /// The first byte a partition of ours may use: the first grain holds the protective MBR and the primary table.
    public static let firstUsableByte = grain
    /// Entries in the table.
    public static let entryCount = 128
    /// Protective MBR, primary header and entries.
    static let primaryBytes: UInt64 = 34 * sectorSize
    /// The backup table at the end: 32 sectors of entries and a header.
    public static let backupBytes: UInt64 = 33 * sectorSize

    /// The first byte after the last that a partition may use: the start of the backup table.
    public var usableEndBytes: UInt64 {
        let size = sizeBytes / Self.sectorSize * Self.sectorSize
        return size < Self.backupBytes ? 0 : size - Self.backupBytes
    }
}
