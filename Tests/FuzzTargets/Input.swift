import CLinux
import Glibc
import LinuxSystem

/// The parts of an input that stand for several files: no text file holds a NUL.
func parts(_ input: [UInt8], _ count: Int) -> [[UInt8]] {
    let found = input.split(separator: 0, maxSplits: count - 1, omittingEmptySubsequences: false).map(Array.init)
    return found + Array(repeating: [], count: count - found.count)
}

/// The texts as one input, for ``parts(_:_:)``.
func joined(_ texts: String...) -> [UInt8] { Array(texts.map { Array($0.utf8) }.joined(separator: [0])) }

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// Calls `body` with a file in memory that holds `bytes`, then zeros up to `size`.
func withFile(_ bytes: [UInt8], size: Int = 0, _ body: (borrowing Descriptor) throws -> Void) throws {
    let file = Descriptor(adopting: clinux_memory_file("fuzz"), name: "input")
    try file.writeAll(bytes)
    if size > bytes.count { try file.truncate(to: size) }
    try body(file)
}

/// By which other parts of a program can open a descriptor.
func path(of file: borrowing Descriptor) -> String { "/proc/self/fd/\(file.rawValue)" }

/// The bytes of a file of the repository.
func repositoryFile(_ path: String) throws -> [UInt8] {
    let root = parentDirectory(of: parentDirectory(of: parentDirectory(of: #filePath)))
    return try Descriptor.open("\(root)/\(path)").readToEnd()
}

/// What a command leaves in the file `out` of its directory.
func made(_ script: String) throws -> [UInt8] {
    let directory = try TemporaryDirectory()
    var command = Command("sh", ["-euc", script])
    command.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": "1"]
    command.workingDirectory = directory.path
    _ = try command.run()
    return try Descriptor.open("\(directory.path)/out").readToEnd()
}

extension [UInt8] {
    /// The bytes of a range; zeros where the input has none.
    func padded(_ offset: Int, _ length: Int) -> [UInt8] {
        let found = offset < count ? Array(self[offset..<Swift.min(count, offset + length)]) : []
        return found + [UInt8](repeating: 0, count: length - found.count)
    }

    /// Overwrites the bytes at `offset`, as far as there are any.
    mutating func overwrite(_ bytes: some Sequence<UInt8>, at offset: Int) {
        for (index, byte) in zip(offset..., bytes) where index < count { self[index] = byte }
    }

    func little(_ offset: Int, _ size: Int) -> UInt64 {
        padded(offset, size).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

func little(_ value: UInt64, _ size: Int) -> [UInt8] {
    (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
}

/// A reflected CRC of 32 bits without its final inversion.
struct CRC: Sendable {
    /// ISO 3309, as in a GPT.
    static let iso = CRC(polynomial: 0xEDB8_8320)
    /// Castagnoli's, as in EROFS.
    static let castagnoli = CRC(polynomial: 0x82F6_3B78)

    private let table: [UInt32]

    private init(polynomial: UInt32) {
        table = (0..<256).map { byte in
            (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ polynomial : crc >> 1 }
        }
    }

    func sum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes { crc = table[Int((crc ^ UInt32(byte)) & 255)] ^ crc >> 8 }
        return crc
    }
}
