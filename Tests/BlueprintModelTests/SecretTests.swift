import Testing

@testable import BlueprintModel

/// The examples are put together here so that no file of this repository looks like it holds one.
@Suite struct SecretTests {
    static let secrets: [(String, String)] = [
        ("-----BEGIN " + "PRIVATE KEY-----\nMC4C", "a private key"),
        ("x\n-----BEGIN " + "OPENSSH PRIVATE KEY-----", "a private key"),
        ("-----BEGIN " + "PGP PRIVATE KEY BLOCK-----", "a private key"),
        ("PrivateKey = " + String(repeating: "A", count: 43) + "=", "a private key"),
        ("$6" + "$salt$" + String(repeating: "h", count: 86), "a password hash"),
        ("root:$y" + "$j9T$salt$" + String(repeating: "h", count: 43) + ":1", "a password hash"),
        ("deb https://user:" + "pass@example.org/debian", "a password in a URL"),
        ("gh" + "p_" + String(repeating: "a", count: 36), "an access token"),
        ("key=AK" + "IA" + String(repeating: "A", count: 16), "an access token"),
        ("ey" + "JhbGciOiJ9.ey" + "JzdWIiOiJ9.c2ln", "an access token"),
    ]

    @Test(arguments: secrets) func aSecretIsRefusedAndNotRepeated(secret: String, kind: String) {
        let json = JSONValue.string(secret).canonical
        let message = "this holds \(kind); a blueprint holds no secret: refer to one with \"secret: name\""
        let inline = problems { try loadBlueprint("files:\n  /etc/x:\n    text: \(json)") }
        #expect(inline == ["x.yaml:6:11: files./etc/x.text: \(message)"])
        let source = problems { try loadBlueprint("files: { /etc/x: { source: x } }", ["x": secret]) }
        #expect(source == ["x.yaml:4:28: files./etc/x.source: \(message)"])
        let base64 = Base64.encode(Array(secret.utf8))
        let encoded = problems { try loadBlueprint("files: { /etc/x: { base64: \(base64) } }") }
        #expect(encoded == ["x.yaml:4:28: files./etc/x.base64: \(message)"])
    }

    @Test func aHashInPlaceOfAReferenceIsNotRepeated() {
        let hash = "$6" + "$salt$" + String(repeating: "h", count: 86)
        let found = problems { try loadBlueprint("users: { a: { password: \"\(hash)\" } }") }
        #expect(found.count == 2)
        #expect(found.allSatisfy { !$0.contains("hhhh") && $0.contains("a password hash") })
    }

    @Test(arguments: [
        "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----BEGIN CERTIFICATE-----", "price: $5 and $6", "$1$2",
        "https://example.org:8080/a@b", "https://user@example.org/", "https://user:$PASSWORD@example.org/", "ghp_short",
        "PrivateKeyFile=/run/credentials/wg", "eyJust words", "",
    ])
    func whatOnlyLooksLikeASecretIsLeftAlone(text: String) {
        #expect(Secrets.kind(in: Array(text.utf8)) == nil)
    }
}
