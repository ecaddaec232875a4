internal import Glibc
public import LinuxSystem

/// A disk or an image file.
public final class DescriptorDevice: BlockDevice {
    /// See ``BlockDevice/sizeBytes``.
    public let sizeBytes: UInt64
    private let descriptor: Descriptor
    /// For reading past the page cache; nil where that cannot be done.
    private let direct: Descriptor?

    /// What errors call it.
    public var name: String { descriptor.name }

    /// Opens a disk or an image file for reading and writing.
    public init(path: String) throws(SystemError) {
        descriptor = try Descriptor.open(path, O_RDWR)
        direct = try? Descriptor.open(path, O_RDONLY | Descriptor.direct)
        // The end of a block device is found as that of a file.
        let end = lseek(descriptor.rawValue, 0, SEEK_END)
        let code = errno
        if end < 0 { throw SystemError(call: "lseek", subject: path, code: code) }
        sizeBytes = UInt64(end)
    }

    /// See ``BlockDevice/read(at:count:)``.
    public func read(at offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
        let offset = try position(offset, count)
        if let bytes = try readDirectly(direct, offset, count) { return bytes }
        dropCache(descriptor, offset, count)
        return try descriptor.bytes(at: offset, count: count)
    }

    /// See ``BlockDevice/write(_:at:)``.
    public func write(_ bytes: [UInt8], at offset: UInt64) throws(SystemError) {
        try descriptor.writeAll(bytes, at: try position(offset, bytes.count))
    }

    /// See ``BlockDevice/flush()``.
    public func flush() throws(SystemError) { try descriptor.sync() }

    private func position(_ offset: UInt64, _ count: Int) throws(SystemError) -> Int {
        guard offset <= sizeBytes, sizeBytes - offset >= UInt64(count) else {
            throw SystemError(call: "lseek", subject: "\(name): beyond the end", code: EINVAL)
        }
        return Int(offset)
    }
}

/// The files below a directory: a mounted EFI system partition, or the controller's own on the data partition.
public final class DirectoryVolume: FileVolume {
    private let root: Descriptor

    /// What errors call it.
    public var name: String { root.name }

    /// Opens the directory.
    public init(path: String) throws(SystemError) { root = try Descriptor.directory(path) }

    /// Takes an open directory.
    public init(adopting root: consuming Descriptor) { self.root = root }

    /// See ``FileVolume/names(in:)``.
    public func names(in directory: String) throws(SystemError) -> [String] {
        do throws(SystemError) {
            return try root.openBeneath(directory, O_RDONLY | O_DIRECTORY).entries()
        } catch  where error.isNotFound {
            return []
        }
    }

    /// See ``FileVolume/size(of:)``.
    public func size(of path: String) throws(SystemError) -> Int? {
        do throws(SystemError) { return try root.openBeneath(path).status().size } catch  where error.isNotFound {
            return nil
        }
    }

    /// See ``FileVolume/read(_:at:count:)``.
    public func read(_ path: String, at offset: Int, count: Int) throws(SystemError) -> [UInt8] {
        let file = try root.openBeneath(path)
        let count = min(count, max(0, try file.status().size - offset))
        let direct = try? root.openBeneath(path, O_RDONLY | Descriptor.direct)
        if let bytes = try readDirectly(direct, offset, count) { return bytes }
        dropCache(file, offset, count)
        return try file.bytes(at: offset, count: count)
    }

    /// See ``FileVolume/write(_:to:at:)``.
    public func write(_ bytes: [UInt8], to path: String, at offset: Int) throws(SystemError) {
        try root.openBeneath(path, O_RDWR | O_CREAT, mode: 0o600).writeAll(bytes, at: offset)
    }

    /// See ``FileVolume/flush(_:)``.
    public func flush(_ path: String) throws(SystemError) { try root.openBeneath(path, O_RDWR).sync() }

    /// See ``FileVolume/makeDirectory(_:)``.
    public func makeDirectory(_ path: String) throws(SystemError) { try root.makeDirectory(path) }

    /// See ``FileVolume/flushDirectory(_:)``.
    public func flushDirectory(_ path: String) throws(SystemError) {
        try root.openBeneath(path, O_RDONLY | O_DIRECTORY).sync()
    }

    /// See ``FileVolume/remove(_:)``.
    public func remove(_ path: String) throws(SystemError) { try root.unlink(path) }

    /// See ``FileVolume/freeBytes()``.
    public func freeBytes() throws(SystemError) -> Int {
        var status = statvfs()
        let result = fstatvfs(root.rawValue, &status)
        let code = errno
        if result != 0 { throw SystemError(call: "fstatvfs", subject: name, code: code) }
        return Int(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    }
}

/// Reads past the page cache; nil where that cannot be done.
private func readDirectly(
    _ file: borrowing Descriptor?, _ offset: Int, _ count: Int
) throws(SystemError) -> [UInt8]? {
    switch file {
    case .some(let file): try readDirectly(from: file, offset, count)
    case .none: nil
    }
}

private func readDirectly(
    from file: borrowing Descriptor, _ offset: Int, _ count: Int
) throws(SystemError) -> [UInt8]? {
    // What disks and file systems want at most of an offset, a size and an address (open(2), "O_DIRECT").
    let (sector, page) = (512, 4096)
    guard offset % sector == 0, count > 0 else { return nil }
    let room = (count + page - 1) / page * page
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: page)
    defer { buffer.deallocate() }
    var done = 0
    while done < count {
        let wanted = min(room - done, (count - done + sector - 1) / sector * sector)
        let result = pread(file.rawValue, buffer.baseAddress.map { $0 + done }, wanted, offset + done)
        let code = errno
        if result < 0, code == EINTR { continue }
        // The file system takes the flag, but not this place.
        if result < 0, code == EINVAL { return nil }
        if result < 0 { throw SystemError(call: "pread", subject: file.name, code: code) }
        if result == 0 { throw SystemError(call: "pread", subject: "\(file.name): ends early", code: EIO) }
        done += result
        // Only the end of a file is short of a sector.
        if result % sector != 0 { break }
    }
    guard done >= count else { throw SystemError(call: "pread", subject: "\(file.name): ends early", code: EIO) }
    return Array(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
}

/// Lets the next read of a range come from the device. Pages that are not yet written stay, so flush before.
private func dropCache(_ file: borrowing Descriptor, _ offset: Int, _ count: Int) {
    // Only advice: what cannot be dropped, as in a file system in memory, is read from there.
    _ = posix_fadvise(file.rawValue, offset, count, POSIX_FADV_DONTNEED)
}
