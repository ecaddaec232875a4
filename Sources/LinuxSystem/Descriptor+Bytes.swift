internal import CLinux
public import Glibc

// For walks over whole file systems: names are bytes, as the kernel has them, and no string is made per file.
extension Descriptor {
    /// Opens `path`, bytes that end with a NUL, below this directory; any symlink in it is an error. Errors and the result
    /// bear this directory's name.
    public func openBeneath(bytes path: [UInt8], _ flags: Int32 = O_RDONLY) throws(SystemError) -> Descriptor {
        let result = try call("openat2", name) {
            path.withUnsafeBytes { bytes in
                bytes.withMemoryRebound(to: CChar.self) { clinux_open_beneath(rawValue, $0.baseAddress, flags, 0) }
            }
        }
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

    /// Whether `path` has extended attributes: bytes that end with a NUL, relative to this directory; the last symlink is
    /// not followed. A file system without them has none.
    public func hasXattrs(bytes path: ArraySlice<UInt8>) throws(SystemError) -> Bool {
        let anchored = Array("/proc/self/fd/\(rawValue)/".utf8) + path
        do throws(SystemError) {
            return try call("llistxattr", name) {
                anchored.withUnsafeBytes { bytes in
                    bytes.withMemoryRebound(to: CChar.self) { text in
                        text.baseAddress.map { clinux_llistxattr($0, nil, 0) } ?? 0
                    }
                }
            } > 0
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
