internal import Glibc

/// A file that appears under its final name whole and durable, or not at all.
///
/// It is written beside its destination; dropping it without ``commit()`` removes it.
public struct AtomicFile: ~Copyable {
    /// Where the content is written.
    public let descriptor: Descriptor
    /// The name until ``commit()``.
    public let temporaryPath: String
    /// The final name.
    public let path: String

    /// Starts a file for `path`, whose directory must exist.
    public static func create(_ path: String, mode: UInt32 = 0o644) throws(SystemError) -> AtomicFile {
        let temporary = "\(path).partial-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let descriptor = try Descriptor.open(temporary, O_RDWR | O_CREAT | O_EXCL, mode: mode)
        // The mode of an output does not depend on the caller's umask.
        try descriptor.setMode(UInt32(mode))
        return AtomicFile(descriptor: descriptor, temporaryPath: temporary, path: path)
    }

    private init(descriptor: consuming Descriptor, temporaryPath: String, path: String) {
        self.descriptor = descriptor
        self.temporaryPath = temporaryPath
        self.path = path
    }

    // After a commit the name is gone and the call fails without harm.
    deinit { _ = unlink(temporaryPath) }

    /// Makes content and name durable.
    public consuming func commit() throws(SystemError) {
        try descriptor.sync()
        try call("rename", path) { rename(temporaryPath, path) }
        try Descriptor.directory(parentDirectory(of: path)).sync()
    }

    /// Writes a whole file at once.
    public static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o644) throws(SystemError) {
        let file = try create(path, mode: mode)
        try file.descriptor.writeAll(bytes)
        try file.commit()
    }
}

/// The directory part of a path: `.` for a bare name.
public func parentDirectory(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
