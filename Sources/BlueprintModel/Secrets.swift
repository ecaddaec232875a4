/// Recognises secret values, which a blueprint must not hold: it is committed, copied and shown.
public enum Secrets {
    static let advice = "; a blueprint holds no secret: refer to one with \"secret: name\""

    /// Reports every text of a tree that holds a secret, by its place and never by its value.
    static func check(_ node: YAMLNode, _ decoding: inout Decoding) {
        func check(_ text: String, _ mark: Mark) {
            if let kind = kind(in: Array(text.utf8)) { decoding.report(mark, "this holds \(kind)\(advice)") }
        }
        switch node.content {
        case .scalar(let text, _): check(text, node.mark)
        case .sequence(let elements): for element in elements { Self.check(element, &decoding) }
        case .mapping(let entries):
            for entry in entries {
                check(entry.key, entry.keyMark)
                decoding.within(quoted(entry.key).filter { $0 != "\"" }) { Self.check(entry.value, &$0) }
            }
        }
    }

    /// What kind of secret the bytes hold, such as `a private key`; nil for none.
    public static func kind(in bytes: [UInt8]) -> String? {
        bytes.withUnsafeBufferPointer { all in
            starts.withUnsafeBufferPointer { starts in
                var offset = 0
                while offset + 1 < all.count {
                    if starts[Int(all[offset]) << 8 | Int(all[offset + 1])], let kind = kind(in: bytes, at: offset) {
                        return kind
                    }
                    offset += 1
                }
                return nil
            }
        }
    }

    /// Whether a secret can start with two bytes, by these as one number: few places of a file are worth a closer look.
    private static let starts: [Bool] = {
        var starts = [Bool](repeating: false, count: 1 << 16)
        for start in ["--", "://", "eyJ", "PrivateKey", "PresharedKey", putty] + methods + tokens.map(\.prefix) {
            let bytes = Array(start.utf8)
            starts[Int(bytes[0]) << 8 | Int(bytes[1])] = true
        }
        return starts
    }()

    private static func kind(in bytes: [UInt8], at offset: Int) -> String? {
        let rest = bytes[offset...]
        switch bytes[offset] {
        case UInt8(ascii: "-"): return isPrivateKey(rest) ? "a private key" : nil
        case UInt8(ascii: "$"): return isPasswordHash(rest) ? "a password hash" : nil
        case UInt8(ascii: ":"): return isPasswordInURL(rest) ? "a password in a URL" : nil
        default:
            if offset > 0, isTokenByte(bytes[offset - 1]) { return nil }
            if isToken(rest) { return "an access token" }
            return isWireGuardKey(rest) || rest.starts(with: putty.utf8) ? "a private key" : nil
        }
    }

    /// RFC 7468 and OpenSSH, OpenPGP: `-----BEGIN … PRIVATE KEY …-----`.
    private static func isPrivateKey(_ bytes: ArraySlice<UInt8>) -> Bool {
        let begin = "-----BEGIN "
        guard bytes.starts(with: begin.utf8) else { return false }
        let label = bytes.dropFirst(begin.utf8.count).prefix(64).prefix { $0 != UInt8(ascii: "-") }
        return String(decoding: label, as: UTF8.self).contains("PRIVATE KEY")
    }

    private static let methods = [
        "$1$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$2a$", "$2b$", "$2y$", "$argon2", "$scrypt$",
    ]
    private static let putty = "PuTTY-User-Key-File-"

    /// crypt(5): the prefix of a method and enough of salt and hash.
    private static func isPasswordHash(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let method = methods.first(where: { bytes.starts(with: $0.utf8) }) else { return false }
        let tail = bytes.dropFirst(method.utf8.count).prefix { isTokenByte($0) || "./$=,+".utf8.contains($0) }
        return tail.count >= 20
    }

    /// RFC 3986 §3.2.1: `://user:password@`. A password that is a variable's name is none.
    private static func isPasswordInURL(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard bytes.starts(with: "://".utf8) else { return false }
        let authority = bytes.dropFirst(3).prefix(256).prefix { $0 > 0x20 && !"/\"'<>?#".utf8.contains($0) }
        guard let at = authority.lastIndex(of: UInt8(ascii: "@")),
            let colon = authority[..<at].firstIndex(of: UInt8(ascii: ":"))
        else { return false }
        let password = authority[(colon + 1)..<at]
        return !password.isEmpty && !"${".utf8.contains(password[password.startIndex])
    }

    /// Prefixes that issuers chose so that scanners find them, with the least count of token bytes behind.
    private static let tokens: [(prefix: String, count: Int)] = [
        ("ghp_", 36), ("gho_", 36), ("ghu_", 36), ("ghs_", 36), ("ghr_", 36), ("github_pat_", 50), ("glpat-", 20),
        ("AKIA", 16), ("ASIA", 16), ("AIza", 35), ("xoxa-", 20), ("xoxb-", 20), ("xoxp-", 20), ("xoxr-", 20),
        ("xoxs-", 20), ("sk_live_", 20), ("rk_live_", 20), ("sk-ant-", 20), ("npm_", 36), ("pypi-", 50), ("hf_", 30),
        ("dckr_pat_", 20), ("hvs.", 20), ("AGE-SECRET-KEY-1", 40),
    ]

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func isToken(_ bytes: ArraySlice<UInt8>) -> Bool {
        for (prefix, count) in tokens where bytes.starts(with: prefix.utf8) {
            return bytes.dropFirst(prefix.utf8.count).prefix(while: isTokenByte).count >= count
        }
        // RFC 7519: header and claims both start with `{"`.
        guard bytes.starts(with: "eyJ".utf8) else { return false }
        let claims = bytes.drop(while: isTokenByte)
        return claims.starts(with: ".eyJ".utf8)
            && claims.dropFirst().drop(while: isTokenByte).first == UInt8(ascii: ".")
    }

    /// wg(8): 44 characters of base64 after `PrivateKey` or `PresharedKey`.
    private static func isWireGuardKey(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let name = ["PrivateKey", "PresharedKey"].first(where: { bytes.starts(with: $0.utf8) }) else {
            return false
        }
        let value = bytes.dropFirst(name.utf8.count).drop { $0 == 0x20 || $0 == UInt8(ascii: "=") }
        return value.prefix { isTokenByte($0) || "+/".utf8.contains($0) }.count == 43
    }
}
