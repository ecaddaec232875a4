import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@Suite struct SigningKeyTests: ~Copyable {
    private static let one = Result { try TestKey("one") }
    private static let other = Result { try TestKey("other") }
    private let scratch: TemporaryDirectory
    private let key: TestKey

    init() throws {
        let key = try Self.one.get()
        scratch = try TemporaryDirectory()
        self.key = key
    }

    private func bytes(_ path: String) throws -> [UInt8] { try Descriptor.open(path).readToEnd() }

    /// What reading a key says, with the certificate of `one`.
    private func refusal(ofKey pem: [UInt8], file: String = "some.key") throws -> String {
        let certificate = try key.certificate()
        do {
            _ = try SigningKey.read(pem: pem, file: file, certificate: certificate)
            return "none"
        } catch { return "\(error)" }
    }

    @Test func signatureIsTheOneThatOpensslVerifiesAndIsTheSameEachTime() throws {
        let message = "\(scratch.path)/message", signature = "\(scratch.path)/signature"
        try AtomicFile.write(Array("a message".utf8), to: message)
        let made = try key.signingKey().sign(Array("a message".utf8))
        #expect(made.count == 256)
        #expect(try key.signingKey().sign(Array("a message".utf8)) == made)
        try AtomicFile.write(made, to: signature)
        try run("openssl", "x509", "-in", key.certificatePath, "-noout", "-pubkey", "-out", "\(scratch.path)/public")
        let verify = "openssl dgst -sha256 -verify \(scratch.path)/public -signature \(signature) \(message)"
        #expect(try shell(verify).output == "Verified OK\n")
        try AtomicFile.write(Array("A message".utf8), to: message)
        #expect(try shell(verify).status != 0)
    }

    @Test func certificateHasThePartsThatOpensslShows() throws {
        let certificate = try key.certificate()
        try run("openssl", "x509", "-in", key.certificatePath, "-outform", "DER", "-out", "\(scratch.path)/der")
        #expect(try bytes("\(scratch.path)/der") == certificate.der)
        let shown = try run(
            "openssl", "x509", "-in", key.certificatePath, "-noout", "-serial", "-fingerprint", "-sha256")
        // An integer whose first bit is set gets a zero byte.
        let serial = certificate.serialNumber.dropFirst(2).drop { $0 == 0 }
        let fingerprint = certificate.digest.hex.uppercased()
        #expect(shown.filter { $0 != ":" }.contains(fingerprint))
        #expect(shown.contains("serial=\(Array(serial).hex.uppercased())"))
        #expect(
            certificate.issuer.starts(with: [0x30])
                && String(decoding: certificate.issuer, as: UTF8.self).contains("one"))
    }

    @Test func keysOfBothPKCSFormatsAreRead() throws {
        try run("openssl", "rsa", "-traditional", "-in", key.keyPath, "-out", "\(scratch.path)/pkcs1")
        let old = try bytes("\(scratch.path)/pkcs1")
        #expect(String(decoding: old, as: UTF8.self).contains("BEGIN RSA PRIVATE KEY"))
        let signature = try SigningKey.read(pem: old, file: "pkcs1", certificate: try key.certificate()).sign([1])
        #expect(try key.signingKey().sign([1]) == signature)
        // Whoever keeps key and certificate in one file.
        let both = try bytes(key.certificatePath) + bytes(key.keyPath)
        #expect(try SigningKey.read(pem: both, file: "both", certificate: try key.certificate()).sign([1]) == signature)
        #expect(
            try Certificate(pem: bytes(key.keyPath) + bytes(key.certificatePath), file: "b").der
                == key.certificate().der)
    }

    @Test func keyOfAnotherCertificateIsRefused() throws {
        let message = try refusal(ofKey: bytes(try Self.other.get().keyPath), file: "other.key")
        #expect(message == "other.key: the key is not that of the certificate \(key.certificatePath)")
    }

    @Test func keyWithAPassphraseIsRefusedWithoutAskingForIt() throws {
        let sealed = "\(scratch.path)/sealed"
        try run("openssl", "pkcs8", "-topk8", "-in", key.keyPath, "-passout", "pass:secret", "-out", sealed)
        #expect(try refusal(ofKey: bytes(sealed)).contains("passphrase"))
        try run(
            "openssl", "rsa", "-traditional", "-aes128", "-in", key.keyPath, "-passout", "pass:secret", "-out", sealed)
        #expect(try refusal(ofKey: bytes(sealed)).contains("passphrase"))
    }

    @Test(arguments: [
        "EC -pkeyopt ec_paramgen_curve:P-256", "ED25519", "RSA -pkeyopt rsa_keygen_bits:1024",
        "RSA-PSS -pkeyopt rsa_keygen_bits:2048",
    ])
    func keyThatFirmwareCannotVerifyIsRefused(_ algorithm: String) throws {
        let path = "\(scratch.path)/key"
        #expect(try shell("openssl genpkey -algorithm \(algorithm) -out \(path) 2>/dev/null").status == 0)
        #expect(try refusal(ofKey: bytes(path)).contains("no RSA key of 2048 to 4096 bits"))
    }

    @Test func otherFilesAreRefusedAndNothingOfThemIsRepeated() throws {
        let pem = try bytes(key.keyPath)
        let secret = String(decoding: pem[100..<140], as: UTF8.self)
        for bad in [[], Array("hello".utf8), Array(pem.prefix(500)), Array(pem.dropFirst(40)), [0xFF, 0, 0xFE]] {
            let message = try refusal(ofKey: bad)
            #expect(message == "some.key: there is no PEM private key in it")
            #expect(!message.contains(secret))
            #expect { try Certificate(pem: bad, file: "some.crt") } throws: { "\($0)".contains("openssl x509") }
        }
        try run("openssl", "x509", "-in", key.certificatePath, "-outform", "DER", "-out", "\(scratch.path)/der")
        let der = try bytes("\(scratch.path)/der")
        #expect(throws: KeyError.self) { try Certificate(pem: der, file: "some.der") }
    }

    @Test func forgedPEMNeverTraps() throws {
        let (pem, certificate) = (try bytes(key.keyPath), try bytes(key.certificatePath))
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            var (forgedKey, forgedCertificate) = (pem, certificate)
            for _ in 0..<3 {
                forgedKey[Int.random(in: 28..<pem.count - 28, using: &generator)] = UInt8.random(in: 0...127)
                forgedCertificate[Int.random(in: 28..<certificate.count - 28, using: &generator)] = .random(in: 0...127)
            }
            _ = try refusal(ofKey: forgedKey)
            _ = try? Certificate(pem: forgedCertificate, file: "forged").issuer
        }
    }
}
