internal import CLinux
internal import Glibc

extension Descriptor {
    /// Sets the modification and access time of the open file, in seconds since the epoch.
    public func setModified(_ seconds: Int64) throws(SystemError) {
        let times = [timespec(tv_sec: Int(seconds), tv_nsec: 0), timespec(tv_sec: Int(seconds), tv_nsec: 0)]
        try call("futimens", name) { futimens(rawValue, times) }
    }

    /// Sets owner and times of the name `path` itself, below this directory; a symlink is not followed.
    public func setLinkOwner(_ path: String, uid: UInt32, gid: UInt32, modified: Int64) throws(SystemError) {
        try call("fchownat", "\(name)/\(path)") { fchownat(rawValue, path, uid, gid, AT_SYMLINK_NOFOLLOW) }
        let times = [timespec(tv_sec: Int(modified), tv_nsec: 0), timespec(tv_sec: Int(modified), tv_nsec: 0)]
        try call("utimensat", "\(name)/\(path)") { utimensat(rawValue, path, times, AT_SYMLINK_NOFOLLOW) }
    }

    /// Gives the file `path` of this directory a second name in another directory.
    public func makeLink(_ path: String, in directory: borrowing Descriptor, _ newName: String) throws(SystemError) {
        try call("linkat", "\(directory.name)/\(newName)") {
            linkat(rawValue, path, directory.rawValue, newName, 0)
        }
    }

    /// Makes a device, pipe or socket with the type bits of `mode` (mknod(2)); the permission bits obey the umask.
    public func makeNode(_ path: String, mode: UInt32, major: UInt32 = 0, minor: UInt32 = 0) throws(SystemError) {
        try call("mknodat", "\(name)/\(path)") { clinux_mknodat(rawValue, path, mode, major, minor) }
    }

    /// Sets the permission bits of `path` below this directory, which must not be a symlink.
    public func setMode(_ mode: UInt32, of path: String) throws(SystemError) {
        try call("fchmodat", "\(name)/\(path)") { fchmodat(rawValue, path, mode & 0o7777, 0) }
    }

    /// Creates the file `path` below this directory with exactly this mode; one that is there is an error.
    public func makeFile(_ path: String, mode: UInt32 = 0o644) throws(SystemError) -> Descriptor {
        let file = try openBeneath(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        try file.setMode(mode)
        return file
    }
}
