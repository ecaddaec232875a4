/// Where the members of an uncompressed tar archive are (ustar and pax, pax(1p); long names of GNU tar).
///
/// Only what is needed to find a generation's files, and strict: plain files directly in the archive, whose names may
/// begin with `./`. Anything that could be read in two ways is refused.
public struct BundleIndex: Sendable, Equatable {
    /// The bytes of each file, by its name.
    public private(set) var files: [String: Range<Int>] = [:]

    static let blockSize = 512
    /// How many members an archive may have: a generation has six files.
    static let membersLimit = 64
    /// How many bytes the headers that extend another one may have.
    static let extensionLimit = 64 << 10

    /// Reads the headers of an archive.
    ///
    /// - Parameters:
    ///   - size: how many bytes the archive has.
    ///   - name: what messages call it.
    ///   - read: gives a range of its bytes; ranges rise.
    /// - Throws: ``ControllerError`` of kind `source`.
    public init(
        size: Int, name: String, read: (Range<Int>) throws(ControllerError) -> [UInt8]
    ) throws(ControllerError) {
        func error(_ message: String) -> ControllerError { ControllerError(.source, name, message) }
        var position = 0
        var extended = Extension()
        for _ in 0..<2 * Self.membersLimit {
            guard size - position >= Self.blockSize else {
                throw error("the archive is cut off at byte \(size): its end mark is missing; publish it again")
            }
            let block = try read(position..<position + Self.blockSize)
            position += Self.blockSize
            if block.allSatisfy({ $0 == 0 }) {
                guard extended == Extension() else { throw error("the archive ends behind an extended header") }
                return
            }
            guard let header = Header(block) else {
                throw error("at byte \(position - Self.blockSize) there is no header of a tar archive")
            }
            let isFile = header.type == UInt8(ascii: "0") || header.type == 0
            let count = (isFile ? extended.size : nil) ?? header.size
            guard count == header.size || header.size == 0 else { throw error("a member has two sizes") }
            guard count <= size - position else {
                throw error(
                    "the archive is cut off: its member \(quoted(extended.path ?? header.name)) has \(count) bytes, of "
                        + "which \(size - position) are there; publish it again")
            }
            let range = position..<position + count
            position = range.upperBound + min(size - range.upperBound, -count & (Self.blockSize - 1))
            switch header.type {
            case UInt8(ascii: "x"), UInt8(ascii: "L"):
                guard count <= Self.extensionLimit else { throw error("an extended header has \(count) bytes") }
                let bytes = try read(range)
                guard extended.add(bytes, isPax: header.type == UInt8(ascii: "x")) else {
                    throw error("an extended header at byte \(range.lowerBound) is none that is known here")
                }
                continue
            case UInt8(ascii: "5"):
                guard count == 0 else { throw error("a directory has \(count) bytes") }
            case UInt8(ascii: "0"), 0: try add(extended.path ?? header.name, range, error)
            default:
                throw error(
                    "the member \(quoted(extended.path ?? header.name)) is neither a file nor a directory: make the archive "
                        + "of plain files, with tar --format=pax or pisces construct")
            }
            extended = Extension()
        }
        throw error("the archive has too many members for a generation's")
    }

    private mutating func add(
        _ path: [UInt8], _ range: Range<Int>, _ error: (String) -> ControllerError
    ) throws(ControllerError) {
        var path = path[...]
        while path.starts(with: "./".utf8) { path = path.dropFirst(2) }
        guard SplitFileName.isValid(path) else {
            throw error(
                "the member \(quoted(Array(path))) is no file directly in the archive: make it with tar -C DIRECTORY .")
        }
        guard files.updateValue(range, forKey: String(decoding: path, as: UTF8.self)) == nil else {
            throw error("the member \(quoted(Array(path))) is there twice")
        }
    }

    /// What a header says, as far as it matters.
    private struct Header {
        let name: [UInt8]
        let size: Int
        let type: UInt8

        /// Reads a header block; nil if its form or its sum is wrong.
        init?(_ block: [UInt8]) {
            let magic = Array(block[257..<265])
            let isPosix = magic == Array("ustar\u{0}00".utf8)
            guard isPosix || magic == Array("ustar  \u{0}".utf8) else { return nil }
            let sum = block.enumerated().reduce(0) { $0 + ((148..<156).contains($1.offset) ? 32 : Int($1.element)) }
            guard Self.octal(block[148..<156]) == sum, let size = Self.octal(block[124..<136]) else { return nil }
            self.size = size
            type = block[156]
            let prefix = isPosix ? Array(block[345..<500].prefix { $0 != 0 }) : []
            let name = Array(block[..<100].prefix { $0 != 0 })
            self.name = prefix.isEmpty ? name : prefix + [UInt8(ascii: "/")] + name
        }

        /// Octal digits, with blanks before them and a blank or NUL behind; nil for anything else, as the binary form of
        /// GNU tar.
        private static func octal(_ field: ArraySlice<UInt8>) -> Int? {
            let digits = field.drop { $0 == UInt8(ascii: " ") }.prefix { $0 != 0 && $0 != UInt8(ascii: " ") }
            guard !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }),
                field[digits.endIndex...].allSatisfy({ $0 == 0 || $0 == UInt8(ascii: " ") })
            else { return nil }
            // At most 12 digits: 36 bits.
            return digits.reduce(0) { $0 << 3 | Int($1 - UInt8(ascii: "0")) }
        }
    }

    /// What headers before a member's own say of it.
    private struct Extension: Equatable {
        var path: [UInt8]?
        var size: Int?

        /// Takes a pax header's records or a long name; false if they are not understood, or say something twice.
        mutating func add(_ bytes: [UInt8], isPax: Bool) -> Bool {
            guard isPax else {
                let name = Array(bytes.prefix { $0 != 0 })
                guard path == nil, !name.isEmpty else { return false }
                path = name
                return true
            }
            var rest = bytes[...]
            while !rest.isEmpty {
                // `LENGTH KEYWORD=VALUE\n`, the length of which counts all of it.
                let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                guard (1...6).contains(digits.count), let length = Int(String(decoding: digits, as: UTF8.self)),
                    length <= rest.count, length > digits.count + 2,
                    rest[digits.endIndex] == UInt8(ascii: " "),
                    rest[rest.startIndex + length - 1] == UInt8(ascii: "\n")
                else { return false }
                let record = rest[(digits.endIndex + 1)..<(rest.startIndex + length - 1)]
                guard let equals = record.firstIndex(of: UInt8(ascii: "=")), equals > record.startIndex,
                    take(String(decoding: record[..<equals], as: UTF8.self), Array(record[(equals + 1)...]))
                else { return false }
                rest = rest.dropFirst(length)
            }
            return true
        }

        private mutating func take(_ keyword: String, _ value: [UInt8]) -> Bool {
            switch keyword {
            case "path":
                guard path == nil, !value.isEmpty, !value.contains(0) else { return false }
                path = value
            case "size":
                guard size == nil, let number = Int(String(decoding: value, as: UTF8.self)), number >= 0 else {
                    return false
                }
                size = number
            // A sparse member's bytes are not its content.
            case _ where keyword.hasPrefix("GNU.sparse"): return false
            // Times, owners and attributes change nothing here.
            default: break
            }
            return true
        }
    }
}

/// A name from outside, for a message.
private func quoted(_ name: [UInt8]) -> String {
    let visible = name.prefix(80).map { (0x20..<0x7F).contains($0) ? Character(Unicode.Scalar($0)) : "?" }
    return "\"\(String(visible))\(name.count > 80 ? "…" : "")\""
}

/// What a generation's files may be called.
enum SplitFileName {
    /// Letters, digits, `.`, `_` and `-`, not first a dot: nothing that leads elsewhere in a directory or a URL.
    static func isValid(_ name: some Collection<UInt8>) -> Bool {
        let isPlain = { (byte: UInt8) in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return (1...255).contains(name.count) && name.first != UInt8(ascii: ".") && name.allSatisfy(isPlain)
    }
}
