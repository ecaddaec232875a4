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
        let name = image.name
        func require(_ holds: Bool, _ problem: String) throws(FilesystemError) {
            if !holds { throw .damage(name: name, range: range, problem: "ext4 superblock: \(problem)") }
        }
        let bytes = try lifting { () throws(SystemError) in
            try image.bytes(at: offset + range.lowerBound, count: range.count)
        }
        func field<Integer: FixedWidthInteger>(_ type: Integer.Type, _ offset: Int) -> Integer {
            bytes.load(type, at: offset) ?? 0
        }
        try require(field(UInt16.self, 0x38) == 0xEF53, "its signature is missing")
        try require(field(UInt32.self, 0x64) & 0x400 != 0 && bytes[0x175] == 1, "it has no checksum")
        try require(crc32c(bytes[..<0x3FC]) == field(UInt32.self, 0x3FC), "its checksum is wrong")
        let blocks = UInt64(field(UInt32.self, 0x04)) | UInt64(field(UInt32.self, 0x150)) << 32
        let scale = field(UInt32.self, 0x18)
        try require(scale <= 6 && blocks <= UInt64(Int.max >> 16), "it is larger than any disk")
        let needsRecovery = field(UInt32.self, 0x60) & 4 != 0
        return Ext4Superblock(
            sizeBytes: Int(blocks) << (10 + Int(scale)), uuid: Array(bytes[0x68..<0x78]),
            label: String(decoding: bytes[0x78..<0x88].prefix { $0 != 0 }, as: UTF8.self),
            isClean: field(UInt16.self, 0x3A) == 1 && !needsRecovery && field(UInt32.self, 0x194) == 0)
    }
}
