public import LinuxSystem

/// An RSA key with a certificate signed by itself, made by openssl(1): two files that live as long as this does.
public final class TestKey: Sendable {
    /// The private key: PKCS #8 in PEM.
    public let keyPath: String
    /// The certificate in PEM.
    public let certificatePath: String
    private let directory: TemporaryDirectory

    /// Makes a key whose certificate names `name`.
    public init(_ name: String) throws {
        directory = try TemporaryDirectory()
        keyPath = "\(directory.path)/\(name).key"
        certificatePath = "\(directory.path)/\(name).crt"
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
