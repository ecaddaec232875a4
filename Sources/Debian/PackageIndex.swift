internal import Glibc
internal import LinuxSystem

/// A list of packages (`Packages`) in memory, read only as far as a question needs it: Debian's has 60 MB.
struct PackageIndex {
    let file: String
    private let bytes: [UInt8]

    init(_ bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    /// Calls `body` with the name of every package, the range of its paragraph and the line it begins at.
    func forEach(_ body: (_ name: String, _ paragraph: Range<Int>, _ line: Int) -> Void) {
        bytes.withUnsafeBytes { all in
            guard let base = all.baseAddress else { return }
            var position = 0
            var line = 1
            var start = (position: 0, line: 1)
            var name: String?
            while position < all.count {
                let newline = memchr(base + position, Int32(UInt8(ascii: "\n")), all.count - position)
                let end = newline.map { UnsafeRawPointer($0) - base } ?? all.count
                if end == position {
                    if let name { body(name, start.position..<position, start.line) }
                    name = nil
                    start = (end + 1, line + 1)
                } else if name == nil, lowercased(all[position]) == UInt8(ascii: "p") {
                    name = Self.value(ofPackageField: UnsafeRawBufferPointer(rebasing: all[position..<end]))
                }
                position = end + 1
                line += 1
            }
            if let name { body(name, start.position..<all.count, start.line) }
        }
    }

    /// The value if the line is the field `Package`, else nil.
    private static func value(ofPackageField line: UnsafeRawBufferPointer) -> String? {
        let key = "package:".utf8
        guard line.count > key.count, zip(line, key).allSatisfy({ lowercased($0) == $1 }) else { return nil }
        return trimmed(String(decoding: line.dropFirst(key.count), as: UTF8.self))
    }

    /// The paragraphs of the packages with these names, in the order of the list.
    func stanzas(named names: Set<String>) throws(Deb822.SyntaxError) -> [Deb822.Stanza] {
        var found: [(range: Range<Int>, line: Int)] = []
        forEach { name, range, line in
            if names.contains(name) { found.append((range, line)) }
        }
        var stanzas: [Deb822.Stanza] = []
        for (range, line) in found { stanzas += try Deb822.parse(bytes[range], file: file, firstLine: line) }
        return stanzas
    }

    /// The names of all packages.
    func names() -> Set<String> {
        var names: Set<String> = []
        forEach { name, _, _ in names.insert(name) }
        return names
    }
}

/// A release file as far as a plan needs it (the format is that of the Debian repository).
struct ReleaseFile {
    /// `Date`, seconds since 1970.
    let date: Int64
    /// SHA-256 and size of the files it vouches for, by path.
    let files: [String: (digest: Digest, size: Int64)]
    /// The SHA-256 of the file itself.
    let digest: Digest

    /// Reads `InRelease` or `Release`; whether the signature is good is for apt to say.
    init(parsing bytes: [UInt8], file: String) throws(Deb822.SyntaxError) {
        let stanza = try Deb822.parseOne(Self.signedText(bytes), file: file)
        let dateText = stanza["Date"] ?? ""
        guard let date = Timestamp.parseReleaseDate(dateText) else {
            throw Deb822.SyntaxError(
                file: file, line: stanza.field("Date")?.line ?? 1, "the date '\(dateText)' is not one in UTC")
        }
        var files: [String: (Digest, Int64)] = [:]
        for line in stanza.field("SHA256")?.lines ?? [] {
            let parts = words(of: line)
            guard parts.count == 3, let digest = Digest(hex: parts[0]), let size = Int64(parts[1]) else { continue }
            files[parts[2]] = (digest, size)
        }
        self.date = date
        self.files = files
        digest = SHA256.hash(bytes)
    }

    /// The text inside a clear-signed message (RFC 9580 section 7); a file that is none is its own text.
    private static func signedText(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.starts(with: "-----BEGIN PGP SIGNED MESSAGE-----\n".utf8) else { return bytes }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let body = lines.drop { !$0.isEmpty }.dropFirst().prefix { !$0.starts(with: "-----BEGIN PGP SIGNATURE".utf8) }
        return Array(body.map { $0.starts(with: "- ".utf8) ? $0.dropFirst(2) : $0 }.joined(separator: "\n".utf8))
    }
}
