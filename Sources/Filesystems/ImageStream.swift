internal import Glibc
internal import LinuxSystem

/// Writes an image or archive front to back through one buffer.
struct ImageStream: ~Copyable {
    /// Takes the next bytes, and how many were taken before.
    private let sink: (UnsafeRawBufferPointer, Int) throws(FilesystemError) -> Void
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    /// Bytes of the image already written; the buffer holds the `filled` next ones.
    private var written = 0
    private var filled = 0
    /// Called once with the image's first bytes before they are written, for a checksum over them.
    var completeFirst: ((UnsafeMutableRawBufferPointer) -> Void)?
    /// Called with the number of bytes written so far.
    var progress: (Int) -> Void = { _ in }

    /// Starts at byte `offset` of `image`.
    init(to image: borrowing Descriptor, at offset: Int) throws(FilesystemError) {
        let image = try lifting { () throws(SystemError) in try image.duplicate() }
        sink = { (bytes, written) throws(FilesystemError) in
            try lifting { () throws(SystemError) in try image.writeAll(bytes, at: offset + written) }
        }
    }

    /// Hands all bytes, in order, to `consume`.
    init(to consume: @escaping (UnsafeRawBufferPointer) throws(FilesystemError) -> Void) {
        sink = { (bytes, _) throws(FilesystemError) in try consume(bytes) }
    }

    deinit { buffer.deallocate() }

    /// Where the next byte goes, counted from the image's start.
    var position: Int { written + filled }

    /// Appends bytes.
    mutating func append(_ bytes: [UInt8]) throws(FilesystemError) {
        var done = 0
        while done < bytes.count {
            let part = bytes[done..<min(bytes.count, done + buffer.count - filled)]
            UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).copyBytes(from: part)
            filled += part.count
            done += part.count
            if filled == buffer.count { try flush() }
        }
    }

    /// Appends zeros up to a position that is not behind the present one.
    mutating func pad(to position: Int) throws(FilesystemError) {
        var missing = position - self.position
        while missing > 0 {
            let count = min(missing, buffer.count - filled)
            UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + count])
                .initializeMemory(as: UInt8.self, repeating: 0)
            filled += count
            missing -= count
            if filled == buffer.count { try flush() }
        }
    }

    /// Appends the data of the file that the tree has at `path`; staged data is found below `source`.
    mutating func append(
        _ content: Node.Content, source: borrowing Descriptor, path: String
    ) throws(FilesystemError) {
        switch content {
        case .bytes(let bytes): try append(bytes)
        case .staged(let staged, let size): try append(staged, size, source, path)
        }
    }

    private mutating func append(
        _ staged: String, _ size: Int, _ source: borrowing Descriptor, _ path: String
    ) throws(FilesystemError) {
        let file = try openStaged(staged, size: size, source: source, path: path)
        var done = 0
        while done < size {
            let count = min(size - done, buffer.count - filled)
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + count])
            try lifting { () throws(SystemError) in try file.readAll(into: part, at: done) }
            filled += count
            done += count
            if filled == buffer.count { try flush() }
        }
    }

    /// Writes what the buffer holds.
    mutating func flush() throws(FilesystemError) {
        if written == 0 { completeFirst?(buffer) }
        try sink(UnsafeRawBufferPointer(rebasing: buffer[..<filled]), written)
        written += filled
        filled = 0
        progress(written)
    }
}

/// Opens the data of the file that a tree has at `path`: it must be a regular file of that size below `source`.
func openStaged(
    _ staged: String, size: Int, source: borrowing Descriptor, path: String
) throws(FilesystemError) -> Descriptor {
    // What has become a pipe must not block the open.
    let file = try lifting { () throws(SystemError) in try source.openBeneath(staged, O_RDONLY | O_NONBLOCK) }
    let status = try lifting { () throws(SystemError) in try file.status() }
    if status.type != S_IFREG { throw .tree(path: path, problem: "\(file.name) is not a regular file any more") }
    if status.size != size {
        throw .tree(path: path, problem: "\(file.name) has \(status.size) bytes where the tree says \(size)")
    }
    return file
}
