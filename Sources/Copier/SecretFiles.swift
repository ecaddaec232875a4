internal import BlueprintModel

/// Finds files that hold secrets: by their place, by what ``Secrets`` recognises, and by lines that give something secret
/// a value.
///
/// What is taken for a secret and is none is left out by name, and somebody can bring it along; the other mistake cannot
/// be made good.
enum SecretFiles {
    /// What kind of secret a file holds, such as `a private key`; nil for none.
    static func kind(_ path: String, _ bytes: [UInt8]) -> String? {
        if let place = places.first(where: { matches($0.pattern, path) }) { return place.kind }
        return kind(in: bytes)
    }

    /// The same of a text whose place tells nothing.
    static func kind(in bytes: [UInt8]) -> String? {
        if let kind = Secrets.kind(in: bytes) { return kind }
        if bytes.contains(0) { return nil }
        for line in bytes.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
            if holdsSecret(line) { return "a password or key" }
        }
        return nil
    }

    // MARK: By place

    private static let places: [(pattern: String, kind: String)] = [
        ("/etc/NetworkManager/system-connections/*", "a connection with its key"),
        ("/etc/apt/auth.conf", "passwords of repositories"), ("/etc/apt/auth.conf.d/*", "passwords of repositories"),
        ("/etc/ppp/*-secrets", "passwords of connections"), ("/etc/ipsec.secrets", "keys of connections"),
        ("*.keytab", "keys of Kerberos"), ("/etc/ssl/private/*", "a private key"), ("*.p12", "a private key"),
        ("*.pfx", "a private key"), ("*.jks", "a private key"), ("*.kdbx", "passwords"),
        ("/etc/credstore*", "a credential"), ("*/.pgpass", "a password"), ("*/.netrc", "passwords"),
        ("*/.git-credentials", "passwords"), ("*/.docker/config.json", "passwords of registries"),
        ("*/containers/auth.json", "passwords of registries"), ("*/.aws/credentials", "access keys"),
        ("*/.kube/config", "access keys"), ("/etc/kubernetes/*.conf", "access keys"), ("/etc/samba/*.tdb", "passwords"),
        ("*/.gnupg/private-keys-v1.d/*", "a private key"), ("/etc/wireguard/*.key", "a private key"),
    ]

    private static func matches(_ pattern: String, _ path: String) -> Bool {
        Array(path.utf8).withUnsafeBufferPointer { globMatches(Array(pattern.utf8)[...], $0[...]) }
    }

    // MARK: By line

    /// The ends of names whose values are secret, in lower case without `-` and `_`.
    private static let names = [
        "password", "passwd", "passphrase", "secret", "token", "apikey", "psk", "wpapsk", "privatekey", "secretkey",
        "accesskey",
        "secretaccesskey", "authtoken", "pin", "auth",
    ]

    /// Whether a line is `NAME = VALUE` or `NAME: VALUE`, also within other text, or of netrc(5), with a secret's name.
    private static func holdsSecret(_ line: ArraySlice<UInt8>) -> Bool {
        let text = line.drop(while: isBlank)
        if text.first.map({ "#;".utf8.contains($0) }) ?? true { return false }
        for mark in text.indices where text[mark] == UInt8(ascii: "=") || text[mark] == UInt8(ascii: ":") {
            if isSecretName(text[..<mark]), isValue(text[(mark + 1)...]) { return true }
        }
        let words = text.split(whereSeparator: isBlank)
        return words.indices.dropLast(3).contains { index in
            words[index].elementsEqual("login".utf8) && words[index + 2].elementsEqual("password".utf8)
        }
    }

    private static func isSecretName(_ bytes: ArraySlice<UInt8>) -> Bool {
        // The name ends before blanks and quotes.
        var end = bytes
        while let last = end.last, isBlank(last) || "\"'".utf8.contains(last) { end.removeLast() }
        let name = end.reversed().prefix { isLetter($0) || "-_".utf8.contains($0) }.reversed()
        let plain = String(decoding: name.filter(isLetter).map { $0 | 0x20 }, as: UTF8.self)
        return names.contains { plain == $0 || plain.hasSuffix($0) && $0.utf8.count > 4 }
    }

    /// Whether a text is a value somebody chose, and neither a variable nor a path.
    private static func isValue(_ bytes: ArraySlice<UInt8>) -> Bool {
        let quotes = "\"'".utf8
        let value = bytes.drop { isBlank($0) || quotes.contains($0) }
            .prefix { !isBlank($0) && !quotes.contains($0) && !",;}".utf8.contains($0) }
        guard value.count >= 6, let first = value.first, !"$%/{[<(=".utf8.contains(first) else { return false }
        return !["false", "optional", "required", "requisite", "sufficient", "prompt", "disabled", "enabled"]
            .contains(String(decoding: value, as: UTF8.self).lowercased())
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
}
