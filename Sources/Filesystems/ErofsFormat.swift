internal import Glibc
internal import LinuxSystem

/// Constants and small structures of the EROFS on-disk format: Linux kernel, Documentation/filesystems/erofs.rst.
///
/// An image is blocks of 4 KiB. The superblock is at byte 1024. Inodes sit in 32-byte slots; the number of an inode
/// (nid) is its slot, counted from the metadata area's start. After the inode come its extended attributes, then, in
/// the inline layout, its data, which must not cross a block boundary.
enum Erofs {
    static let blockSize = 4096
    static let superblockOffset = 1024
    static let superblockSize = 128
    static let magic: UInt32 = 0xE0F5_E1E2
    static let slotSize = 32
    /// Compatible features: the superblock has a checksum; times are modification times.
    static let checksumFeature: UInt32 = 1
    static let modificationTimeFeature: UInt32 = 2
    static let compactInodeSize = 32
    static let extendedInodeSize = 64
    static let layoutPlain: UInt16 = 0
    static let layoutInline: UInt16 = 2
    static let entrySize = 12
    /// Prefixes of attribute names with the indices that stand for them; the ACLs are whole names.
    static let xattrPrefixes: [(prefix: String, index: UInt8)] = [
        ("user.", 1), ("system.posix_acl_access", 2), ("system.posix_acl_default", 3), ("trusted.", 4),
        ("security.", 6),
    ]
    static let xattrHeaderSize = 12

    /// CRC-32C without final inversion over the superblock's block from byte 1024, the checksum field counted as zero.
    static func checksum(ofFirstBlock block: some Collection<UInt8>) -> UInt32 {
        var bytes = Array(block.dropFirst(superblockOffset))
        bytes.store(UInt32(0), at: 4)
        return crc32c(bytes)
    }

    /// A device number as the inode holds it; nil where it does not fit 12 and 20 bits.
    static func deviceNumber(major: UInt32, minor: UInt32) -> UInt32? {
        if major > 0xFFF || minor > 0xFFFFF { return nil }
        return minor & 0xFF | major << 8 | (minor & ~0xFF) << 12
    }

    /// The reverse of ``deviceNumber(major:minor:)``.
    static func device(_ number: UInt32) -> (major: UInt32, minor: UInt32) {
        (number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00)
    }

    /// The type bits of `st_mode` and the directory entry's type byte.
    static func types(of kind: Node.Kind) -> (mode: UInt32, entry: UInt8) {
        switch kind {
        // A hard link has no inode of its own; it is resolved before this is asked.
        case .file, .hardlink: (S_IFREG, 1)
        case .directory: (S_IFDIR, 2)
        case .characterDevice: (S_IFCHR, 3)
        case .blockDevice: (S_IFBLK, 4)
        case .fifo: (S_IFIFO, 5)
        case .socket: (S_IFSOCK, 6)
        case .symlink: (S_IFLNK, 7)
        }
    }
}

// MARK: - Directories

extension Erofs {
    /// One name in a directory.
    struct Entry {
        var name: String
        /// Index of the inode in the plan.
        var inode: Int
    }

    /// Splits sorted names into directory blocks. In each the 12-byte entries come first, then the names.
    ///
    /// - Returns: the range of names in each block, and the directory's size: the last block counts as far as used.
    static func directoryBlocks(_ entries: [Entry]) -> (blocks: [Range<Int>], size: Int) {
        var blocks: [Range<Int>] = []
        var start = 0
        var used = 0
        for (index, entry) in entries.enumerated() {
            let needed = entrySize + entry.name.utf8.count
            if used + needed > blockSize {
                blocks.append(start..<index)
                start = index
                used = 0
            }
            used += needed
        }
        return (blocks + [start..<entries.count], blocks.count * blockSize + used)
    }

    /// The data of a directory, given number and type byte of each entry's inode.
    static func directoryData(_ entries: [Entry], inode: (Int) -> (nid: UInt64, type: UInt8)) -> [UInt8] {
        var data: [UInt8] = []
        for block in directoryBlocks(entries).blocks {
            data.append(contentsOf: repeatElement(0, count: data.count.roundedUp(to: blockSize) - data.count))
            var nameOffset = block.count * entrySize
            for entry in entries[block] {
                let (nid, type) = inode(entry.inode)
                data.append(littleEndian: nid)
                data.append(littleEndian: UInt16(nameOffset))
                data.append(type)
                data.append(0)
                nameOffset += entry.name.utf8.count
            }
            for entry in entries[block] { data.append(contentsOf: entry.name.utf8) }
        }
        return data
    }
}

// MARK: - Extended attributes

extension Erofs {
    /// The attribute area of an inode: a header, then entries in byte order of names; empty without attributes.
    static func xattrArea(_ xattrs: [String: [UInt8]], path: String) throws(FilesystemError) -> [UInt8] {
        if xattrs.isEmpty { return [] }
        var area = [UInt8](repeating: 0, count: xattrHeaderSize)
        for (name, value) in xattrs.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            guard let (prefix, index) = xattrPrefixes.first(where: { name.utf8.starts(with: $0.prefix.utf8) }) else {
                throw .tree(path: path, problem: "EROFS has no place for the extended attribute \(name)")
            }
            let suffix = Array(name.utf8.dropFirst(prefix.utf8.count))
            // A prefix that is a whole name ends without a dot and takes no suffix; the others need one.
            if prefix.hasSuffix(".") == suffix.isEmpty || suffix.count > 255 || suffix.contains(0) {
                throw .tree(path: path, problem: "EROFS has no place for the extended attribute \(name)")
            }
            guard let size = UInt16(exactly: value.count) else {
                throw .tree(path: path, problem: "the extended attribute \(name) is longer than 65535 bytes")
            }
            area.append(UInt8(suffix.count))
            area.append(index)
            area.append(littleEndian: size)
            area += suffix
            area += value
            area.append(contentsOf: repeatElement(0, count: area.count.roundedUp(to: 4) - area.count))
        }
        if xattrCount(area) > UInt16.max {
            throw .tree(path: path, problem: "the extended attributes take more than EROFS's 256 KiB together")
        }
        return area
    }

    /// What an inode says of its attribute area's size: 0 for none, else 1 and one for every 4 bytes after the header.
    static func xattrCount(_ area: [UInt8]) -> Int { area.isEmpty ? 0 : 1 + (area.count - xattrHeaderSize) / 4 }
}
