internal import Glibc
public import LinuxSystem

/// dm-verity hash trees as `veritysetup format` writes them: superblock version 1, hash type 1, SHA-256, 4 KiB blocks.
///
/// The first block holds the superblock. Then come the levels of the tree, the top first. A hash block holds the
/// digests of 128 blocks of the level below (the last level: of the data), zeros after the last; a digest is SHA-256 of
/// salt and block. The root hash is the digest of the single top block, or of the data where that is a single block.
/// Source: Linux kernel, Documentation/admin-guide/device-mapper/verity.rst, and cryptsetup's on-disk format page.
public enum VerityTree {
    static let blockSize = 4096
    static let digestSize = 32
    static let digestsPerBlock = blockSize / digestSize

    /// One level of a tree: its first block, counted from the superblock's, and its number of blocks.
    struct Level: Equatable {
        var start: Int
        var blocks: Int
    }

    /// The levels for a number of data blocks, the one that holds the digests of the data first.
    static func levels(dataBlocks: Int) -> [Level] {
        var counts: [Int] = []
        var blocks = dataBlocks
        while blocks > 1 {
            blocks = blocks / digestsPerBlock + (blocks % digestsPerBlock == 0 ? 0 : 1)
            counts.append(blocks)
        }
        var start = 1
        return counts.reversed().map { count in
            defer { start += count }
            return Level(start: start, blocks: count)
        }.reversed()
    }

    /// The bytes that superblock and tree take for `dataSize` bytes of data.
    public static func size(dataSize: Int) -> Int {
        let dataBlocks = dataSize / blockSize + (dataSize % blockSize == 0 ? 0 : 1)
        return (1 + levels(dataBlocks: dataBlocks).reduce(0) { $0 + $1.blocks }) * blockSize
    }

    /// Writes superblock and tree for the data to `hash` at `hashOffset`; the two ranges must not overlap.
    ///
    /// - Parameters:
    ///   - dataSize: bytes; a positive multiple of 4096.
    ///   - salt: at most 256 bytes.
    ///   - uuid: 16 bytes.
    /// - Returns: the root hash, which vouches for all data, and the size of what was written.
    public static func build(
        data: borrowing Descriptor, dataOffset: Int, dataSize: Int,
        hash: borrowing Descriptor, hashOffset: Int, salt: [UInt8], uuid: [UInt8]
    ) throws(FilesystemError) -> (rootHash: Digest, size: Int) {
        try check(dataSize: dataSize)
        let digests = try digestsOfBlocks(of: data, at: dataOffset, count: dataSize / blockSize, salt: salt)
        return try build(blockDigests: digests, hash: hash, hashOffset: hashOffset, salt: salt, uuid: uuid)
    }

    /// Writes superblock and tree for data of which the salted digests of all blocks are known (``ImageHasher``).
    public static func build(
        blockDigests: [UInt8], hash: borrowing Descriptor, hashOffset: Int, salt: [UInt8], uuid: [UInt8]
    ) throws(FilesystemError) -> (rootHash: Digest, size: Int) {
        let dataSize = blockDigests.count / digestSize * blockSize
        try check(dataSize: dataSize)
        if salt.count > 256 { throw .parameter("a verity salt has at most 256 bytes, not \(salt.count)") }
        if uuid.count != 16 { throw .parameter("a UUID has 16 bytes, not \(uuid.count)") }
        let superblock = Superblock(dataBlocks: dataSize / blockSize, salt: salt, uuid: uuid)
        try lifting { () throws(SystemError) in try hash.writeAll(superblock.bytes, at: hashOffset) }

        var digests = blockDigests
        for level in levels(dataBlocks: dataSize / blockSize) {
            digests.append(contentsOf: repeatElement(0, count: level.blocks * blockSize - digests.count))
            let bytes = digests
            try lifting { () throws(SystemError) in
                try hash.writeAll(bytes, at: hashOffset + level.start * blockSize)
            }
            digests = digestsOfBlocks(of: bytes, salt: salt)
        }
        guard let root = Digest(digests) else { preconditionFailure("the top of a tree is one digest") }
        return (root, size(dataSize: dataSize))
    }

    /// The root hash of data of which the salted digests of all blocks are known; nil if there are none.
    public static func rootHash(blockDigests: [UInt8], salt: [UInt8]) -> Digest? {
        var digests = blockDigests
        for level in levels(dataBlocks: blockDigests.count / digestSize) {
            digests.append(contentsOf: repeatElement(0, count: level.blocks * blockSize - digests.count))
            digests = digestsOfBlocks(of: digests, salt: salt)
        }
        return Digest(digests)
    }

    /// The salt that the superblock of a hash area names: of its first 512 bytes or more; nil if they are none.
    public static func salt(superblock bytes: [UInt8]) -> [UInt8]? { Superblock(bytes)?.salt }

    static func check(dataSize: Int) throws(FilesystemError) {
        // 4 PiB: far above any disk, far below what could overflow.
        if dataSize <= 0 || dataSize % blockSize != 0 || dataSize > 1 << 52 {
            throw .parameter("verity data of \(dataSize) bytes: the size must be a positive multiple of 4096")
        }
    }
}

// MARK: - Superblock

extension VerityTree {
    /// The 512 bytes at the start of a hash area.
    struct Superblock: Equatable {
        static let size = 512
        var dataBlocks: Int
        var salt: [UInt8]
        var uuid: [UInt8]
    }
}

extension VerityTree.Superblock {
    private static let signature = Array("verity\0\0".utf8)
    private static let algorithm = Array("sha256".utf8) + [UInt8](repeating: 0, count: 26)

    /// Reads a superblock; nil for any other than those written here.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.size, bytes.starts(with: Self.signature), bytes.load(UInt32.self, at: 8) == 1,
            bytes.load(UInt32.self, at: 12) == 1, bytes[32..<64].elementsEqual(Self.algorithm),
            bytes.load(UInt32.self, at: 64) == 4096, bytes.load(UInt32.self, at: 68) == 4096,
            let blocks = bytes.load(UInt64.self, at: 72), let dataBlocks = Int(exactly: blocks),
            let saltSize = bytes.load(UInt16.self, at: 80), saltSize <= 256
        else { return nil }
        self.dataBlocks = dataBlocks
        salt = Array(bytes[88..<88 + Int(saltSize)])
        uuid = Array(bytes[16..<32])
    }

    /// The block that holds it.
    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: VerityTree.blockSize)
        bytes.store(Self.signature, at: 0)
        bytes.store(UInt32(1), at: 8)
        bytes.store(UInt32(1), at: 12)
        bytes.store(uuid, at: 16)
        bytes.store(Self.algorithm, at: 32)
        bytes.store(UInt32(VerityTree.blockSize), at: 64)
        bytes.store(UInt32(VerityTree.blockSize), at: 68)
        bytes.store(UInt64(dataBlocks), at: 72)
        bytes.store(UInt16(salt.count), at: 80)
        bytes.store(salt, at: 88)
        return bytes
    }
}
