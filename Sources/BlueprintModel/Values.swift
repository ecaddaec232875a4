/// Sizes in binary units.
enum ByteSize {
    private static let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)]

    /// Bytes of a text such as `512MiB`; nil for anything else, zero and what exceeds 2^62.
    static func parse(_ text: String) -> Int? {
        guard let (suffix, shift) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let digits = text.dropLast(suffix.count)
        guard let number = Int(digits), number > 0, String(number) == digits, number <= 1 << (62 - shift) else {
            return nil
        }
        return number << shift
    }

    /// The text in the largest unit that is exact; `bytes` is a multiple of 1024.
    static func text(_ bytes: Int) -> String {
        let (suffix, shift) = units.first { bytes != 0 && bytes & (1 << $0.1 - 1) == 0 } ?? ("KiB", 10)
        return "\(bytes >> shift)\(suffix)"
    }
}

extension Codec where Value == Int {
    /// A size in bytes, written with its unit.
    static var size: Codec {
        Codec<String>.text(.size).converted(to: { text, _, _ in ByteSize.parse(text) }, from: ByteSize.text)
    }
}

/// Lengths of time in whole seconds.
enum TimeSpan {
    private static let units = [("h", 3600), ("min", 60), ("s", 1)]
    /// A day: what takes longer is no wait but a mistake.
    private static let limitSeconds = 86400

    /// Seconds of a text such as `5min`; nil for anything else, zero and what exceeds a day.
    static func parse(_ text: String) -> Int? {
        guard let (suffix, seconds) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let digits = text.dropLast(suffix.count)
        guard let number = Int(digits), number > 0, String(number) == digits, number <= limitSeconds / seconds else {
            return nil
        }
        return number * seconds
    }

    /// The text in the largest unit that is exact.
    static func text(_ seconds: Int) -> String {
        let (suffix, unit) = units.first { seconds != 0 && seconds.isMultiple(of: $0.1) } ?? ("s", 1)
        return "\(seconds / unit)\(suffix)"
    }
}

extension Codec where Value == Int {
    /// A length of time in seconds, written with its unit.
    static var duration: Codec {
        Codec<String>.text(.duration).converted(to: { text, _, _ in TimeSpan.parse(text) }, from: TimeSpan.text)
    }
}

/// Base64 (RFC 4648 §4).
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    /// What a digit stands for; more than 63 for what is none.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, digit) in alphabet.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()

    /// The bytes; nil for anything but full, padded groups with zero spare bits. Line breaks and spaces may stand
    /// anywhere.
    static func decode(_ text: String) -> [UInt8]? {
        let digits = text.utf8.filter { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: " ") }
        guard digits.count.isMultiple(of: 4) else { return nil }
        let padding = digits.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 4 * 3)
        var bits: UInt32 = 0
        let values = values
        for (number, digit) in digits.dropLast(padding).enumerated() {
            let value = values[Int(digit)]
            guard value < 64 else { return nil }
            bits = bits << 6 | UInt32(value)
            if number % 4 == 3 {
                bytes.append(UInt8(bits >> 16 & 255))
                bytes.append(UInt8(bits >> 8 & 255))
                bytes.append(UInt8(bits & 255))
            }
        }
        switch padding {
        case 1:
            guard bits & 3 == 0 else { return nil }
            bytes += [UInt8(bits >> 10 & 255), UInt8(bits >> 2 & 255)]
        case 2:
            guard bits & 15 == 0 else { return nil }
            bytes.append(UInt8(bits >> 4 & 255))
        default: break
        }
        return bytes
    }

    /// The one text that stands for the bytes: padded, in one line.
    public static func encode(_ bytes: [UInt8]) -> String {
        let capacity = (bytes.count + 2) / 3 * 4
        return String(unsafeUninitializedCapacity: capacity) { text in
            bytes.withUnsafeBufferPointer { bytes in
                alphabet.withUnsafeBufferPointer { alphabet in
                    for (group, start) in stride(from: 0, to: bytes.count, by: 3).enumerated() {
                        let count = min(3, bytes.count - start)
                        var bits = UInt32(bytes[start]) << 16
                        if count > 1 { bits |= UInt32(bytes[start + 1]) << 8 }
                        if count > 2 { bits |= UInt32(bytes[start + 2]) }
                        for digit in 0..<4 {
                            text[group * 4 + digit] =
                                digit <= count ? alphabet[Int(bits >> (18 - 6 * digit) & 63)] : UInt8(ascii: "=")
                        }
                    }
                }
            }
            return capacity
        }
    }
}

/// An IPv4 (RFC 3986 dotted decimal) or IPv6 (RFC 4291 §2.2) address.
struct IPAddress {
    let isVersion6: Bool

    init?(_ text: String) {
        isVersion6 = text.contains(":")
        guard isVersion6 ? Self.isVersion6(text) : Self.isVersion4(text[...]) else { return nil }
    }

    /// Reads `address/length`.
    init?(withPrefix text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let length = Int(parts[1]),
            String(length) == parts[1], (0...(address.isVersion6 ? 128 : 32)).contains(length)
        else { return nil }
        self = address
    }

    private static func isVersion4(_ text: Substring) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { part in UInt8(part).map { String($0) == part } ?? false }
    }

    private static func isVersion6(_ text: String) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        // A leading or trailing "::" leaves two empty parts at that end, one inside leaves one.
        var groups = parts.count
        var gaps = 0
        for (number, part) in parts.enumerated() {
            if part.isEmpty {
                let isEdge = number == 0 || number == parts.count - 1
                if isEdge {
                    guard parts.count > 2, parts[number == 0 ? 1 : number - 1].isEmpty else { return false }
                } else {
                    gaps += 1
                }
                groups -= 1
            } else if number == parts.count - 1, part.contains(".") {
                guard isVersion4(part) else { return false }
                groups += 1
            } else {
                guard part.utf8.count <= 4, part.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else {
                    return false
                }
            }
        }
        return gaps == 0 ? groups == 8 : gaps == 1 && groups < 8
    }
}
