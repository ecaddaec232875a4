public import BlueprintModel
internal import LinuxSystem

/// Finds what may be a secret though nothing knows it as one: for a copy that all may see.
///
/// The usual check leaves out what is known to be secret. Here a mistake is not to be made good, so that the doubt is
/// enough: a long word that looks as if dice had made it, or contents that nobody can look through.
public enum PublicCheck {
    /// A place that somebody has to look at.
    public struct Suspicion: Sendable, Equatable, CustomStringConvertible {
        /// A path of `files`, or the keys that lead there, such as `users.ada.comment`.
        public let place: String
        /// The line in it, from 1; nil where it is not about a line.
        public let line: Int?
        /// What it looks like; never the text itself.
        public let reason: String

        /// `place:line: reason`
        public var description: String { "\(place)\(line.map { ":\($0)" } ?? ""): \(reason)" }
    }

    /// What of a blueprint may be a secret, in the order of its keys.
    ///
    /// - Parameter vetted: places that somebody has looked at.
    public static func suspicions(in blueprint: Blueprint, vetted: Set<String> = []) -> [Suspicion] {
        var found: [Suspicion] = []
        var rest = blueprint
        for (path, file) in blueprint.files.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            switch file.content {
            case .regular(let bytes):
                if !vetted.contains(path) { found += suspicions(in: bytes, at: path) }
            case .stored:
                if !vetted.contains(path) {
                    found.append(Suspicion(place: path, line: nil, reason: "too large to look through"))
                }
            case .secret, .symlink, .directory, .packaged, .absent: continue
            }
            rest.files[path]?.content = .regular([])
        }
        // Keyrings are public keys, as base64.
        for (name, repository) in blueprint.repositories {
            guard case .archive(var archive) = repository else { continue }
            archive.signedBy = []
            rest.repositories[name] = .archive(archive)
        }
        collect(from: rest.canonicalJSON, at: "", vetted, &found)
        return found
    }

    private static func collect(
        from value: JSONValue, at place: String, _ vetted: Set<String>, _ found: inout [Suspicion]
    ) {
        if vetted.contains(place) { return }
        switch value {
        case .string(let text): found += suspicions(in: Array(text.utf8), at: place)
        case .array(let elements): for element in elements { collect(from: element, at: place, vetted, &found) }
        case .object(let members):
            for (key, value) in members.sorted(by: { bytesPrecede($0.key, $1.key) }) {
                let below = place.isEmpty ? key : "\(place).\(key)"
                if word(in: Array(key.utf8)[...]) && !vetted.contains(below) {
                    found.append(Suspicion(place: below, line: nil, reason: randomWord))
                }
                collect(from: value, at: below, vetted, &found)
            }
        case .null, .bool, .integer: break
        }
    }

    // MARK: Texts

    private static let randomWord = "a long word as dice make them"

    /// What may be secret in the contents of a file.
    static func suspicions(in bytes: [UInt8], at place: String) -> [Suspicion] {
        if let kind = SecretFiles.kind(in: bytes) { return [Suspicion(place: place, line: nil, reason: kind)] }
        if bytes.contains(0) || String(validating: bytes, as: UTF8.self) == nil {
            // Programs were searched for known secrets just now; compressed data cannot be.
            let isProgram = bytes.starts(with: [0x7F] + Array("ELF".utf8))
            return isProgram ? [] : [Suspicion(place: place, line: nil, reason: "no text that can be looked through")]
        }
        var found: [Suspicion] = []
        var isPublicBlock = false
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (number, line) in lines.enumerated() {
            if line.starts(with: "-----BEGIN ".utf8) { isPublicBlock = publicBlocks.contains { holds(line, $0) } }
            if !isPublicBlock && word(in: line) {
                found.append(Suspicion(place: place, line: lines.count > 1 ? number + 1 : nil, reason: randomWord))
            }
            if line.starts(with: "-----END ".utf8) { isPublicBlock = false }
        }
        return found
    }

    /// Labels of RFC 7468 and OpenPGP that say that what follows is for all.
    private static let publicBlocks = ["CERTIFICATE", "PUBLIC KEY", "X509 CRL", "SIGNATURE", "PGP SIGNED MESSAGE"]
    /// What stands in front of a digest, or of a public key of SSH.
    private static let publicMarks = ["sha256:", "sha384:", "sha512:", "SHA256:", "sha256-", "AAAA"]

    /// Whether a line has a word that looks like a key, a token or a digest.
    private static func word(in line: ArraySlice<UInt8>) -> Bool {
        var rest = line
        while !rest.isEmpty {
            let start = rest.startIndex
            rest = rest.drop(while: isOfWord)
            let word = line[start..<rest.startIndex]
            if publicMarks.contains(where: { isMarked(word, in: line, by: $0) }) {
                // In base64 it may go on behind a "/".
                rest = rest.drop { !isBlank($0) }
            } else if isRandom(word), !isUUID(word) {
                return true
            }
            rest = rest.drop { !isOfWord($0) }
        }
        return false
    }

    private static func isOfWord(_ byte: UInt8) -> Bool { classOf(byte) != nil || "+_-".utf8.contains(byte) }

    private static func classOf(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): 0
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): 1
        case UInt8(ascii: "0")...UInt8(ascii: "9"): 2
        default: nil
        }
    }

    /// Words of people keep to one kind of character for long; dice change between small letters, capitals and digits at
    /// nearly every second place: at half as many the doubt is enough.
    private static func isRandom(_ word: ArraySlice<UInt8>) -> Bool {
        let kinds = word.compactMap(classOf)
        guard kinds.count >= 20 else { return false }
        let changes = zip(kinds, kinds.dropFirst()).count { $0 != $1 }
        return changes * 4 >= kinds.count && Set(word).count >= 8
    }

    /// RFC 9562: 8-4-4-4-12 hexadecimal digits.
    private static func isUUID(_ word: ArraySlice<UInt8>) -> Bool {
        word.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false).map(\.count) == [8, 4, 4, 4, 12]
    }

    /// Whether a word starts with the mark, or stands right behind it.
    private static func isMarked(_ word: ArraySlice<UInt8>, in line: ArraySlice<UInt8>, by mark: String) -> Bool {
        word.starts(with: mark.utf8)
            || line[..<word.startIndex].suffix(mark.utf8.count).elementsEqual(mark.utf8)
    }
}
