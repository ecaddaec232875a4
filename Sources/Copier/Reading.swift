internal import BlueprintModel
internal import Glibc
internal import LinuxSystem

/// Reads the kinds of a system: one extension, in a file of its name, per kind, as the constructor makes them.
struct Reading {
    let root: SourceRoot
    let identity: Copier.Identity
    let isRunning: Bool
    /// The kernel's command line, where it is known from elsewhere.
    var knownCommandLine: String?
    /// Makes the keyed hashes of secrets; nil makes none.
    var hasher: SecretHasher?
    /// The files of packages that dpkg keeps as the administrator left them: what is in them, no kind holds.
    var conffiles: Set<String> = []
    /// All units that something starts, also those that nobody need write down.
    var enabledUnits: Set<String> = []
    /// What the registers say, also what nobody need write down.
    var holding = Holding()
    var report = CopyReport()
    private var scripts: MaintainerScripts?

    init(root: SourceRoot, identity: Copier.Identity, isRunning: Bool) {
        (self.root, self.identity, self.isRunning) = (root, identity, isRunning)
    }

    /// The scripts of the installed packages, read when somebody first asks for them.
    mutating func maintainerScripts() -> MaintainerScripts {
        let read = scripts ?? MaintainerScripts(root)
        scripts = read
        return read
    }

    /// Notes what the blueprint will not have. Secrets may be in names, too: the report has none.
    mutating func leaveOut(_ kind: String, _ subject: String, _ reason: String) {
        let subject = Secrets.kind(in: Array(subject.utf8)).map { "(\($0))" } ?? subject
        report.omissions.append(.init(kind: kind, subject: subject, reason: reason))
    }

    /// Notes what a kind makes.
    mutating func explain(_ path: String) { report.explained.insert(path) }

    /// Notes those of the files that are as the kind makes them; any other is a file of its own.
    mutating func explain(_ registers: [String: String]) throws {
        for (path, text) in registers where try root.read(path) == Array(text.utf8) { explain(path) }
    }

    /// The bytes of a file; nil where it is not there or cannot be read, which is then noted.
    mutating func bytes(of path: String, _ kind: String) -> [UInt8]? {
        do throws(SystemError) {
            return try root.read(path)
        } catch {
            leaveOut(kind, path, "it cannot be read: \(String(cString: strerror(error.code)))")
            return nil
        }
    }

    /// The lines of a file, without those that are not UTF-8, which are noted.
    mutating func lines(of path: String, _ kind: String) -> [TextLine] {
        let (lines, odd) = TextLine.lines(of: bytes(of: path, kind) ?? [])
        for number in odd { leaveOut(kind, "\(path):\(number)", "the line is not UTF-8") }
        return lines
    }

    /// The names in a directory in byte order; empty where there is none.
    mutating func names(in path: String, _ kind: String) -> [String] {
        do throws(SystemError) {
            let (names, odd) = try root.listing(of: path)
            if odd > 0 { leaveOut(kind, path, "\(odd) names in it are not UTF-8") }
            return names
        } catch {
            leaveOut(kind, path, "it cannot be read: \(String(cString: strerror(error.code)))")
            return []
        }
    }
}

/// A line of a text, numbered from 1.
struct TextLine: Equatable {
    var number: Int
    var text: String

    /// The lines of a text, and the numbers of those that are not UTF-8 or hold NUL.
    static func lines(of bytes: [UInt8]) -> (lines: [TextLine], odd: [Int]) {
        var lines: [TextLine] = []
        var odd: [Int] = []
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if !line.contains(0), let text = String(validating: line, as: UTF8.self) {
                lines.append(TextLine(number: index + 1, text: text))
            } else {
                odd.append(index + 1)
            }
        }
        return (lines, odd)
    }

    /// The line without spaces at its ends; nil for an empty one and for a comment.
    var content: String? {
        let text = trimmed(text)
        return text.isEmpty || text.utf8.first == UInt8(ascii: "#") ? nil : text
    }
}

/// Whether bytes hold a word: the scripts of a system are searched many times.
func holds(_ bytes: some Collection<UInt8>, _ word: String) -> Bool {
    var word = word
    let found = word.withUTF8 { word in
        bytes.withContiguousStorageIfAvailable { bytes in
            guard let first = word.first, let start = word.baseAddress, var place = bytes.baseAddress else {
                return false
            }
            let end = place + bytes.count
            while end - place >= word.count, let hit = memchr(place, Int32(first), end - place - word.count + 1) {
                if memcmp(hit, start, word.count) == 0 { return true }
                place = UnsafePointer(hit.assumingMemoryBound(to: UInt8.self)) + 1
            }
            return false
        }
    }
    return found ?? (Array(bytes).firstRange(of: Array(word.utf8)) != nil)
}

// By bytes: "\r\n" is one Character, and so is a colon with a combining mark.

func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

/// The text without spaces and tabs at its ends.
func trimmed(_ text: some StringProtocol) -> String {
    var bytes = Array(text.utf8)[...]
    bytes = bytes.drop(while: isBlank)
    while let last = bytes.last, isBlank(last) { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
}

/// The parts of a text between spaces, tabs and newlines.
func words(of text: some StringProtocol) -> [String] {
    text.utf8.split { isBlank($0) || $0 == UInt8(ascii: "\n") }.map { String(decoding: $0, as: UTF8.self) }
}

/// The parts of a text between bytes of one kind; empty parts count.
func parts(of text: some StringProtocol, at separator: Unicode.Scalar) -> [String] {
    text.utf8.split(separator: UInt8(ascii: separator), omittingEmptySubsequences: false).map {
        String(decoding: $0, as: UTF8.self)
    }
}

/// Key and value of `key = value`; nil for anything else.
func assignment(_ text: String) -> (key: String, value: String)? {
    guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
    return (trimmed(text[..<equals]), trimmed(text[text.utf8.index(after: equals)...]))
}

/// A value as sh(1) takes it, if it is one word in quotes or none.
func unquoted(_ text: String) -> String {
    let bytes = text.utf8
    guard bytes.count >= 2, let quote = bytes.first, "\"'".utf8.contains(quote), bytes.last == quote else {
        return text
    }
    return String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self)
}

extension Sequence where Element: Hashable {
    /// The elements, each once.
    var unique: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
