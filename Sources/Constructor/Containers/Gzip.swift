/// Compresses to the gzip format (RFC 1952) with a deflate stream (RFC 1951) of its own: another compressor, or another
/// version of the same one, would make other bits.
///
/// One block with the fixed codes, and the nearest earlier run of at least four equal bytes taken whenever there is one:
/// a fraction of what zlib does, and enough for text that repeats itself.
enum Gzip {
    static func compress(_ bytes: [UInt8]) -> [UInt8] {
        var bits = BitWriter([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF])
        bits.put(0b011, count: 3)
        var recent = [Int32](repeating: -1, count: 1 << 15)
        var position = 0
        while position < bytes.count {
            let (length, distance) = match(bytes, at: position, &recent)
            if length == 0 {
                bits.put(literal: Int(bytes[position]))
                position += 1
            } else {
                bits.put(length: length)
                bits.put(distance: distance)
                // The other positions of the run are not worth remembering: a longer run begins elsewhere.
                position += length
            }
        }
        bits.put(literal: 256)
        return bits.finish() + littleEndian(crc32(bytes)) + littleEndian(UInt32(truncatingIfNeeded: bytes.count))
    }

    private static let longest = 258
    private static let window = 32768

    /// The nearest earlier run that equals what is at a position; a length of 0 where there is none of 4 bytes.
    private static func match(
        _ bytes: [UInt8], at position: Int, _ recent: inout [Int32]
    ) -> (length: Int, distance: Int) {
        guard position + 4 <= bytes.count else { return (0, 0) }
        let word = (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[position + $1]) }
        let slot = Int((word &* 0x9E37_79B1) >> 17)
        let earlier = Int(recent[slot])
        recent[slot] = Int32(truncatingIfNeeded: position)
        guard earlier >= 0, position - earlier <= window else { return (0, 0) }
        let limit = min(longest, bytes.count - position)
        var length = 0
        while length < limit, bytes[earlier + length] == bytes[position + length] { length += 1 }
        return length < 4 ? (0, 0) : (length, position - earlier)
    }

    private static let crcTable: [UInt32] = (0..<256).map { (index: UInt32) -> UInt32 in
        (0..<8).reduce(index) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var value = ~UInt32(0)
        for byte in bytes { value = crcTable[Int(UInt8(truncatingIfNeeded: value) ^ byte)] ^ value >> 8 }
        return ~value
    }

    private static func littleEndian(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    }
}

/// Packs codes into bytes, lowest bit first.
private struct BitWriter {
    private var bytes: [UInt8]
    private var pending: UInt64 = 0
    private var count = 0

    init(_ header: [UInt8]) { bytes = header }

    mutating func put(_ value: Int, count: Int) {
        pending |= UInt64(value) << UInt64(self.count)
        self.count += count
        while self.count >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
            self.count -= 8
        }
    }

    consuming func finish() -> [UInt8] {
        put(0, count: (8 - count) % 8)
        return bytes
    }

    /// A code of Huffman's kind: highest bit first, unlike all numbers.
    private mutating func put(code: Int, count: Int) {
        put((0..<count).reduce(0) { $0 << 1 | code >> $1 & 1 }, count: count)
    }

    /// A byte, a length's code, or the end (RFC 1951 §3.2.6).
    mutating func put(literal: Int) {
        switch literal {
        case 0...143: put(code: 0x30 + literal, count: 8)
        case 144...255: put(code: 0x190 + literal - 144, count: 9)
        case 256...279: put(code: literal - 256, count: 7)
        default: put(code: 0xC0 + literal - 280, count: 8)
        }
    }

    /// The length of a run, 3 to 258 (RFC 1951 §3.2.5): four codes for each count of extra bits.
    mutating func put(length: Int) {
        if length == 258 { return put(literal: 285) }
        let value = length - 3
        let extra = max(0, (Int.bitWidth - value.leadingZeroBitCount) - 3)
        put(literal: 257 + 4 * extra + value >> extra)
        put(value & (1 << extra - 1), count: extra)
    }

    /// How far back a run is, 1 to 32768: two codes for each count of extra bits.
    mutating func put(distance: Int) {
        let value = distance - 1
        let extra = max(0, (Int.bitWidth - value.leadingZeroBitCount) - 2)
        put(code: 2 * extra + value >> extra, count: 5)
        put(value & (1 << extra - 1), count: extra)
    }
}
