internal import CLinux
internal import Glibc

/// A file that appears under its final name whole and durable, or not at all.
///
/// Until ``commit()`` it has no name (O_TMPFILE in open(2)): dropping it, or killing the process, leaves nothing. On a
/// file system that knows no such files it is written under another name beside its destination, which dropping it
/// removes.
public struct AtomicFile: ~Copyable {
    /// Where the content is written.
    public let descriptor: Descriptor
    /// A path by which this process can open the file until ``commit()``.
    public let temporaryPath: String
    /// The final name.
    public let path: String
    private let isNamed: Bool

    /// Starts a file for `path`, whose directory must exist. A device, pipe or socket of this name is not replaced: that
    /// is an error (EEXIST).
    public static func create(_ path: String, mode: UInt32 = 0o644) throws(SystemError) -> AtomicFile {
        var status = stat()
        if stat(path, &status) == 0, ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) {
            throw SystemError(call: "a device, pipe or socket", subject: path, code: EEXIST)
        }
        let file: AtomicFile
        do throws(SystemError) {
            file = try unnamed(path, mode: mode)
        } catch  where error.code == EOPNOTSUPP || error.code == EISDIR {
            file = try named(path, mode: mode)
        }
        // The mode of an output does not depend on the caller's umask.
        try file.descriptor.setMode(mode)
        return file
    }

    private static func unnamed(_ path: String, mode: UInt32) throws(SystemError) -> AtomicFile {
        let flags = clinux_o_tmpfile | O_RDWR | O_CLOEXEC
        let number = try call("open", path) { Glibc.open(parentDirectory(of: path), flags, mode) }
        return AtomicFile(
            descriptor: Descriptor(adopting: number, name: path), temporaryPath: "/proc/self/fd/\(number)", path: path,
            isNamed: false)
    }

    private static func named(_ path: String, mode: UInt32) throws(SystemError) -> AtomicFile {
        let temporary = temporaryName(path)
        let flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC
        let number = try call("open", path) { Glibc.open(temporary, flags, mode) }
        return AtomicFile(
            descriptor: Descriptor(adopting: number, name: path), temporaryPath: temporary, path: path, isNamed: true)
    }

    private static func temporaryName(_ path: String) -> String {
        "\(path).partial-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    }

    private init(descriptor: consuming Descriptor, temporaryPath: String, path: String, isNamed: Bool) {
        self.descriptor = descriptor
        self.temporaryPath = temporaryPath
        self.path = path
        self.isNamed = isNamed
    }

    // After a commit the name is gone and the call fails without harm.
    deinit { if isNamed { _ = unlink(temporaryPath) } }

    /// Gives the file its name, and makes content and name durable, unless the file can be made again at any time.
    public consuming func commit(isDurable: Bool = true) throws(SystemError) {
        if isDurable { try descriptor.sync() }
        if isNamed {
            try call("rename", path) { rename(temporaryPath, path) }
        } else {
            try giveName()
        }
        guard isDurable else { return }
        try Descriptor.directory(parentDirectory(of: path)).sync()
    }

    /// Gives the file without a name its final one. A link cannot replace a file, a rename can.
    private borrowing func giveName() throws(SystemError) {
        do throws(SystemError) { return try link(to: path) } catch  where error.isExisting {}
        let temporary = Self.temporaryName(path)
        try link(to: temporary)
        do throws(SystemError) {
            try call("rename", path) { rename(temporary, path) }
        } catch {
            _ = unlink(temporary)
            throw error
        }
    }

    private borrowing func link(to name: String) throws(SystemError) {
        try call("linkat", path) { linkat(AT_FDCWD, temporaryPath, AT_FDCWD, name, AT_SYMLINK_FOLLOW) }
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
