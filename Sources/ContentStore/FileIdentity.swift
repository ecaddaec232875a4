internal import Glibc
import LinuxSystem

/// What tells a file from another that took its place, or from itself before it was changed.
struct FileIdentity: Equatable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int
    private let changedSeconds: Int
    private let changedNanoseconds: Int

    init(_ file: borrowing Descriptor) throws(SystemError) {
        let status = try fileStatus(file)
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int(status.st_size)
        changedSeconds = status.st_ctim.tv_sec
        changedNanoseconds = status.st_ctim.tv_nsec
    }
}
