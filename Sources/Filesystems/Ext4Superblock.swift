public import LinuxSystem

/// What the superblock of an ext4 says of it: Linux kernel, Documentation/filesystems/ext4/super.rst.
public struct Ext4Superblock: Sendable, Equatable {
    /// Bytes of the whole file system.
    public var sizeBytes: Int
    /// 16 bytes.
    public var uuid: [UInt8]
    /// The volume's name.
    public var label: String
    /// Whether it was unmounted, its journal is empty, and the kernel has seen no error in it.
    public var isClean: Bool

    /// Where it is in the file system, and its size.
    public static let range = 1024..<2048

    /// Reads the superblock of the file system at `offset`; one without a checksum or with a wrong one is an error.
    public static func read(
        _ image: borrowing Descriptor, at offset: Int
    ) throws(FilesystemError) -> Ext4Superblock {
        let bytes = try verified(image, at: offset + range.lowerBound)
        func field<Integer: FixedWidthInteger>(_ type: Integer.Type, _ offset: Int) -> Integer {
            bytes.load(type, at: offset) ?? 0
        }
        let blocks = UInt64(field(UInt32.self, 0x04)) | UInt64(field(UInt32.self, 0x150)) << 32
        let scale = field(UInt32.self, 0x18)
        guard scale <= 6 && blocks <= UInt64(Int.max >> 16) else {
            throw damage(image, "it is larger than any disk")
        }
        let needsRecovery = field(UInt32.self, 0x60) & 4 != 0
        return Ext4Superblock(
            sizeBytes: Int(blocks) << (10 + Int(scale)), uuid: Array(bytes[0x68..<0x78]),
            label: String(decoding: bytes[0x78..<0x88].prefix { $0 != 0 }, as: UTF8.self),
            isClean: field(UInt16.self, 0x3A) == 1 && !needsRecovery && field(UInt32.self, 0x194) == 0)
    }

    /// Sets the count of kilobytes ever written to 0 in the file system at `offset`: mke2fs(8) begins it with what it
    /// wrote itself, which differs from one host to another. All copies of the superblock have it.
    public static func clearWrites(_ image: borrowing Descriptor, at offset: Int) throws(FilesystemError) {
        let first = try verified(image, at: offset + range.lowerBound)
        let size = try read(image, at: offset).sizeBytes
        let blockSize = 1024 << Int(first.load(UInt32.self, at: 0x18) ?? 0)
        let groupSize = blockSize * Int(first.load(UInt32.self, at: 0x20) ?? 0)
        let start = blockSize * Int(first.load(UInt32.self, at: 0x14) ?? 0)
        var places = [range.lowerBound]
        if groupSize > 0 {
            let groups = (size + groupSize - 1) / groupSize
            places += (1..<max(groups, 1)).filter(hasCopy).map { start + $0 * groupSize }
        }
        for place in places {
            var bytes = try verified(image, at: offset + place)
            bytes.store(UInt64(0), at: 0x178)
            bytes.store(crc32c(bytes[..<0x3FC]), at: 0x3FC)
            try lifting { () throws(SystemError) in try image.writeAll(bytes, at: offset + place) }
        }
    }

    /// Whether a group after the first begins with a copy of the superblock: those of number 1 and the powers of 3, 5, 7
    /// (feature sparse_super).
    private static func hasCopy(_ group: Int) -> Bool {
        [3, 5, 7].contains { base in
            var rest = group
            while rest % base == 0 { rest /= base }
            return rest == 1
        }
    }

    /// The bytes of a superblock whose signature and checksum are right.
    private static func verified(
        _ image: borrowing Descriptor, at offset: Int
    ) throws(FilesystemError) -> [UInt8] {
        let bytes = try lifting { () throws(SystemError) in try image.bytes(at: offset, count: range.count) }
        guard bytes.load(UInt16.self, at: 0x38) == 0xEF53 else { throw damage(image, "its signature is missing") }
        guard let features = bytes.load(UInt32.self, at: 0x64), features & 0x400 != 0, bytes[0x175] == 1 else {
            throw damage(image, "it has no checksum")
        }
        guard bytes.load(UInt32.self, at: 0x3FC) == crc32c(bytes[..<0x3FC]) else {
            throw damage(image, "its checksum is wrong")
        }
        return bytes
    }

    private static func damage(_ image: borrowing Descriptor, _ problem: String) -> FilesystemError {
        .damage(name: image.name, range: range, problem: "ext4 superblock: \(problem)")
    }
}
