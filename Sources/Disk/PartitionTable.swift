internal import CFdisk
internal import Glibc
internal import LinuxSystem

/// A GUID partition table on an image file or a disk, read by libfdisk and written in an order that a power cut cannot
/// break.
///
/// libfdisk composes each table on an empty file in memory, so that nothing of it depends on the device; the result
/// is written backup → fsync → primary → fsync, and read back. At every moment one copy is whole.
public struct PartitionTable: ~Copyable {
    /// The disk; libfdisk uses it as long as the context lives.
    let descriptor: Descriptor
    let context: OpaquePointer
    let messages: Messages

    init(adopting context: OpaquePointer, descriptor: consuming Descriptor) {
        self.descriptor = descriptor
        self.context = context
        messages = Messages()
    }

    deinit { fdisk_unref_context(context) }
}

// MARK: - Whole operations

extension PartitionTable {
    /// Puts a new table on the image file or disk at `path`, and clears the rest of the first MiB.
    ///
    /// A file that is missing or empty gets the plan's size; one of another size is refused, and so is such a disk. The
    /// content of partitions is left alone.
    /// - Throws: ``DiskError`` if the plan is impossible or does not fit, or the device fails.
    public static func create(path: String, plan: DiskPlan) throws(DiskError) {
        try plan.check(path)
        let disk = try system { () throws(SystemError) in try Descriptor.open(path, O_RDWR | O_CREAT, mode: 0o644) }
        try lock(disk)
        if try diskSize(disk) == 0 {
            try system { () throws(SystemError) in try disk.truncate(to: Int(plan.sizeBytes)) }
        }
        let size = try diskSize(disk)
        guard size == plan.sizeBytes else {
            throw DiskError(.plan, path, "the plan is for \(plan.sizeBytes) bytes, but this has \(size)")
        }
        try write(plan, to: disk, keepingBootCode: false)
    }

    /// Reads the table: all values, nothing that points into the disk.
    /// - Throws: ``DiskError`` if there is no GPT, neither copy is whole, or it contradicts itself.
    public static func read(path: String) throws(DiskError) -> DiskLayout {
        try read(system { () throws(SystemError) in try Descriptor.open(path) })
    }

    /// Reads the table, lets `edit` change the plan, and writes it, which also mends what ``DiskLayout/warnings`` told.
    ///
    /// The boot code in the first sector stays. Nothing is written when nothing changed and nothing was to mend. The
    /// kernel is not told: it must not be needed for GUIDs, names and attributes, which it does not act on.
    /// - Returns: the table as it is now.
    /// - Throws: ``DiskError``; whatever `edit` throws leaves the disk as it was.
    @discardableResult
    public static func update(
        path: String, _ edit: (inout DiskPlan) throws(DiskError) -> Void
    ) throws(DiskError) -> DiskLayout {
        let disk = try system { () throws(SystemError) in try Descriptor.open(path, O_RDWR) }
        try lock(disk)
        let before = try read(system { () throws(SystemError) in try disk.duplicate() })
        var plan = before.plan
        try edit(&plan)
        guard plan.sizeBytes == before.plan.sizeBytes else {
            throw DiskError(.plan, path, "an edit cannot change the size of the disk")
        }
        if plan == before.plan && before.warnings.isEmpty { return before }
        try plan.checkEntries(path)
        try plan.checkPlaces(path, .plan)
        // With one copy torn, nothing new may be written over the other before that one is whole.
        if plan != before.plan && !before.warnings.isEmpty { try write(before.plan, to: disk, keepingBootCode: true) }
        try write(plan, to: disk, keepingBootCode: true)
        return DiskLayout(plan: plan, warnings: [])
    }
}

/// What libfdisk said while it worked.
final class Messages {
    var lines: [String] = []
}
