internal import CCrypto

/// Why a key or certificate cannot be used.
public struct KeyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file, what is wrong with it, and how to mend it; never anything of a key.
    public let description: String

    init(_ file: String, _ message: String) { description = "\(file): \(message)" }
}

/// An X.509 certificate (RFC 5280), with what a signature has to name of it.
public struct Certificate: Sendable, Equatable {
    /// The whole certificate in DER.
    public let der: [UInt8]
    /// The issuer's name in DER.
    public let issuer: [UInt8]
    /// The serial number, a DER integer.
    public let serialNumber: [UInt8]
    /// Where it was read from, for messages.
    let file: String

    /// Reads the first certificate of a PEM file; `file` is its name for messages.
    public init(pem: [UInt8], file: String) throws(KeyError) {
        guard let handle = readPEM(pem, by: { PEM_read_bio_X509($0, nil, noPassphrase, nil) }) else {
            throw KeyError(
                file,
                "there is no PEM certificate in it; one in DER becomes PEM by `openssl x509 -inform DER -in FILE`")
        }
        defer { X509_free(handle) }
        der = encoding { i2d_X509(handle, &$0) }
        issuer = encoding { i2d_X509_NAME(X509_get_issuer_name(handle), &$0) }
        serialNumber = encoding { i2d_ASN1_INTEGER(X509_get_serialNumber(handle), &$0) }
        self.file = file
        guard !der.isEmpty, !issuer.isEmpty, !serialNumber.isEmpty else {
            throw KeyError(file, "the certificate has no encoding: make a new one")
        }
    }

    /// Its fingerprint: the SHA-256 of ``der``.
    public var digest: Digest { SHA256.hash(der) }
}

/// An RSA private key with its certificate. The key stays in libcrypto's memory: nothing here gives it away.
public final class SigningKey: Sendable {
    /// Says whose signatures these are.
    public let certificate: Certificate
    // Never changed once made, and libcrypto's keys may be used by several threads.
    nonisolated(unsafe) private let key: OpaquePointer

    private init(adopting key: OpaquePointer, certificate: Certificate) {
        self.key = key
        self.certificate = certificate
    }

    deinit { EVP_PKEY_free(key) }

    /// Reads a private key from PEM (PKCS #8 or PKCS #1, without a passphrase); `file` is its name for messages.
    ///
    /// It must be the certificate's, and an RSA key of 2048 to 4096 bits: firmware knows no others for certain.
    public static func read(
        pem: [UInt8], file: String, certificate: Certificate
    ) throws(KeyError) -> SigningKey {
        guard let handle = readPEM(pem, by: { PEM_read_bio_PrivateKey($0, nil, noPassphrase, nil) }) else {
            let isEncrypted = String(decoding: pem, as: UTF8.self).contains("ENCRYPTED")
            throw KeyError(
                file,
                isEncrypted
                    ? "the key has a passphrase: take it off with `openssl pkey` into a file that only you can read"
                    : "there is no PEM private key in it")
        }
        let key = SigningKey(adopting: handle, certificate: certificate)
        let bits = EVP_PKEY_get_bits(handle)
        guard EVP_PKEY_get_base_id(handle) == NID_rsaEncryption, (2048...4096).contains(bits) else {
            throw KeyError(file, "the key is no RSA key of 2048 to 4096 bits, which is what firmware can verify")
        }
        let belongs = withCertificate(certificate) { X509_check_private_key($0, handle) == 1 }
        guard belongs else {
            ERR_clear_error()
            throw KeyError(file, "the key is not that of the certificate \(certificate.file)")
        }
        return key
    }

    /// Signs by RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2): the same message has the same signature every time.
    public func sign(_ message: [UInt8]) throws(KeyError) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: Int(EVP_PKEY_get_size(key)))
        var count = signature.count
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1,
            EVP_DigestSign(context, &signature, &count, message, message.count) == 1, count == signature.count
        else {
            ERR_clear_error()
            throw KeyError(certificate.file, "libcrypto cannot sign with the key of this certificate")
        }
        return signature
    }
}

// MARK: - libcrypto

/// Refuses to give a passphrase; without this, libcrypto would ask for one on the terminal.
func noPassphrase(
    _: UnsafeMutablePointer<CChar>?, _: Int32, _: Int32, _: UnsafeMutableRawPointer?
) -> Int32 { -1 }

/// Lets libcrypto read PEM in memory; nil if it finds nothing it understands.
func readPEM(_ bytes: [UInt8], by read: (OpaquePointer) -> OpaquePointer?) -> OpaquePointer? {
    bytes.withUnsafeBytes { buffer in
        guard let count = Int32(exactly: buffer.count), let memory = BIO_new_mem_buf(buffer.baseAddress, count) else {
            return nil
        }
        defer {
            BIO_free(memory)
            ERR_clear_error()
        }
        return read(memory)
    }
}

/// What one of libcrypto's `i2d` functions writes; empty if it fails.
private func encoding(_ write: (inout UnsafeMutablePointer<UInt8>?) -> Int32) -> [UInt8] {
    var none: UnsafeMutablePointer<UInt8>?
    let count = Int(write(&none))
    // With no place to write to, libcrypto allocates one and puts its address there.
    defer { CRYPTO_free(none, nil, 0) }
    guard count > 0, let start = none else { return [] }
    return Array(UnsafeBufferPointer(start: start, count: count))
}

private func withCertificate(_ certificate: Certificate, _ body: (OpaquePointer) -> Bool) -> Bool {
    certificate.der.withUnsafeBufferPointer { buffer in
        var start = buffer.baseAddress
        guard let handle = d2i_X509(nil, &start, buffer.count) else { return false }
        defer { X509_free(handle) }
        return body(handle)
    }
}
