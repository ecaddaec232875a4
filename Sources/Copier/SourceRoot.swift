internal import Glibc
public import LinuxSystem

/// The root of the system that is copied: `/`, a mounted file system, or an unpacked tree. It is only read.
///
/// Every path is taken below it: a symlink that is absolute or climbs with `..` ends inside (openat2(2),
/// RESOLVE_IN_ROOT), so that a foreign root cannot lead the copier to files of this machine.
public final class SourceRoot: Sendable {
    /// The open directory.
    public let directory: Descriptor

    /// Opens a root.
    public init(path: String) throws(SystemError) { directory = try Descriptor.directory(path) }

    /// The content of a file; nil where nothing is at `path`.
    ///
    /// - Parameter limit: a longer file is an error, and so is what is no regular file.
    public func read(_ path: String, limit: Int = 64 << 20) throws(SystemError) -> [UInt8]? {
        do throws(SystemError) {
            // Opening a pipe would wait for its other end.
            let file = try directory.openInRoot(String(path.drop { $0 == "/" }), O_RDONLY | O_NONBLOCK)
            if try file.status().type != S_IFREG { throw SystemError(call: "read", subject: file.name, code: EINVAL) }
            return try file.readToEnd(limit: limit)
        } catch  where error.isNotFound || error.code == ENOTDIR {
            return nil
        }
    }

    /// The content of a text file; nil where nothing is at `path`. Bytes that are not UTF-8 become U+FFFD.
    public func readText(_ path: String) throws(SystemError) -> String? {
        try read(path).map { String(decoding: $0, as: UTF8.self) }
    }
}
