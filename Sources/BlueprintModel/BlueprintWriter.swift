extension Blueprint {
    /// The blueprint as a person would write it: nothing that is a default, keys in the order of the documentation,
    /// short values in one line, texts of several lines as they are. Reading it gives an equal blueprint.
    public var yaml: String { Self.yaml(of: canonicalJSON) }

    /// The same with larger contents in files of their own: the text, and these files by the paths that it names.
    ///
    /// - Parameters:
    ///   - folder: where these files are, relative to the text's place.
    ///   - limit: bytes of content that stay in the text. Stored contents never do.
    public func yaml(
        contentsIn folder: String, above limit: Int
    ) -> (text: String, contents: [String: [UInt8]], stored: [String: StoredContents]) {
        var (contents, stored): ([String: [UInt8]], [String: StoredContents]) = ([:], [:])
        var places: [(place: [String], path: String)] = []
        // Without them first: as text or base64 they would take as much room again.
        var small = self
        /// Puts bytes into a file of their own.
        func move(_ bytes: [UInt8], _ path: String, _ place: [String]) -> [UInt8] {
            guard bytes.count > limit, contents[path] == nil else { return bytes }
            contents[path] = bytes
            places.append((place, path))
            return []
        }
        for (path, file) in files {
            switch file.content {
            case .regular(let bytes):
                small.files[path]?.content = .regular(move(bytes, folder + path, ["files", path]))
            case .stored(let large):
                stored[folder + path] = large
                places.append((["files", path], folder + path))
            case .secret, .symlink, .directory, .packaged, .absent: break
            }
        }
        for (name, repository) in repositories {
            guard case .archive(var archive) = repository else { continue }
            let place = ["repositories", name, "signed-by"]
            archive.signedBy = move(archive.signedBy, "\(folder)/keyring-\(name)", place)
            small.repositories[name] = .archive(archive)
        }
        var document = small.canonicalJSON
        for (place, path) in places {
            document.update(place[...]) { entry in
                for key in ["text", "base64", "stored"] { entry[key] = nil }
                entry["source"] = .string(path)
            }
        }
        return (Self.yaml(of: document), contents, stored)
    }

    private static func yaml(of document: JSONValue) -> String {
        // In front of a section of several lines, and behind it, a line stays empty.
        var text = ""
        var wasLong = true
        for line in YAMLWriter.members(of: document, codec.shape) {
            let section = YAMLWriter.entry(line, indentation: 0)
            let isLong = section.utf8.dropLast().contains(UInt8(ascii: "\n"))
            if !text.isEmpty, isLong || wasLong { text += "\n" }
            text += section
            wasLong = isLong
        }
        return "# yaml-language-server: $schema=blueprint.schema.json\n\(text)"
    }
}

/// Writes values of a known shape as YAML 1.2 that readers of YAML 1.1 understand likewise.
enum YAMLWriter {
    /// A key and what it holds.
    typealias Member = (key: String, value: JSONValue, shape: Shape)

    /// What is longer is written over several lines.
    private static let width = 100
    /// Longer keys need a form of their own: a parser looks no farther ahead than 1024 characters (YAML 1.2.2 §7.4.3).
    private static let longestKey = 500

    /// The members of an object: those of a record in its order, others by the bytes of their names.
    static func members(of value: JSONValue, _ shape: Shape) -> [Member] {
        let members = value.object ?? [:]
        let names =
            switch shape {
            case .record(let record): record.keys.map(\.name).filter { members[$0] != nil }
            default: members.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            }
        return names.compactMap { name in
            let shape = shape.member(name)
            return members[name].map { (name, folded($0, shape), shape) }
        }
    }

    /// `key: value` and a line break, in one line where it fits and reads well.
    static func entry(_ member: Member, indentation: Int) -> String {
        let spaces = String(repeating: " ", count: indentation)
        let key = scalar(member.key, isInFlow: false)
        let head = key.utf8.count > longestKey ? "\(spaces)? \(key)\n\(spaces):" : "\(spaces)\(key):"
        let (value, shape) = short(member.value, member.shape)
        if let line = flow(value, shape), isScalar(value) || head.utf8.count + 1 + line.utf8.count <= width {
            return "\(head) \(line)\n"
        }
        return head + block(value, shape, indentation: indentation)
    }

    /// The shorthand of a value, where it has one.
    private static func short(_ value: JSONValue, _ shape: Shape) -> (JSONValue, Shape) {
        guard case .record(let record) = shape, case .list(let name) = record.shorthand, let members = value.object,
            members.count == 1, let only = members[name]
        else { return (value, shape) }
        return (only, shape.member(name))
    }

    /// A long text in which white space means nothing, in lines as RFC 2045 §6.8 has them.
    private static func folded(_ value: JSONValue, _ shape: Shape) -> JSONValue {
        guard case .text(let rule) = shape, rule.isFoldable, let text = value.string, text.utf8.count > 76 else {
            return value
        }
        let bytes = Array(text.utf8)
        let lines = stride(from: 0, to: bytes.count, by: 76).map { start in
            String(decoding: bytes[start..<min(start + 76, bytes.count)], as: UTF8.self) + "\n"
        }
        return .string(lines.joined())
    }

    private static func isScalar(_ value: JSONValue) -> Bool {
        switch value {
        case .null, .bool, .integer: true
        case .string(let text): !isBlock(text)
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        }
    }

    // MARK: - In one line

    /// The value in one line; nil where that would not read well: lines of text, and lists or maps within maps whose
    /// names a person chose.
    private static func flow(_ value: JSONValue, _ shape: Shape) -> String? {
        switch value {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return String(value)
        case .string(let text): return isBlock(text) ? nil : scalar(text, isInFlow: true)
        case .array(let elements):
            let parts = elements.compactMap { isScalar($0) ? flow($0, shape.member("")) : nil }
            return parts.count == elements.count ? "[\(parts.joined(separator: ", "))]" : nil
        case .object:
            var parts: [String] = []
            for (key, value, shape) in members(of: value, shape) {
                guard key.utf8.count <= longestKey, isFlat(value), let part = flow(value, shape) else { return nil }
                parts.append("\(scalar(key, isInFlow: true)): \(part)")
            }
            return parts.isEmpty ? "{}" : "{ \(parts.joined(separator: ", ")) }"
        }
    }

    /// Whether a member of a map in one line may be this: a scalar, a list of scalars, or a map with one member.
    private static func isFlat(_ value: JSONValue) -> Bool {
        switch value {
        case .object(let members): members.count <= 1 && members.values.allSatisfy(isScalar)
        default: true
        }
    }

    // MARK: - Over several lines

    /// What stands behind `key:`, up to the end of its last line.
    private static func block(_ value: JSONValue, _ shape: Shape, indentation: Int) -> String {
        switch value {
        case .string(let text): return literal(text, indentation: indentation)
        case .array(let elements):
            let shape = shape.member("")
            return "\n" + elements.map { element(short($0, shape), indentation: indentation + 2) }.joined()
        default:
            return "\n"
                + members(of: value, shape).map { entry($0, indentation: indentation + 2) }.joined()
        }
    }

    private static func element(_ item: (value: JSONValue, shape: Shape), indentation: Int) -> String {
        let head = String(repeating: " ", count: indentation) + "-"
        if case .string(let text) = item.value, !isBlock(text) { return "\(head) \(scalar(text, isInFlow: false))\n" }
        if let line = flow(item.value, item.shape) { return "\(head) \(line)\n" }
        return head + block(item.value, item.shape, indentation: indentation)
    }

    /// Whether a text is written as a block of lines: it has more than one, and none that a block would change.
    private static func isBlock(_ text: String) -> Bool {
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        // Empty lines at the end would be one with those behind the block.
        guard lines.count > 2 || (lines.count == 2 && !lines[1].isEmpty), !lines.suffix(2).allSatisfy(\.isEmpty) else {
            return false
        }
        return text.unicodeScalars.allSatisfy { $0 == "\n" || isPlain($0) }
    }

    /// A block scalar (YAML 1.2.2 §8.1), its indentation told where the first line would mislead.
    private static func literal(_ text: String, indentation: Int) -> String {
        var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        let first = lines.first { !$0.isEmpty }?.utf8.first
        let misleads = lines[0].isEmpty || first == UInt8(ascii: " ") || first == UInt8(ascii: "\t")
        let end = lines.last?.isEmpty == true ? "" : "-"
        if end.isEmpty { lines.removeLast() }
        let spaces = String(repeating: " ", count: indentation + 2)
        let body = lines.map { $0.isEmpty ? "\n" : "\(spaces)\($0)\n" }.joined()
        return " |\(misleads ? "2" : "")\(end)\n\(body)"
    }

    // MARK: - Scalars

    /// A text in one line, in quotes where it would otherwise be something else.
    static func scalar(_ text: String, isInFlow: Bool) -> String {
        needsQuotes(text, isInFlow: isInFlow) ? quotedScalar(text) : text
    }

    private static func needsQuotes(_ text: String, isInFlow: Bool) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last, text.unicodeScalars.allSatisfy(isPlain) else {
            return true
        }
        // Indicators (§5.3) where they could begin something; a space at either end would be lost.
        if "-?:,[]{}#&*!|>'\"%@`=<~ \t".utf8.contains(first) || [UInt8(ascii: " "), UInt8(ascii: "\t")].contains(last) {
            return true
        }
        if bytes.contains(UInt8(ascii: "\t")) || last == UInt8(ascii: ":") || text.hasPrefix("...") { return true }
        for (byte, next) in zip(bytes, bytes.dropFirst()) {
            if byte == UInt8(ascii: ":"), next == UInt8(ascii: " ") { return true }
            if byte == UInt8(ascii: " "), next == UInt8(ascii: "#") { return true }
        }
        if isInFlow, bytes.contains(where: { ",[]{}".utf8.contains($0) }) { return true }
        return isWord(text) || isNumber(bytes)
    }

    /// The words that YAML 1.1 or 1.2 reads as something else than a text.
    private static func isWord(_ text: String) -> Bool {
        ["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased())
    }

    /// Whether a text could be a number or a date to some reader: 1, -2.5, 1e3, 0x1f, 0o17, 1_000, 12:30, 2026-01-01.
    private static func isNumber(_ bytes: [UInt8]) -> Bool {
        let digits = bytes.drop { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
        guard let first = digits.first else { return true }
        let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        if first == UInt8(ascii: ".") {
            return digits.dropFirst().first.map(isDigit) ?? true
                || [".inf", ".nan"].contains(String(decoding: digits, as: UTF8.self).lowercased())
        }
        guard isDigit(first) else { return false }
        // An address has more points than a number, a name more letters.
        return digits.count { $0 == UInt8(ascii: ".") } < 2
            && digits.allSatisfy { isDigit($0) || "abcdefABCDEFxXoO_.:+-".utf8.contains($0) }
    }

    /// What a plain or block scalar may hold within a line: what is printable (§5.1) and no line break to any reader.
    private static func isPlain(_ character: Unicode.Scalar) -> Bool {
        switch character.value {
        case 0x09, 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFDCF, 0xFDF0...0xFEFE, 0xFF00...0xFFFD,
            0x10000...0x10FFFF:
            true
        default: false
        }
    }

    private static func quotedScalar(_ text: String) -> String {
        var result = "\""
        for character in text.unicodeScalars {
            switch character {
            case "\"", "\\": result += "\\\(character)"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where isPlain(character): result.unicodeScalars.append(character)
            default:
                let digits = String(character.value, radix: 16, uppercase: true)
                let (letter, count) =
                    character.value < 0x100 ? ("x", 2) : character.value < 0x10000 ? ("u", 4) : ("U", 8)
                result += "\\\(letter)\(String(repeating: "0", count: count - digits.utf8.count))\(digits)"
            }
        }
        return result + "\""
    }
}

extension JSONValue {
    /// Changes the object at a place within this one.
    fileprivate mutating func update(_ place: ArraySlice<String>, _ change: (inout [String: JSONValue]) -> Void) {
        guard case .object(var members) = self else { return }
        if let key = place.first {
            members[key]?.update(place.dropFirst(), change)
        } else {
            change(&members)
        }
        self = .object(members)
    }
}
