internal import CArchive
internal import Glibc
public import LinuxSystem

/// What libarchive said when it could not read an archive.
public struct ArchiveError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The archive's name.
    public let archive: String
    /// What is wrong.
    public let message: String

    /// Makes an error about `archive`.
    public init(archive: String, message: String) {
        self.archive = archive
        self.message = message
    }

    /// `archive: message`.
    public var description: String { "\(archive): \(message)" }
}

/// One member of an archive.
public struct ArchiveEntry: Sendable, Equatable {
    /// What the member is.
    public enum Kind: Sendable, Equatable {
        /// A regular file of `size` bytes, whose content can be read next.
        case file(size: Int)
        /// A directory.
        case directory
        /// A symbolic link to a path that is not interpreted.
        case symlink(String)
        /// Another name of an earlier member.
        case hardlink(String)
        /// A character device.
        case characterDevice(major: UInt32, minor: UInt32)
        /// A block device.
        case blockDevice(major: UInt32, minor: UInt32)
        /// A named pipe.
        case fifo
    }

    /// The name as the archive has it, for example `./usr/bin/`.
    public var path: String
    /// Type and payload.
    public var kind: Kind
    /// The 12 permission bits.
    public var mode: UInt32
    /// Numeric owner.
    public var uid: UInt32
    /// Numeric group.
    public var gid: UInt32
    /// Modification time, seconds since the epoch.
    public var modified: Int64
    /// Extended attributes by full name.
    public var xattrs: [String: [UInt8]] = [:]
}

/// Reads archives and compressed files that are in memory, by libarchive.
///
/// The bytes must stay where they are while the reader lives. Every status of libarchive but "ok" and "end" is an
/// error: a warning means that something could not be represented, and then the copy would not be exact.
public struct ArchiveReader: ~Copyable {
    private let handle: OpaquePointer
    private let name: String
    /// What keeps the bytes where they are, where that is not the caller.
    private let owner: AnyObject?

    private init(adopting handle: OpaquePointer, name: String, owner: AnyObject?) {
        self.handle = handle
        self.name = name
        self.owner = owner
    }

    deinit { archive_read_free(handle) }

    /// Opens a tar archive, compressed or not.
    public static func tar(_ bytes: UnsafeRawBufferPointer, name: String) throws(ArchiveError) -> ArchiveReader {
        try tar(bytes, name: name, owner: nil)
    }

    /// The same for bytes that stay where they are while `owner` lives.
    static func tar(
        _ bytes: UnsafeRawBufferPointer, name: String, owner: AnyObject?
    ) throws(ArchiveError) -> ArchiveReader {
        try open(bytes, name: name, owner: owner) { handle in
            archive_read_support_format_tar(handle)
        }
    }

    /// Opens one compressed or plain file as an archive of one member.
    public static func raw(_ bytes: UnsafeRawBufferPointer, name: String) throws(ArchiveError) -> ArchiveReader {
        try open(bytes, name: name) { handle in archive_read_support_format_raw(handle) }
    }

    private static func open(
        _ bytes: UnsafeRawBufferPointer, name: String, owner: AnyObject? = nil, format: (OpaquePointer) -> Int32
    ) throws(ArchiveError) -> ArchiveReader {
        guard let handle = archive_read_new() else { throw ArchiveError(archive: name, message: "no memory") }
        let reader = ArchiveReader(adopting: handle, name: name, owner: owner)
        // Only what dpkg itself writes (deb(5)), decoded by libraries, never by a program.
        try reader.check(archive_read_support_filter_xz(handle))
        try reader.check(archive_read_support_filter_zstd(handle))
        try reader.check(archive_read_support_filter_gzip(handle))
        try reader.check(format(handle))
        try reader.check(archive_read_open_memory(handle, bytes.baseAddress, bytes.count))
        return reader
    }

    /// The next member; nil at the end.
    public func next() throws(ArchiveError) -> ArchiveEntry? {
        var entry: OpaquePointer?
        let status = archive_read_next_header(handle, &entry)
        if status == ARCHIVE_EOF { return nil }
        try check(status)
        guard let entry else { throw ArchiveError(archive: name, message: "a member without a header") }
        return try value(of: entry)
    }

    /// Reads the content of the current member; 0 at its end.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(ArchiveError) -> Int {
        let count = archive_read_data(handle, buffer.baseAddress, buffer.count)
        if count < 0 { try check(Int32(truncatingIfNeeded: count)) }
        return count
    }

    /// Where the content of the current member begins, before any of it was read; nil for an empty one. Of an archive that
    /// is not compressed this is within its own bytes.
    public func firstBlock() throws(ArchiveError) -> UnsafeRawPointer? {
        try nextBlock()?.bytes.baseAddress
    }

    /// The next bytes of the current member, valid until more are read, and where in it they are; nil at its end.
    private func nextBlock() throws(ArchiveError) -> (bytes: UnsafeRawBufferPointer, position: Int)? {
        var block: UnsafeRawPointer?
        var count = 0
        var position: la_int64_t = 0
        let status = archive_read_data_block(handle, &block, &count, &position)
        if status == ARCHIVE_EOF { return nil }
        try check(status)
        return (UnsafeRawBufferPointer(start: block, count: count), Int(position))
    }

    /// The whole content of the current member, refused beyond `limit` bytes.
    public func readToEnd(limit: Int) throws(ArchiveError) -> [UInt8] {
        var result: [UInt8] = []
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { chunk.deallocate() }
        while true {
            let count = try read(into: chunk)
            if count == 0 { return result }
            if result.count + count > limit {
                throw ArchiveError(archive: name, message: "a member is larger than \(limit) bytes")
            }
            result.append(contentsOf: chunk[..<count])
        }
    }

    /// Decompresses one compressed file (xz, zstd or gzip), refused beyond `limit` bytes.
    public static func decompress(
        _ bytes: UnsafeRawBufferPointer, name: String, limit: Int
    ) throws(ArchiveError) -> [UInt8] {
        let reader = try raw(bytes, name: name)
        guard try reader.next() != nil else { return [] }
        return try reader.readToEnd(limit: limit)
    }

    /// Writes the content of the current member to the start of a file.
    public func write(to file: borrowing Descriptor) throws {
        try writeData(to: file, at: 0)
    }

    /// Decompresses one compressed file (xz, zstd or gzip; else it is taken as it is) to `offset` of a file; returns
    /// the number of bytes.
    static func decompress(
        _ bytes: UnsafeRawBufferPointer, name: String, to file: borrowing Descriptor, at offset: Int
    ) throws -> Int {
        let reader = try open(bytes, name: name) { handle in archive_read_support_format_raw(handle) }
        return try reader.next() == nil ? 0 : try reader.writeData(to: file, at: offset)
    }

    /// Writes the content of the current member to `offset` of a file; returns the number of bytes.
    @discardableResult
    private func writeData(to file: borrowing Descriptor, at offset: Int) throws -> Int {
        var size = 0
        while let (bytes, position) = try nextBlock() {
            guard position == size else { throw ArchiveError(archive: name, message: "a member with holes") }
            try file.writeAll(bytes, at: offset + size)
            size += bytes.count
        }
        return size
    }

    private func check(_ status: Int32) throws(ArchiveError) {
        if status == ARCHIVE_OK { return }
        let text = archive_error_string(handle).map { String(cString: $0) } ?? "unknown error \(status)"
        throw ArchiveError(archive: name, message: text)
    }

    private func value(of entry: OpaquePointer) throws(ArchiveError) -> ArchiveEntry {
        guard let path = text(archive_entry_pathname(entry)), !path.isEmpty else {
            throw ArchiveError(archive: name, message: "a member's name is empty or not UTF-8")
        }
        return ArchiveEntry(
            path: path,
            kind: try kind(of: entry, path: path),
            mode: UInt32(archive_entry_perm(entry)),
            uid: UInt32(truncatingIfNeeded: archive_entry_uid(entry)),
            gid: UInt32(truncatingIfNeeded: archive_entry_gid(entry)),
            modified: Int64(archive_entry_mtime(entry)),
            xattrs: xattrs(of: entry))
    }

    private func xattrs(of entry: OpaquePointer) -> [String: [UInt8]] {
        var xattrs: [String: [UInt8]] = [:]
        archive_entry_xattr_reset(entry)
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK {
            guard let name = text(name) else { continue }
            xattrs[name] = Array(UnsafeRawBufferPointer(start: value, count: size))
        }
        return xattrs
    }

    private func kind(of entry: OpaquePointer, path: String) throws(ArchiveError) -> ArchiveEntry.Kind {
        if let raw = archive_entry_hardlink(entry) {
            guard let target = text(raw) else { throw ArchiveError(archive: name, message: "\(path): link not UTF-8") }
            return .hardlink(target)
        }
        let major = UInt32(truncatingIfNeeded: archive_entry_rdevmajor(entry))
        let minor = UInt32(truncatingIfNeeded: archive_entry_rdevminor(entry))
        // AE_IF* are cast macros that do not import; they equal S_IF*.
        switch UInt32(archive_entry_filetype(entry)) {
        case S_IFREG: return .file(size: Int(archive_entry_size(entry)))
        case S_IFDIR: return .directory
        case S_IFLNK:
            guard let target = text(archive_entry_symlink(entry)) else {
                throw ArchiveError(archive: name, message: "\(path): link target missing or not UTF-8")
            }
            return .symlink(target)
        case S_IFCHR: return .characterDevice(major: major, minor: minor)
        case S_IFBLK: return .blockDevice(major: major, minor: minor)
        case S_IFIFO: return .fifo
        default: throw ArchiveError(archive: name, message: "\(path): unknown type of member")
        }
    }

    private func text(_ pointer: UnsafePointer<CChar>?) -> String? {
        pointer.flatMap { String(validatingCString: $0) }
    }
}
