internal import Glibc
public import LinuxSystem

/// An RSA key with a certificate signed by itself, made by openssl(1): two files that live as long as the process.
public struct TestKey: Sendable {
    /// The private key: PKCS #8 in PEM.
    public let keyPath: String
    /// The certificate in PEM.
    public let certificatePath: String

    /// Makes a key whose certificate names `name`.
    public init(_ name: String) throws {
        // Several suites may call theirs the same.
        let base = "\(try keyDirectory.get())/\(name)-\(UInt64.random(in: 0 ... .max))"
        keyPath = "\(base).key"
        certificatePath = "\(base).crt"
        try run(
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=\(name)/",
            "-keyout", keyPath, "-out", certificatePath)
    }

    /// The certificate as the library reads it.
    public func certificate() throws -> Certificate {
        try Certificate(pem: try Descriptor.open(certificatePath).readToEnd(), file: certificatePath)
    }

    /// The key as the library reads it.
    public func signingKey() throws -> SigningKey {
        try SigningKey.read(
            pem: try Descriptor.open(keyPath).readToEnd(), file: keyPath, certificate: try certificate())
    }
}

/// The keys of this process; what is static is never released, so its end has to clear away.
private let keyDirectory: Result<String, any Error> = Result {
    var template = Array("/tmp/pisces-keys-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError(call: "mkdtemp", subject: "/tmp", code: errno) }
    atexit { if let path = try? keyDirectory.get() { try? removeTree(path) } }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
