/// A JSON value whose numbers are whole (RFC 8259; RFC 7493 asks for no duplicate names).
public indirect enum JSONValue: Sendable, Equatable {
    /// `null`
    case null
    /// `true` or `false`
    case bool(Bool)
    /// A whole number.
    case integer(Int)
    /// A text.
    case string(String)
    /// A list.
    case array([JSONValue])
    /// Names and values; the order of names has no meaning.
    case object([String: JSONValue])

    /// The value of a name; nil where this is no object or has no such name.
    public subscript(name: String) -> JSONValue? {
        if case .object(let members) = self { members[name] } else { nil }
    }
    /// The text; nil for anything else.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The number; nil for anything else.
    public var integer: Int? { if case .integer(let value) = self { value } else { nil } }
    /// The truth value; nil for anything else.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The elements; nil for anything else.
    public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    /// The members; nil for anything else.
    public var object: [String: JSONValue]? { if case .object(let value) = self { value } else { nil } }

    /// The one encoding whose digest identifies the value: no white space, names sorted by their UTF-8 bytes, only what
    /// must be escaped is. For names within the Basic Multilingual Plane this is RFC 8785.
    public var canonicalBytes: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes, indentation: nil)
        return bytes
    }

    /// ``canonicalBytes`` as text.
    public var canonical: String { String(decoding: canonicalBytes, as: UTF8.self) }

    /// The same for people: two spaces of indentation, names sorted, a line break at the end.
    public var pretty: String {
        var bytes: [UInt8] = []
        write(to: &bytes, indentation: 0)
        return String(decoding: bytes, as: UTF8.self) + "\n"
    }

    private func write(to bytes: inout [UInt8], indentation: Int?) {
        switch self {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .integer(let value): bytes += String(value).utf8
        case .string(let value): Self.write(value, to: &bytes)
        case .array(let elements):
            Self.write(elements, between: "[]", to: &bytes, indentation) { element, bytes, inner in
                element.write(to: &bytes, indentation: inner)
            }
        case .object(let members):
            let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            Self.write(sorted, between: "{}", to: &bytes, indentation) { member, bytes, inner in
                Self.write(member.key, to: &bytes)
                bytes += (inner == nil ? ":" : ": ").utf8
                member.value.write(to: &bytes, indentation: inner)
            }
        }
    }

    private static func write<Item>(
        _ items: [Item], between brackets: String, to bytes: inout [UInt8], _ indentation: Int?,
        item: (Item, inout [UInt8], Int?) -> Void
    ) {
        let inner = indentation.map { $0 + 2 }
        func lineBreak(_ spaces: Int?, _ bytes: inout [UInt8]) {
            guard let spaces, !items.isEmpty else { return }
            bytes.append(UInt8(ascii: "\n"))
            bytes += repeatElement(UInt8(ascii: " "), count: spaces)
        }
        bytes += brackets.utf8.prefix(1)
        for (number, element) in items.enumerated() {
            if number > 0 { bytes.append(UInt8(ascii: ",")) }
            lineBreak(inner, &bytes)
            item(element, &bytes, inner)
        }
        lineBreak(indentation, &bytes)
        bytes += brackets.utf8.suffix(1)
    }

    private static func write(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        var rest = text.utf8[...]
        while true {
            // What needs no escape goes over as it is.
            let plain = rest.prefix { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
            bytes += plain
            rest = rest[plain.endIndex...]
            guard let byte = rest.popFirst() else { break }
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x08: bytes += "\\b".utf8
            case 0x09: bytes += "\\t".utf8
            case 0x0A: bytes += "\\n".utf8
            case 0x0C: bytes += "\\f".utf8
            case 0x0D: bytes += "\\r".utf8
            default: bytes += "\\u00\(byte < 0x10 ? "0" : "")\(String(byte, radix: 16))".utf8
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension JSONValue: ExpressibleByStringLiteral {
    /// A text.
    public init(stringLiteral value: String) { self = .string(value) }
}
