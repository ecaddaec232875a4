extension JSONValue {
    /// Reads one JSON document, strictly: UTF-8, whole numbers of 64 bits, no duplicate names, at most 64 levels,
    /// nothing behind it.
    ///
    /// - Parameter file: what errors call the document.
    public init(parsing bytes: [UInt8], file: String) throws(DocumentError) {
        var parser = JSONParser(bytes: bytes, file: file)
        self = try parser.document()
    }
}

/// A recursive-descent parser over bytes.
private struct JSONParser {
    let bytes: [UInt8]
    let file: String
    var offset = 0

    init(bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    mutating func document() throws(DocumentError) -> JSONValue {
        let value = try value(depth: 0)
        skipSpace()
        guard offset == bytes.count else { throw error("unexpected text behind the document") }
        return value
    }

    private func error(_ message: String, at place: Int? = nil) -> DocumentError {
        DocumentError(Mark(file: file, offset: place ?? offset, in: bytes), message)
    }

    private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func skipSpace() {
        while let byte = next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { offset += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        offset += 1
        return true
    }

    private mutating func value(depth: Int) throws(DocumentError) -> JSONValue {
        guard depth < 64 else { throw error("more than 64 levels deep") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try array(depth)
        case UInt8(ascii: "\""): return .string(try string())
        case let byte? where byte == UInt8(ascii: "-") || isDigit(byte): return .integer(try integer())
        default:
            let words: [(String, JSONValue)] = [("null", .null), ("true", .bool(true)), ("false", .bool(false))]
            for (word, value) in words where bytes[offset...].starts(with: word.utf8) {
                offset += word.utf8.count
                return value
            }
            throw error(next == nil ? "the text ends where a value is wanted" : "wanted a JSON value")
        }
    }

    private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private mutating func array(_ depth: Int) throws(DocumentError) -> JSONValue {
        offset += 1
        var elements: [JSONValue] = []
        skipSpace()
        if take("]") { return .array([]) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if take("]") { return .array(elements) }
            guard take(",") else { throw error("wanted \",\" or \"]\"") }
        }
    }

    private mutating func object(_ depth: Int) throws(DocumentError) -> JSONValue {
        offset += 1
        var members: [String: JSONValue] = [:]
        skipSpace()
        if take("}") { return .object([:]) }
        while true {
            skipSpace()
            let start = offset
            guard next == UInt8(ascii: "\"") else { throw error("wanted a name in quotes") }
            let name = try string()
            skipSpace()
            guard take(":") else { throw error("wanted \":\"") }
            guard members.updateValue(try value(depth: depth + 1), forKey: name) == nil else {
                throw error("duplicate name \"\(name)\"", at: start)
            }
            skipSpace()
            if take("}") { return .object(members) }
            guard take(",") else { throw error("wanted \",\" or \"}\"") }
        }
    }

    private mutating func integer() throws(DocumentError) -> Int {
        let start = offset
        while let byte = next, isDigit(byte) || "+-.eE".utf8.contains(byte) { offset += 1 }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        // The canonical form of a number is the only one: this refuses 01, 1.0, 1e3, -0 and what exceeds 64 bits.
        guard let value = Int(text), String(value) == text else {
            throw error("\(text.prefix(40)) is not a whole number of 64 bits in its shortest form", at: start)
        }
        return value
    }

    private mutating func string() throws(DocumentError) -> String {
        let start = offset
        offset += 1
        var text: [UInt8] = []
        while let byte = next {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: text, as: UTF8.self) else {
                    throw error("a text that is not UTF-8", at: start)
                }
                return text
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw error("a control character in a text", at: offset - 1)
            default: text.append(byte)
            }
        }
        throw error("a text without end", at: start)
    }

    private mutating func escape(into text: inout [UInt8]) throws(DocumentError) {
        let start = offset - 1
        let plain: [UInt8: UInt8] = [
            UInt8(ascii: "\""): 0x22, UInt8(ascii: "\\"): 0x5C, UInt8(ascii: "/"): 0x2F, UInt8(ascii: "b"): 0x08,
            UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
        ]
        if let byte = next.flatMap({ plain[$0] }) {
            offset += 1
            text.append(byte)
            return
        }
        var units: [UInt16] = []
        while units.isEmpty || (units.count == 1 && UTF16.isLeadSurrogate(units[0]) && next == UInt8(ascii: "\\")) {
            if !units.isEmpty { offset += 1 }
            guard take("u"), offset + 4 <= bytes.count,
                let unit = UInt16(String(decoding: bytes[offset..<offset + 4], as: UTF8.self), radix: 16),
                bytes[offset] != UInt8(ascii: "+")
            else { throw error("an unknown escape", at: start) }
            units.append(unit)
            offset += 4
        }
        guard let decoded = String(validating: units, as: UTF16.self) else {
            throw error("half of a surrogate pair", at: start)
        }
        text += decoded.utf8
    }
}
