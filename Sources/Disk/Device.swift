internal import CLinux
internal import Glibc
internal import LinuxSystem

extension PartitionTable {
    /// Bytes of an image file or a block device; a device whose logical sectors are not 512 bytes is refused.
    static func diskSize(_ disk: borrowing Descriptor) throws(DiskError) -> UInt64 {
        let status = try system { () throws(SystemError) in try disk.status() }
        switch status.type {
        case S_IFREG: return UInt64(status.size)
        case S_IFBLK:
            let sector = try deviceCall("BLKSSZGET", disk.name) { Int64(clinux_block_sector_size(disk.rawValue)) }
            guard sector == DiskPlan.sectorSize else {
                throw DiskError(
                    .device, disk.name, "has sectors of \(sector) bytes; only \(DiskPlan.sectorSize) are supported")
            }
            return UInt64(try deviceCall("BLKGETSIZE64", disk.name) { clinux_block_size(disk.rawValue) })
        default: throw DiskError(.device, disk.name, "is neither a file nor a block device")
        }
    }

    /// Keeps udev and other copies of ours away until the descriptor closes
    /// (systemd.io/BLOCK_DEVICE_LOCKING).
    static func lock(_ disk: borrowing Descriptor) throws(DiskError) {
        try deviceCall("flock", disk.name) { Int64(flock(disk.rawValue, LOCK_EX)) }
    }

    /// An empty file of that size in memory only.
    static func memoryFile(name: String, sizeBytes: Int) throws(SystemError) -> Descriptor {
        let result = clinux_memory_file("pisces-table")
        let code = errno
        if result == -1 { throw SystemError(call: "memfd_create", subject: name, code: code) }
        let file = Descriptor(adopting: result, name: name)
        try file.truncate(to: sizeBytes)
        return file
    }
}

/// Makes a call on a device until it is not interrupted; -1 becomes a ``DiskError``.
@discardableResult
func deviceCall(_ name: String, _ subject: String, _ body: () -> Int64) throws(DiskError) -> Int64 {
    while true {
        let result = body()
        let code = errno
        if result != -1 { return result }
        if code != EINTR { throw DiskError(SystemError(call: name, subject: subject, code: code)) }
    }
}
