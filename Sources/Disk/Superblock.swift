internal import CBlkid
internal import Glibc
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
    ) throws(DiskError) -> Superblock? {
        let name = descriptor.name
        let diskSize = try PartitionTable.diskSize(descriptor)
        // libblkid takes a size of 0 for "up to the end".
        guard size > 0, offset <= diskSize, size <= diskSize - offset else {
            throw DiskError(.device, name, "has \(diskSize) bytes: \(size) at \(offset) cannot be probed")
        }
        let probe = try BlkidProbe.new(name)
        try probe.check(
            blkid_probe_set_device(probe.pointer, descriptor.rawValue, blkid_loff_t(offset), blkid_loff_t(size)), name)
        let wanted =
            BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_VERSION
        try probe.check(blkid_probe_enable_superblocks(probe.pointer, 1), name)
        try probe.check(blkid_probe_set_superblocks_flags(probe.pointer, wanted), name)
        errno = 0
        let result = blkid_do_safeprobe(probe.pointer)
        let code = errno
        switch (result, code) {
        case (0, _): break
        case (1, _): return nil
        // Ambivalent is -2, but -1 with libblkid 2.41, where only errno tells it from a failed read.
        case (-2, _), (_, 0):
            throw DiskError(
                .signature, name,
                "more than one format claims the \(size) bytes at \(offset): wipe the old one's signature (wipefs)")
        default:
            let cause = SystemError(call: "libblkid", subject: name, code: code)
            throw DiskError(.device, name, "the \(size) bytes at \(offset) cannot be probed", cause: cause)
        }
        guard let type = probe.value("TYPE") else { return nil }
        return Superblock(
            type: type, uuid: probe.value("UUID"), label: probe.value("LABEL"), usage: probe.value("USAGE"),
            version: probe.value("VERSION"))
    }
}

/// A libblkid probe, freed with its owner.
private struct BlkidProbe: ~Copyable {
    let pointer: blkid_probe

    static func new(_ name: String) throws(DiskError) -> BlkidProbe {
        guard let pointer = blkid_new_probe() else {
            throw DiskError(.device, name, "libblkid has no memory for a probe")
        }
        return BlkidProbe(pointer: pointer)
    }

    private init(pointer: blkid_probe) { self.pointer = pointer }

    deinit { blkid_free_probe(pointer) }

    func check(_ result: Int32, _ name: String) throws(DiskError) {
        if result < 0 { throw DiskError(.device, name, "libblkid cannot be set up") }
    }

    /// A copy of a value; nil if there is none or it is no text.
    func value(_ name: String) -> String? {
        var data: UnsafePointer<CChar>?
        guard blkid_probe_lookup_value(pointer, name, &data, nil) == 0, let data else { return nil }
        return String(validatingCString: data)
    }
}
