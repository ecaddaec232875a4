internal import LinuxSystem

/// What an earlier survey has found out of inodes: it holds as long as file system, size and times are the same.
///
/// The file: the magic, the number of file systems and of records, the file systems, the records in the order of file
/// system and inode, and the SHA-256 of all that; numbers are little-endian. A file that is anything else is as good as
/// none.
struct DigestCache: Sendable {
    struct Entry: Sendable, Equatable {
        /// The MD5 of a file's content; nil if it was not read.
        var digest: MD5Digest?
        /// Whether the inode is known to have no extended attributes.
        var hasNoXattrs: Bool
    }

    private static let magic = Array("pisces digests 1\n".utf8)
    private static let headerSize = magic.count + 8
    /// Inode, size, modified, changed: 8 bytes each; the digest; the file system's place and flags.
    private static let recordSize = 4 * 8 + 16 + 4

    private var bytes: [UInt8] = []
    private var filesystems: [UInt64] = []
    /// The number of records.
    private(set) var count = 0
    private var recordsStart = 0

    /// One that knows nothing.
    init() {}

    /// Reads a file's content.
    init?(_ bytes: [UInt8]) {
        let end = bytes.count - 32
        guard end >= Self.headerSize, bytes.starts(with: Self.magic) else { return nil }
        let filesystemCount = Int(Self.number32(bytes, Self.magic.count))
        let count = Int(Self.number32(bytes, Self.magic.count + 4))
        recordsStart = Self.headerSize + filesystemCount * 8
        guard recordsStart + count * Self.recordSize == end,
            SHA256.hash(bytes[..<end]).bytes.elementsEqual(bytes[end...])
        else { return nil }
        filesystems = (0..<filesystemCount).map { Self.number64(bytes, Self.headerSize + $0 * 8) }
        self.count = count
        self.bytes = bytes
    }

    /// What is known of an inode as it is now.
    ///
    /// - Parameter filesystem: as in ``PathTree/filesystems``; nil for one whose times say nothing.
    func entry(for facts: PathTree.Facts, on filesystem: UInt64?) -> Entry? {
        guard count > 0, let filesystem, let place = filesystems.firstIndex(of: filesystem) else { return nil }
        var range = 0..<count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            let record = recordsStart + middle * Self.recordSize
            let key = (Int(Self.number32(bytes, record + 48) & 0xffff), Self.number64(bytes, record))
            if key < (place, facts.inode) {
                range = middle + 1..<range.upperBound
            } else if key > (place, facts.inode) {
                range = range.lowerBound..<middle
            } else {
                return entry(record, for: facts)
            }
        }
        return nil
    }

    private func entry(_ record: Int, for facts: PathTree.Facts) -> Entry? {
        guard Self.number64(bytes, record + 8) == UInt64(bitPattern: facts.size),
            Self.number64(bytes, record + 16) == UInt64(bitPattern: facts.modified),
            Self.number64(bytes, record + 24) == UInt64(bitPattern: facts.changed)
        else { return nil }
        let flags = Self.number32(bytes, record + 48) >> 16
        let digest = MD5Digest(high: Self.number64(bytes, record + 32), low: Self.number64(bytes, record + 40))
        return Entry(digest: flags & 1 == 0 ? nil : digest, hasNoXattrs: flags & 2 != 0)
    }

    /// Whether the times tell of every change: an inode that changed just now may change again within the clock's step.
    static func isTrustworthy(_ facts: PathTree.Facts, now: Int64) -> Bool { facts.changed < now - 2_000_000_000 }

    /// One inode of a file system, as ``PathTree/filesystems`` names it, and what is known of it.
    typealias Known = (filesystem: UInt64, facts: PathTree.Facts, entry: Entry)

    /// The content of a file for what is known now; of several entries for an inode the first counts.
    static func encode(_ entries: [Known]) -> [UInt8] {
        var filesystems: [UInt64] = []
        for known in entries where !filesystems.contains(known.filesystem) && filesystems.count < 0xffff {
            filesystems.append(known.filesystem)
        }
        let places = entries.indices.compactMap { index in
            filesystems.firstIndex(of: entries[index].filesystem).map { (place: $0, index: index) }
        }.sorted { left, right in
            (left.place, entries[left.index].facts.inode, left.index)
                < (right.place, entries[right.index].facts.inode, right.index)
        }
        var bytes = magic
        bytes.reserveCapacity(headerSize + filesystems.count * 8 + places.count * recordSize + 32)
        append(UInt32(filesystems.count), to: &bytes)
        append(UInt32(0), to: &bytes)
        for filesystem in filesystems { append(filesystem, to: &bytes) }
        var count: UInt32 = 0
        var last: (place: Int, inode: UInt64)?
        for (place, index) in places {
            let (_, facts, entry) = entries[index]
            if let last, last == (place, facts.inode) { continue }
            last = (place, facts.inode)
            count += 1
            append(facts.inode, to: &bytes)
            for number in [facts.size, facts.modified, facts.changed] { append(UInt64(bitPattern: number), to: &bytes) }
            append(entry.digest?.high ?? 0, to: &bytes)
            append(entry.digest?.low ?? 0, to: &bytes)
            let flags: UInt32 = (entry.digest == nil ? 0 : 1) | (entry.hasNoXattrs ? 2 : 0)
            append(UInt32(place) | flags << 16, to: &bytes)
        }
        for index in 0..<4 { bytes[magic.count + 4 + index] = UInt8(truncatingIfNeeded: count >> (8 * index)) }
        bytes.append(contentsOf: SHA256.hash(bytes).bytes)
        return bytes
    }

    private static func append(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private static func number32(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
    }

    private static func number64(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
        bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    }
}

extension DigestCache {
    /// Reads the cache of a root from a directory; one that is missing, damaged or cannot be read knows nothing.
    static func load(from directory: String, root: PathTree.Facts) -> DigestCache {
        guard let file = try? Descriptor.open(path(directory, root)), let bytes = try? file.readToEnd(limit: 1 << 30)
        else { return DigestCache() }
        return DigestCache(bytes) ?? DigestCache()
    }

    /// Writes the cache of a root, whole or not at all. Several surveys may do so at once: the last one counts.
    static func store(
        _ entries: [Known], in directory: String, root: PathTree.Facts
    ) throws(SystemError) {
        let file = try AtomicFile.create(path(directory, root), mode: 0o600)
        try file.descriptor.writeAll(encode(entries))
        try file.commit(isDurable: false)
    }

    private static func path(_ directory: String, _ root: PathTree.Facts) -> String {
        "\(directory)/survey-\(String(root.device, radix: 16))-\(root.inode).cache"
    }
}
