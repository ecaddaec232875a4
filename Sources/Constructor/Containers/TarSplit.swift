import BlueprintModel

/// Splits a tar archive into what is no file's data, and a note where each file's goes: the recipe by which containers/storage
/// gives a layer's archive back to the byte from the files of its directory (the format of vbatts/tar-split: JSON, an
/// object a line, compressed). Without it podman can run an image but not save, push or check it.
struct TarSplit {
    /// The recipe so far.
    private var lines: [UInt8] = []
    private var position = 0
    /// Bytes of headers and padding since the last entry.
    private var segment: [UInt8] = []
    private var state = State.header
    /// The header, or the data of one that describes the next.
    private var buffer: [UInt8] = []
    private var name = ""
    /// What an extended header said of the next member.
    private var nextName: String?
    private var nextSize: Int?
    private var checksum = CRC64()
    private var size = 0

    private enum State {
        case header
        /// `left` bytes of a file, then `padding`.
        case data(left: Int, padding: Int)
        /// `left` bytes of the data of a header of `type`, then `padding`.
        case extended(type: UInt8, left: Int, padding: Int)
        case padding(left: Int)
        /// Behind the last member.
        case end
    }

    /// Takes the next bytes of the archive.
    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(ConstructorError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch state {
            case .header:
                let part = rest.prefix(512 - buffer.count)
                rest = rest.dropFirst(part.count)
                buffer += part
                segment += part
                if buffer.count == 512 { try takeHeader() }
            case .data(let left, let padding):
                let part = rest.prefix(left)
                rest = rest.dropFirst(part.count)
                for byte in part { checksum.update(byte) }
                state = .data(left: left - part.count, padding: padding)
                if left == part.count {
                    addFile()
                    state = .padding(left: padding)
                }
            case .extended(let type, let left, let padding):
                let part = rest.prefix(left)
                rest = rest.dropFirst(part.count)
                buffer += part
                segment += part
                state = .extended(type: type, left: left - part.count, padding: padding)
                if left == part.count {
                    takeExtended(type)
                    state = .padding(left: padding)
                }
            case .padding(let left):
                let part = rest.prefix(left)
                rest = rest.dropFirst(part.count)
                segment += part
                state = left == part.count ? .header : .padding(left: left - part.count)
            case .end:
                segment += rest
                rest = rest.dropFirst(rest.count)
            }
        }
    }

    /// The recipe, compressed as it is kept.
    consuming func finish() -> [UInt8] {
        addSegment()
        return Gzip.compress(lines)
    }

    // MARK: - Headers

    private mutating func takeHeader() throws(ConstructorError) {
        let header = buffer
        buffer = []
        if header.allSatisfy({ $0 == 0 }) {
            state = .end
            return
        }
        let type = header[156]
        let own = try Self.number(header[124..<136])
        let isExtended = "xgLKSX".utf8.contains(type)
        // Only these have data, whatever else the header says.
        let isFile = [0, UInt8(ascii: "0"), UInt8(ascii: "7")].contains(type)
        let size = isExtended ? own : isFile ? nextSize ?? own : 0
        let padding = (512 - size % 512) % 512
        if isExtended {
            state = size == 0 ? .header : .extended(type: type, left: size, padding: padding)
            return
        }
        name = nextName ?? Self.name(in: header)
        (nextName, nextSize) = (nil, nil)
        addSegment()
        self.size = size
        checksum = CRC64()
        if size == 0 {
            addFile()
            state = .header
        } else {
            state = .data(left: size, padding: padding)
        }
    }

    /// Octal digits, or bytes behind one with the highest bit set.
    private static func number(_ field: ArraySlice<UInt8>) throws(ConstructorError) -> Int {
        if let first = field.first, first & 0x80 != 0 {
            let value = field.dropFirst().reduce(UInt64(first & 0x7F)) { $0 << 8 | UInt64($1) }
            if let size = Int(exactly: value), size < 1 << 48, field.dropFirst().prefix(4).allSatisfy({ $0 == 0 }) {
                return size
            }
        } else {
            let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0x20 && $0 != 0 }
            if digits.isEmpty { return 0 }
            if let size = Int(String(decoding: digits, as: UTF8.self), radix: 8), size >= 0 { return size }
        }
        throw ConstructorError("a layer's archive has a member without a size")
    }

    private static func name(in header: [UInt8]) -> String {
        func text(_ range: Range<Int>) -> String { String(decoding: header[range].prefix { $0 != 0 }, as: UTF8.self) }
        let hasPrefix = header[257..<263].elementsEqual("ustar\0".utf8) && header[345] != 0
        return hasPrefix ? "\(text(345..<500))/\(text(0..<100))" : text(0..<100)
    }

    private mutating func takeExtended(_ type: UInt8) {
        let data = buffer
        buffer = []
        switch type {
        case UInt8(ascii: "L"): nextName = String(decoding: data.prefix { $0 != 0 }, as: UTF8.self)
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            var rest = data[...]
            // `LENGTH KEY=VALUE\n`; what libarchive could not read has been refused before.
            while let space = rest.firstIndex(of: 0x20),
                let length = Int(String(decoding: rest[..<space], as: UTF8.self)), length > space - rest.startIndex + 1,
                length <= rest.count
            {
                let record = rest[(space + 1)..<(rest.startIndex + length - 1)]
                rest = rest.dropFirst(length)
                if record.starts(with: "path=".utf8) {
                    nextName = String(decoding: record.dropFirst(5), as: UTF8.self)
                } else if record.starts(with: "size=".utf8) {
                    nextSize = Int(String(decoding: record.dropFirst(5), as: UTF8.self)).map { max(0, $0) }
                }
            }
        default: break
        }
    }

    // MARK: - Entries

    private mutating func add(_ members: [String: JSONValue]) {
        lines += JSONValue.object(members.merging(["position": .integer(position)]) { $1 }).canonicalBytes + [10]
        position += 1
    }

    private mutating func addSegment() {
        if segment.isEmpty { return }
        add(["type": .integer(2), "payload": .string(Base64.encode(segment))])
        segment = []
    }

    private mutating func addFile() {
        if size == 0 { return add(["type": .integer(1), "name": .string(name), "payload": .null]) }
        add([
            "type": .integer(1), "name": .string(name), "size": .integer(size),
            "payload": .string(Base64.encode(checksum.bytes)),
        ])
    }
}

/// CRC-64 of ISO 3309, as Go's library has it.
private struct CRC64 {
    private static let table: [UInt64] = (0..<256).map { (index: UInt64) -> UInt64 in
        (0..<8).reduce(index) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xD800_0000_0000_0000 : value >> 1 }
    }

    private var value = ~UInt64(0)

    mutating func update(_ byte: UInt8) {
        value = Self.table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] ^ value >> 8
    }

    /// Highest byte first.
    var bytes: [UInt8] {
        let result = ~value
        return stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: result >> UInt64($0)) }
    }
}
