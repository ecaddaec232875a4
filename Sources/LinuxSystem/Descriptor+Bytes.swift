internal import CLinux
public import Glibc

// For walks over whole file systems: names are bytes, as the kernel has them, and no string is made per file.
extension Descriptor {
    /// Opens `path`, which ends with a NUL, below this directory; any symlink in it is an error. Errors and the result
    /// bear this directory's name.
    public func openBeneath(_ path: UnsafePointer<CChar>, _ flags: Int32 = O_RDONLY) throws(SystemError) -> Descriptor {
        let result = try call("openat2", name) { clinux_open_beneath(rawValue, path, flags, 0) }
        return Descriptor(adopting: result, name: name)
    }

    /// Gives `body` each name in this directory but `.` and `..`, ended by a NUL, and its inode number, in no particular
    /// order.
    public func forEachEntry(
        _ body: (_ name: UnsafePointer<CChar>, _ inode: UInt64) -> Void
    ) throws(SystemError) {
        let number = try call("openat", name) { openat(rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard let stream = fdopendir(number) else {
            let code = errno
            close(number)
            throw SystemError(call: "fdopendir", subject: name, code: code)
        }
        defer { closedir(stream) }
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                let code = errno
                if code != 0 { throw SystemError(call: "readdir", subject: name, code: code) }
                return
            }
            withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { text in
                    if strcmp(text, ".") != 0 && strcmp(text, "..") != 0 { body(text, UInt64(entry.pointee.d_ino)) }
                }
            }
        }
    }

    /// Whether `path`, which ends with a NUL, has extended attributes; it is relative to this directory, and the last
    /// symlink is not followed. A file system without them has none.
    public func hasXattrs(_ path: UnsafePointer<CChar>) throws(SystemError) -> Bool {
        var anchored = Array("/proc/self/fd/\(rawValue)/".utf8CString.dropLast())
        anchored.append(contentsOf: UnsafeBufferPointer(start: path, count: strlen(path) + 1))
        do throws(SystemError) {
            return try call("llistxattr", name) { clinux_llistxattr(anchored, nil, 0) } > 0
        } catch  where error.code == ENOTSUP {
            return false
        }
    }

    /// Whether another process holds a write lock on any part of the open file (F_GETLK in fcntl(2)); takes none.
    public func isLockedByAnother() throws(SystemError) -> Bool {
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        try call("fcntl", name) { fcntl(rawValue, F_GETLK, &lock) }
        return lock.l_type != Int16(F_UNLCK)
    }
}
