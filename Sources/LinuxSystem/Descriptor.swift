internal import CLinux
public import Glibc

/// An open file descriptor, closed when its owner goes away.
///
/// Opened with `O_CLOEXEC`. `name` is only for error messages. Paths are strings of UTF-8 bytes.
public struct Descriptor: ~Copyable, Sendable {
    /// The descriptor's number, valid while this value lives.
    public let rawValue: Int32
    /// What errors call it.
    public let name: String

    /// The flag O_PATH: a descriptor that only names a place, as the start of other paths.
    public static var pathOnly: Int32 { clinux_o_path }
    /// The flag O_DIRECT: reads and writes go past the page cache. Not every file system knows it.
    public static var direct: Int32 { clinux_o_direct }

    /// Takes ownership of an open descriptor.
    public init(adopting rawValue: Int32, name: String) {
        self.rawValue = rawValue
        self.name = name
    }

    deinit { _ = close(rawValue) }

    /// Opens `path` as open(2) does; `flags` are `O_` constants.
    public static func open(_ path: String, _ flags: Int32 = O_RDONLY, mode: UInt32 = 0o666) throws(SystemError)
        -> Descriptor
    {
        let result = try call("open", path) { Glibc.open(path, flags | O_CLOEXEC, mode) }
        return Descriptor(adopting: result, name: path)
    }

    /// Opens a directory.
    public static func directory(_ path: String) throws(SystemError) -> Descriptor {
        try open(path, O_RDONLY | O_DIRECTORY)
    }

    /// Opens `path` below this directory as if this directory were the root: no symlink leaves it.
    public func openInRoot(_ path: String, _ flags: Int32 = O_RDONLY, mode: UInt32 = 0o666) throws(SystemError)
        -> Descriptor
    {
        let result = try call("openat2", "\(name)/\(path)") { clinux_open_in_root(rawValue, path, flags, mode) }
        return Descriptor(adopting: result, name: "\(name)/\(path)")
    }

    /// Opens `path` below this directory; any symlink in it is an error.
    public func openBeneath(_ path: String, _ flags: Int32 = O_RDONLY, mode: UInt32 = 0o666) throws(SystemError)
        -> Descriptor
    {
        let result = try call("openat2", "\(name)/\(path)") { clinux_open_beneath(rawValue, path, flags, mode) }
        return Descriptor(adopting: result, name: "\(name)/\(path)")
    }

    /// A second descriptor for the same open file.
    public func duplicate() throws(SystemError) -> Descriptor {
        let result = try call("fcntl", name) { fcntl(rawValue, F_DUPFD_CLOEXEC, 0) }
        return Descriptor(adopting: result, name: name)
    }
}

// MARK: - Data

extension Descriptor {
    /// Reads up to `buffer.count` bytes at the file position; 0 at the end.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        try call("read", name) { Glibc.read(rawValue, buffer.baseAddress, buffer.count) }
    }

    /// Reads exactly `buffer.count` bytes at `offset`; a file that ends earlier is an error (`EIO`).
    public func readAll(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(SystemError) {
        var done = 0
        while done < buffer.count {
            let count = try call("pread", name) {
                pread(rawValue, buffer.baseAddress.map { $0 + done }, buffer.count - done, offset + done)
            }
            if count == 0 { throw SystemError(call: "pread", subject: "\(name): file ends early", code: EIO) }
            done += count
        }
    }

    /// `count` bytes at `offset`.
    public func bytes(at offset: Int, count: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let buffer = UnsafeMutableRawBufferPointer(buffer)
            do throws(SystemError) {
                try readAll(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: offset)
                filled = count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Everything from the file position to the end.
    public func readToEnd(limit: Int = .max) throws(SystemError) -> [UInt8] {
        var result: [UInt8] = []
        // The size of what is no regular file says nothing.
        if let status = try? status(), status.type == S_IFREG { result.reserveCapacity(min(status.size, limit)) }
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { chunk.deallocate() }
        while true {
            let count = try read(into: chunk)
            if count == 0 { return result }
            if result.count + count > limit { throw SystemError(call: "read", subject: name, code: EFBIG) }
            result.append(contentsOf: chunk[..<count])
        }
    }

    /// Writes all bytes at the file position.
    public func writeAll(_ buffer: UnsafeRawBufferPointer) throws(SystemError) {
        var done = 0
        while done < buffer.count {
            done += try call("write", name) {
                Glibc.write(rawValue, buffer.baseAddress.map { $0 + done }, buffer.count - done)
            }
        }
    }

    /// Writes all bytes at `offset`; the file position stays.
    public func writeAll(_ buffer: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) {
        var done = 0
        while done < buffer.count {
            done += try call("pwrite", name) {
                pwrite(rawValue, buffer.baseAddress.map { $0 + done }, buffer.count - done, offset + done)
            }
        }
    }

    /// Writes all bytes at the file position.
    public func writeAll(_ bytes: [UInt8]) throws(SystemError) {
        var failure: SystemError?
        bytes.withUnsafeBytes { buffer in
            do throws(SystemError) { try writeAll(buffer) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Writes all bytes at `offset`.
    public func writeAll(_ bytes: [UInt8], at offset: Int) throws(SystemError) {
        var failure: SystemError?
        bytes.withUnsafeBytes { buffer in
            do throws(SystemError) { try writeAll(buffer, at: offset) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Writes the UTF-8 bytes of `text` at the file position.
    public func writeAll(_ text: String) throws(SystemError) { try writeAll(Array(text.utf8)) }

    /// Copies `length` bytes of `source` at `sourceOffset` to `offset` here; holes of the source stay holes, and a regular
    /// file is long enough for them in the end.
    public func copy(
        from source: borrowing Descriptor, at sourceOffset: Int, length: Int, to offset: Int
    ) throws(SystemError) {
        let end = sourceOffset + length
        var position = sourceOffset
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { chunk.deallocate() }
        while let data = source.nextData(from: position, to: end) {
            position = data.lowerBound
            while position < data.upperBound {
                let part = UnsafeMutableRawBufferPointer(
                    rebasing: chunk[..<min(chunk.count, data.upperBound - position)])
                try source.readAll(into: part, at: position)
                try writeAll(UnsafeRawBufferPointer(part), at: offset + position - sourceOffset)
                position += part.count
            }
        }
        let status = try status()
        if status.type == S_IFREG, status.size < offset + length { try truncate(to: offset + length) }
    }

    /// The first place of data at or after `offset`; nil if only holes follow. A file system that knows no holes has
    /// data everywhere.
    public func nextData(from offset: Int) throws(SystemError) -> Int? {
        let data = clinux_seek_data(rawValue, Int64(offset))
        if data >= 0 { return Int(data) }
        let code = errno
        if code == ENXIO { return nil }
        if code == EINVAL { return offset }
        throw SystemError(call: "lseek", subject: name, code: code)
    }

    /// Sets the file's size in bytes; new bytes are a hole.
    public func truncate(to size: Int) throws(SystemError) {
        try call("ftruncate", name) { ftruncate(rawValue, size) }
    }

    /// Waits until data and metadata are on the device (fsync(2)).
    public func sync() throws(SystemError) {
        try call("fsync", name) { fsync(rawValue) }
    }

    /// Makes all of the file system durable that this file is in (syncfs(2)).
    public func syncFilesystem() throws(SystemError) {
        try call("syncfs", name) { clinux_syncfs(rawValue) }
    }
}

// MARK: - Metadata

/// What stat(2) says of an inode.
public struct FileStatus: Sendable, Equatable {
    /// Type and permission bits (`st_mode`).
    public var mode: UInt32
    /// Owner.
    public var uid: UInt32
    /// Group.
    public var gid: UInt32
    /// Size in bytes.
    public var size: Int
    /// Device and inode number: the same pair is the same inode.
    public var device: UInt64
    /// See `device`.
    public var inode: UInt64
    /// Number of names.
    public var links: Int
    /// Modification time, seconds since the epoch.
    public var modified: Int64
    /// For device nodes: major number.
    public var major: UInt32
    /// For device nodes: minor number.
    public var minor: UInt32

    init(_ status: stat) {
        mode = status.st_mode
        uid = status.st_uid
        gid = status.st_gid
        size = Int(status.st_size)
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        links = Int(status.st_nlink)
        modified = Int64(status.st_mtim.tv_sec)
        major = clinux_major(UInt64(status.st_rdev))
        minor = clinux_minor(UInt64(status.st_rdev))
    }

    /// The type bits of `mode`, for comparison with `S_IFREG` and its kin.
    public var type: UInt32 { mode & S_IFMT }
}

extension Descriptor {
    /// The status of the open file.
    public func status() throws(SystemError) -> FileStatus {
        var status = stat()
        try call("fstat", name) { fstat(rawValue, &status) }
        return FileStatus(status)
    }

    /// The status of `path` relative to this directory; the last symlink is not followed.
    public func status(of path: String) throws(SystemError) -> FileStatus {
        var status = stat()
        try call("fstatat", "\(name)/\(path)") { fstatat(rawValue, path, &status, AT_SYMLINK_NOFOLLOW) }
        return FileStatus(status)
    }

    /// The names in this directory in byte order, without `.` and `..`.
    ///
    /// A name that is not UTF-8 is an error (`EILSEQ`): it could not be written down faithfully.
    public func entries() throws(SystemError) -> [String] {
        let copy = try call("openat", name) { openat(rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard let stream = fdopendir(copy) else {
            let code = errno
            _ = close(copy)
            throw SystemError(call: "fdopendir", subject: name, code: code)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                let code = errno
                if code != 0 { throw SystemError(call: "readdir", subject: name, code: code) }
                break
            }
            let text = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
            }
            guard let text else {
                throw SystemError(call: "readdir", subject: "\(name): a file name is not UTF-8", code: EILSEQ)
            }
            if text != "." && text != ".." { names.append(text) }
        }
        return names.sorted(by: bytesPrecede)
    }

    /// The target of the symlink `path` relative to this directory.
    public func linkTarget(_ path: String) throws(SystemError) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let size = buffer.count
        let count = try call("readlinkat", "\(name)/\(path)") { readlinkat(rawValue, path, &buffer, size) }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Creates the directory `path` relative to this one; `existing` tells whether one may be there.
    public func makeDirectory(_ path: String, mode: UInt32 = 0o755, existing: Bool = true) throws(SystemError) {
        do throws(SystemError) {
            try call("mkdirat", "\(name)/\(path)") { mkdirat(rawValue, path, mode) }
        } catch {
            if !(existing && error.isExisting) { throw error }
        }
    }

    /// Removes the name `path`; `directory` for an empty directory.
    public func unlink(_ path: String, directory: Bool = false) throws(SystemError) {
        try call("unlinkat", "\(name)/\(path)") { unlinkat(rawValue, path, directory ? AT_REMOVEDIR : 0) }
    }

    /// Renames `from` to `to`, both relative to this directory; an existing `to` is replaced at once.
    public func rename(_ from: String, to: String) throws(SystemError) {
        try call("renameat", "\(name)/\(to)") { renameat(rawValue, from, rawValue, to) }
    }

    /// Creates the symlink `path` with the given target.
    public func makeSymlink(_ path: String, target: String) throws(SystemError) {
        try call("symlinkat", "\(name)/\(path)") { symlinkat(target, rawValue, path) }
    }

    /// Sets owner and group of the open file.
    public func setOwner(uid: UInt32, gid: UInt32) throws(SystemError) {
        try call("fchown", name) { fchown(rawValue, uid, gid) }
    }

    /// Sets the permission bits of the open file.
    public func setMode(_ mode: UInt32) throws(SystemError) {
        try call("fchmod", name) { fchmod(rawValue, mode & 0o7777) }
    }
}

/// Byte order of two names: the order that does not depend on a locale or on Unicode's tables.
public func bytesPrecede(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
}
