/// What a text must look like: for the check, for the message, and for the JSON Schema.
struct TextRule: Sendable {
    /// With its article, as in "wanted a package name".
    let article: String
    /// What is allowed, as a person would say it.
    let form: String
    /// A regular expression that all valid texts match; nil where none says much.
    var pattern: String?
    /// All valid texts, where they are few.
    var choices: [String] = []
    /// Whether a number may stand for its digits.
    var isNumeric = false
    /// Whether a truth value may stand for its word.
    var isBoolean = false
    /// Whether white space in it means nothing, so that a long one may have several lines.
    var isFoldable = false
    let isValid: @Sendable (String) -> Bool

    /// Reports a text that breaks the rule.
    func check(_ text: String, _ mark: Mark, _ decoding: inout Decoding) -> Bool {
        if isValid(text) { return true }
        let near = suggestion(for: text, among: choices)
        decoding.report(mark, "\(quoted(text)) is not \(article); wanted \(form)\(near)")
        return false
    }

    /// One of a few words.
    static func choice(_ article: String, _ words: [String]) -> TextRule {
        TextRule(article: article, form: either(words), choices: words) { words.contains($0) }
    }

    /// Characters of a class, the first of another; a class is written as within the brackets of a regular expression.
    static func characters(
        _ article: String, _ form: String, first: String? = nil, rest: String, length: ClosedRange<Int>,
        and isValid: @escaping @Sendable (String) -> Bool = { _ in true }
    ) -> TextRule {
        let firstSet = Set(characterClass: first ?? rest)
        let restSet = Set(characterClass: rest)
        let pattern = "^[\(first ?? rest)][\(rest)]{\(length.lowerBound - 1),\(length.upperBound - 1)}$"
        return TextRule(article: article, form: form, pattern: pattern) { text in
            length.contains(text.utf8.count) && text.utf8.first.map(firstSet.contains) ?? false
                && text.utf8.dropFirst().allSatisfy(restSet.contains) && isValid(text)
        }
    }

    /// A text in one line.
    static func line(_ article: String, _ form: String = "one line without control characters") -> TextRule {
        TextRule(article: article, form: form) { !$0.isEmpty && !hasControlCharacters($0) }
    }
}

extension Set<UInt8> {
    /// The bytes of a class such as `a-z0-9_\[\]-`.
    fileprivate init(characterClass text: String) {
        self.init()
        var bytes = Array(text.utf8)[...]
        while var byte = bytes.popFirst() {
            if byte == UInt8(ascii: "\\") { byte = bytes.popFirst() ?? byte }
            if bytes.first == UInt8(ascii: "-"), let last = bytes.dropFirst().first, last >= byte {
                formUnion(byte...last)
                bytes = bytes.dropFirst(2)
            } else {
                insert(byte)
            }
        }
    }
}

func hasControlCharacters(_ text: String) -> Bool {
    text.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
}

// The rules, by kind. Each says where it comes from.
extension TextRule {
    static let name = characters(
        "a name", "lower-case letters, digits and \"-\", at most 63", first: "a-z0-9", rest: "a-z0-9-", length: 1...63)

    // Debian Policy §5.6.7.
    static let packageName = characters(
        "a package name", "lower-case letters, digits, \"+\", \"-\" and \".\", at least two, first a letter or digit",
        first: "a-z0-9", rest: "a-z0-9+.-", length: 2...128)

    // useradd(8), with the limit of utmp(5).
    static let userName = characters(
        "a user or group name", "lower-case letters, digits, \"_\" and \"-\", at most 32, first a letter or \"_\"",
        first: "a-z_", rest: "a-z0-9_-", length: 1...32)

    /// A user or group that something refers to: packages make some with capitals.
    static let accountName = characters(
        "an account name", "letters, digits and any of \"_.-\", at most 32, first a letter or \"_\"",
        first: "A-Za-z_", rest: "A-Za-z0-9_.-", length: 1...32)

    // systemd.unit(5).
    static let unitName = characters(
        "a unit name", "letters, digits and any of \":_.\\@-\", with an ending such as \".service\"",
        rest: #"A-Za-z0-9:_.\\@-"#, length: 3...255
    ) { text in
        let endings = ["service", "socket", "timer", "target", "path", "mount", "automount", "swap", "slice"]
        return endings.contains { text.hasSuffix("." + $0) && text.utf8.count > $0.utf8.count + 1 }
    }

    static let dropInName = characters(
        "a drop-in name", "letters, digits and any of \"_.-\", ending in \".conf\"", first: "A-Za-z0-9",
        rest: "A-Za-z0-9_.-", length: 6...255
    ) { $0.hasSuffix(".conf") }

    static let absolutePath = TextRule(
        article: "an absolute path", form: "\"/\" and names between single \"/\", none of them \".\" or \"..\"",
        pattern: "^(/[^/]+)+$"
    ) { text in
        // By bytes, as the kernel does: to Swift a "/" before a combining mark is another character.
        let names = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map(Array.init)
        return names[0].isEmpty && names.count > 1 && text.utf8.count < 4096 && !hasControlCharacters(text)
            && names.dropFirst().allSatisfy { !$0.isEmpty && !isDots($0) && $0.count < 256 }
    }

    private static func isDots(_ name: [UInt8]) -> Bool {
        name.count <= 2 && name.allSatisfy { $0 == UInt8(ascii: ".") }
    }

    static let relativePath = TextRule(
        article: "a relative path", form: "a path relative to this file", pattern: "^[^/]"
    ) {
        ![$0.utf8.first, $0.utf8.last].contains { $0 == nil || $0 == UInt8(ascii: "/") } && $0.utf8.count < 4096
            && !hasControlCharacters($0)
    }

    static let fileMode = characters(
        "a file mode", "three or four octal digits, as \"0644\"", rest: "0-7", length: 3...4)

    static let uri = TextRule(
        article: "a URI of an archive", form: "http://, https:// or file:// and what follows, without white space",
        pattern: "^(https?|file)://[!-~]+$"
    ) { text in
        guard let scheme = ["http://", "https://", "file://"].first(where: text.hasPrefix) else { return false }
        return text.utf8.count > scheme.utf8.count && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    // sources.list(5).
    static let suite = characters(
        "a suite or component", "letters, digits and any of \"./_-\"", rest: "A-Za-z0-9./_-", length: 1...128)

    // hostname(5): RFC 1123 labels, 64 characters in all.
    static let hostName = TextRule(
        article: "a host name", form: "labels of letters, digits and inner \"-\", joined by \".\", at most 64 in all",
        pattern: "^[A-Za-z0-9.-]{1,64}$"
    ) { text in
        text.utf8.count <= 64
            && text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
                (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                    && label.allSatisfy(Set(characterClass: "A-Za-z0-9-").contains)
            }
    }

    static let linkName = characters(
        "a link name", "letters, digits and any of \"_.-\", with \"*\", \"?\" and \"[…]\" as patterns",
        rest: #"A-Za-z0-9_.*?\[\]-"#, length: 1...64)

    static let lang = characters(
        "a locale", "as in \"C.UTF-8\"", first: "A-Za-z", rest: "A-Za-z0-9_.@-", length: 1...64)

    static let keymap = characters(
        "a keymap", "letters, digits and any of \"_.-\"", first: "A-Za-z0-9", rest: "A-Za-z0-9_.-", length: 1...64)

    static let zone = characters(
        "a time zone", "as in \"Etc/UTC\"", first: "A-Za-z", rest: "A-Za-z0-9_+/-", length: 1...64)

    static let kernelWord = characters(
        "a kernel parameter", "one word without white space and quotes", rest: #"!#-\\\]-~"#, length: 1...1024)

    static let module = characters(
        "a module name", "letters, digits, \"_\" and \"-\"", first: "A-Za-z0-9", rest: "A-Za-z0-9_-", length: 1...64)

    // sysctl.d(5).
    static let sysctl = characters(
        "a sysctl", "as in \"net.ipv4.ip_forward\"", first: "a-z", rest: "A-Za-z0-9_./*-", length: 3...255
    ) { $0.contains(".") || $0.contains("/") }

    static let credential = characters(
        "a credential name", "letters, digits and any of \"_.-\"", first: "A-Za-z0-9", rest: "A-Za-z0-9_.-",
        length: 1...128)

    static let comment = TextRule(article: "a user's comment", form: "one line without \":\"") {
        !hasControlCharacters($0) && !$0.utf8.contains(UInt8(ascii: ":")) && $0.utf8.count < 1024
    }

    static let symlinkTarget = TextRule(article: "the target of a link", form: "a path without control characters") {
        !$0.isEmpty && $0.utf8.count < 4096 && !hasControlCharacters($0)
    }

    // authorized_keys(5), without options.
    static let sshKey = TextRule(
        article: "an SSH public key", form: "one line of type, base64 and comment, as in a .pub file"
    ) { text in
        let types = [
            "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
            "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
        ]
        let words = text.split(separator: " ", maxSplits: 2)
        return words.count >= 2 && !hasControlCharacters(text) && types.contains(String(words[0]))
            && words[1].hasPrefix("AAAA") && Base64.decode(String(words[1])) != nil
    }

    static let text = TextRule(article: "a text", form: "a text without NUL; what holds one is written as base64") {
        !$0.utf8.contains(0)
    }

    static let base64 = TextRule(
        article: "base64", form: "base64 with its padding (RFC 4648 §4)", isFoldable: true
    ) { Base64.decode($0) != nil }

    static let size = TextRule(
        article: "a size", form: "a whole number and KiB, MiB, GiB or TiB, as in \"512MiB\"",
        pattern: "^[1-9][0-9]*(KiB|MiB|GiB|TiB)$"
    ) { ByteSize.parse($0) != nil }

    static let duration = TextRule(
        article: "a length of time", form: "a whole number and s, min or h, at most a day, as in \"5min\"",
        pattern: "^[1-9][0-9]*(s|min|h)$"
    ) { TimeSpan.parse($0) != nil }

    static let shellCommand = TextRule(article: "a command", form: "what sh(1) runs, without NUL") { text in
        !text.utf8.contains(0) && text.utf8.contains { $0 > UInt8(ascii: " ") }
    }

    static let address = TextRule(article: "an IP address", form: "as in \"192.0.2.1\" or \"2001:db8::1\"") {
        IPAddress($0) != nil
    }

    static let prefix = TextRule(
        article: "an address with its prefix length", form: "as in \"192.0.2.5/24\" or \"2001:db8::5/64\""
    ) { IPAddress(withPrefix: $0) != nil }
}
