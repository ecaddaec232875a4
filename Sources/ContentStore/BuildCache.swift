internal import CXXHash
internal import Glibc
public import LinuxSystem
internal import Synchronization

/// Results of builds by the digest of all that they depend on, in one directory; safe under concurrent writers.
///
/// Nothing in it is needed: what is missing is made again, and what was not used for longest goes first when it grows
/// beyond its limit. Each entry ends with a checksum of its content, and an entry of other content (a power cut may leave
/// one, as nothing here waits for the disk) is as good as none. The checksum finds damage and no forgery: who can write
/// entries could compute any, so the directory must be its user's alone.
public final class BuildCache: Sendable {
    /// Its directory.
    public let directory: String
    private let limitBytes: Int64
    /// The entries that were read or written as a whole, which need not be read once more.
    private let verified = Mutex<[Digest: FileIdentity]>([:])

    /// Opens the cache in `directory`, which is made if missing; ``trim()`` cuts it to `limitBytes`.
    public init(_ directory: String, limitBytes: Int64) throws(SystemError) {
        try makeDirectories(directory)
        self.directory = directory
        self.limitBytes = limitBytes
    }

    private func path(of key: Digest) -> String { "\(directory)/\(key.hex)" }

    /// The content stored under a key, verified; nil if there is none, or not the one that was stored.
    public func open(_ key: Digest) -> MappedFile? {
        guard let file = try? Descriptor.open(path(of: key)), let size = try? file.status().size,
            size >= Self.trailerSize,
            let checksum = try? file.bytes(at: size - Self.trailerSize, count: Self.trailerSize),
            let content = try? MappedFile(file, count: size - Self.trailerSize)
        else { return nil }
        if let identity = try? FileIdentity(file), verified.withLock({ $0[key] == identity }) { return content }
        // The time of its last use.
        _ = futimens(file.rawValue, nil)
        let identity = try? FileIdentity(file)
        guard (try? Self.checksum(of: content.bytes)) == checksum else {
            _ = unlink(path(of: key))
            return nil
        }
        verified.withLock { $0[key] = identity }
        return content
    }

    /// Stores what `write` writes into an empty file, and returns it.
    ///
    /// - Throws: what `write` throws, and a ``SystemError`` where the cache cannot hold it: go on without it then.
    public func store(
        _ key: Digest, _ write: (borrowing Descriptor) throws -> Void
    ) throws -> MappedFile {
        let file = try AtomicFile.create(path(of: key), mode: 0o600)
        try write(file.descriptor)
        let size = try file.descriptor.status().size
        let content = try MappedFile(file.descriptor, count: size)
        try file.descriptor.writeAll(try Self.checksum(of: content.bytes), at: size)
        let written = try file.descriptor.duplicate()
        try file.commit(isDurable: false)
        // After it has its name, which changes the inode.
        let identity = try FileIdentity(written)
        verified.withLock { $0[key] = identity }
        return content
    }

    /// Removes what was not used for longest until the rest is within the limit.
    public func trim() throws(SystemError) {
        var entries: [(path: String, used: Int64, size: Int64)] = []
        for name in try Descriptor.directory(directory).entries() where Digest(hex: name) != nil {
            var status = stat()
            let path = "\(directory)/\(name)"
            guard stat(path, &status) == 0 else { continue }
            entries.append((path, Int64(status.st_mtim.tv_sec), Int64(status.st_blocks) * 512))
        }
        var total = entries.reduce(0) { $0 + $1.size }
        for entry in entries.sorted(by: { $0.used < $1.used }) where total > limitBytes {
            _ = unlink(entry.path)
            total -= entry.size
        }
    }

    private static let trailerSize = 16
    private static let chunkSize = 4 << 20

    /// The XXH3 of the XXH3s of each chunk: so that all processors can help.
    private static func checksum(of bytes: UnsafeRawBufferPointer) throws -> [UInt8] {
        // Read-only, and it outlives the call.
        nonisolated(unsafe) let bytes = bytes
        let checksums = try parallelMap(count: (bytes.count + chunkSize - 1) / chunkSize) { index in
            let end = min(bytes.count, (index + 1) * chunkSize)
            return xxh3(UnsafeRawBufferPointer(rebasing: bytes[index * chunkSize..<end]))
        }
        return Array(checksums.joined()).withUnsafeBytes(xxh3)
    }

    private static func xxh3(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { checksum, count in
            cxxhash_xxh3(bytes.baseAddress, bytes.count, checksum.baseAddress)
            count = 16
        }
    }
}
