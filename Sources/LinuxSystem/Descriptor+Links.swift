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
}
