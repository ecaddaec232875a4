/// The top level of one JSON object (RFC 8259): enough to tell a QMP answer from an event and to find its error text.
///
/// Values keep their spelling, strings lose their quotes and escapes. Malformed text has no values.
struct JSONObject {
    private var members: [(name: [UInt8], value: [UInt8])] = []

    init(_ bytes: [UInt8]) {
        var scanner = Scanner(bytes: bytes)
        guard scanner.take("{") else { return }
        var found: [(name: [UInt8], value: [UInt8])] = []
        if !scanner.take("}") {
            repeat {
                guard let name = scanner.string(), scanner.take(":"), let value = scanner.value() else { return }
                found.append((name, value))
            } while scanner.take(",")
            guard scanner.take("}") else { return }
        }
        members = found
    }

    /// The value of a member; nil if there is none of that name.
    func value(_ name: String) -> [UInt8]? { members.first { $0.name.elementsEqual(name.utf8) }?.value }
}

private struct Scanner {
    let bytes: [UInt8]
    var position = 0

    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { position += 1 }
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard let byte = next, UInt32(byte) == character.value else { return false }
        position += 1
        return true
    }

    /// A string's content; `\u` escapes keep their spelling.
    mutating func string() -> [UInt8]? {
        guard take("\"") else { return nil }
        var content: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return content
            case UInt8(ascii: "\\"):
                guard let escape = next else { return nil }
                position += 1
                switch escape {
                case UInt8(ascii: "n"): content.append(0x0a)
                case UInt8(ascii: "t"): content.append(0x09)
                case UInt8(ascii: "r"): content.append(0x0d)
                case UInt8(ascii: "u"): content += [byte, escape]
                default: content.append(escape)
                }
            default: content.append(byte)
            }
        }
        return nil
    }

    /// Any value: a string without its quotes, else its text. Brackets are counted, not matched in kind.
    mutating func value() -> [UInt8]? {
        skipSpace()
        if next == UInt8(ascii: "\"") { return string() }
        let start = position
        var depth = 0
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                guard string() != nil else { return nil }
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ","):
                if depth == 0 { return position > start ? Array(bytes[start..<position]) : nil }
                if byte != UInt8(ascii: ",") { depth -= 1 }
            default: break
            }
            position += 1
        }
        return nil
    }
}
