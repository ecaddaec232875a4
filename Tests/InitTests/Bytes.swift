/// A number's bytes, least significant first.
func little(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
}

/// The text in a C array of characters.
func text<T>(_ characters: T) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}

/// CRC-32 (ISO 3309).
func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var crc = ~UInt32(0)
    for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xedb8_8320 : crc >> 1 }
    }
    return ~crc
}

/// A GUID on disk from its text (UEFI specification, appendix A); the text must be well formed.
func guid(_ text: String) -> [UInt8] {
    let groups = text.split(separator: "-").map { group -> [UInt8] in
        stride(from: 0, to: group.utf8.count, by: 2).map { at in
            UInt8(group.dropFirst(at).prefix(2), radix: 16) ?? 0
        }
    }
    return groups.enumerated().flatMap { $0.offset < 3 ? $0.element.reversed() : $0.element }
}
