internal import Glibc

/// A file's content mapped into memory read-only, unmapped when its owner goes away.
///
/// The file must not be truncated meanwhile; content-store objects never are.
public struct MappedFile: ~Copyable, @unchecked Sendable {
    // Sendable: the mapping is read-only and lives until deinit.
    /// The content.
    public let bytes: UnsafeRawBufferPointer

    /// Maps a whole file.
    public init(_ file: borrowing Descriptor) throws(SystemError) {
        try self.init(file, count: try file.status().size)
    }

    /// Maps the first `size` bytes of a file, which must have them.
    public init(_ file: borrowing Descriptor, count size: Int) throws(SystemError) {
        guard size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, file.rawValue, 0)
        let code = errno
        guard let address, address != MAP_FAILED else {
            throw SystemError(call: "mmap", subject: file.name, code: code)
        }
        bytes = UnsafeRawBufferPointer(start: address, count: size)
    }

    deinit {
        if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
    }
}
