internal import Glibc
public import LinuxSystem

extension VerityTree {
    /// A block that is not what the root hash vouches for.
    public struct Fault: Sendable, Equatable {
        /// The data that is not vouched for, in bytes from its start: the changed block, or all that a changed block of
        /// the tree stands for.
        public var data: Range<Int>
        /// The changed block of the tree, in bytes from the superblock's start; nil where the data itself changed.
        public var tree: Range<Int>?
    }

    /// The bytes of data that the superblock at `offset` says the tree is for.
    public static func dataSize(_ hash: borrowing Descriptor, at offset: Int) throws(FilesystemError) -> Int {
        let (size, overflow) = try superblock(hash, at: offset).dataBlocks.multipliedReportingOverflow(by: blockSize)
        if overflow || size <= 0 || size > 1 << 52 {
            throw damage(hash, "the verity tree is for an impossible size of data")
        }
        return size
    }

    /// Checks all data against the root hash by way of the tree, with the salt that the superblock names.
    ///
    /// - Parameters:
    ///   - dataSize: the bytes that must be vouched for; a superblock for another size is an error.
    ///   - limit: the most faults to return.
    /// - Returns: the blocks that changed, in the order of the data; what lies below a changed block of the tree is not
    ///   judged. Empty if all is as it was.
    public static func faults(
        data: borrowing Descriptor, dataOffset: Int, dataSize: Int,
        hash: borrowing Descriptor, hashOffset: Int, rootHash: Digest, limit: Int = 16
    ) throws(FilesystemError) -> [Fault] {
        try check(dataSize: dataSize)
        let superblock = try superblock(hash, at: hashOffset)
        if superblock.dataBlocks != dataSize / blockSize {
            throw damage(
                hash, "the verity tree is for \(superblock.dataBlocks) blocks of data, not for \(dataSize) bytes")
        }
        // From the top down: a block is believed once its digest is the one that a believed block above names.
        var judge = Judge(wanted: rootHash.bytes)
        var faults: [Fault] = []
        for (height, level) in levels(dataBlocks: superblock.dataBlocks).enumerated().reversed() {
            let start = level.start * blockSize
            let bytes = try lifting { () throws(SystemError) in
                try hash.bytes(at: hashOffset + start, count: level.blocks * blockSize)
            }
            let coverage = (0...height).reduce(blockSize) { size, _ in size * digestsPerBlock }
            for block in judge.changed(digestsOfBlocks(of: bytes, salt: superblock.salt)) {
                faults.append(
                    Fault(
                        data: block * coverage..<min(dataSize, (block + 1) * coverage),
                        tree: start + block * blockSize..<start + (block + 1) * blockSize))
            }
            judge.descend(wanted: bytes)
        }
        let digests = try digestsOfBlocks(of: data, at: dataOffset, count: superblock.dataBlocks, salt: superblock.salt)
        for block in judge.changed(digests).prefix(limit) {
            faults.append(Fault(data: block * blockSize..<(block + 1) * blockSize, tree: nil))
        }
        return Array(faults.sorted { $0.data.lowerBound < $1.data.lowerBound }.prefix(limit))
    }

    private static func superblock(
        _ hash: borrowing Descriptor, at offset: Int
    ) throws(FilesystemError) -> Superblock {
        let head = try lifting { () throws(SystemError) in try hash.bytes(at: offset, count: Superblock.size) }
        guard let superblock = Superblock(head) else {
            throw damage(hash, "no verity superblock of version 1 with SHA-256 and 4 KiB blocks")
        }
        return superblock
    }

    private static func damage(_ hash: borrowing Descriptor, _ problem: String) -> FilesystemError {
        .damage(name: hash.name, range: 0..<Superblock.size, problem: problem)
    }

    /// Compares the digests of one level after the other.
    private struct Judge {
        /// The digests that the level's blocks must have, and zeros behind.
        var wanted: [UInt8]
        /// The blocks of the level above that are not believed.
        private var doubted: Set<Int> = []
        private var doubtedHere: Set<Int> = []

        init(wanted: [UInt8]) { self.wanted = wanted }

        /// The blocks that changed, of those whose digest is believed.
        mutating func changed(_ seen: [UInt8]) -> [Int] {
            if doubted.isEmpty, wanted.starts(with: seen) { return [] }
            var changed: [Int] = []
            for block in 0..<seen.count / digestSize {
                if doubted.contains(block / digestsPerBlock) {
                    doubtedHere.insert(block)
                } else if !seen[block * digestSize..<(block + 1) * digestSize].elementsEqual(
                    wanted[block * digestSize..<(block + 1) * digestSize])
                {
                    doubtedHere.insert(block)
                    changed.append(block)
                }
            }
            return changed
        }

        mutating func descend(wanted: [UInt8]) {
            self.wanted = wanted
            (doubted, doubtedHere) = (doubtedHere, [])
        }
    }
}
