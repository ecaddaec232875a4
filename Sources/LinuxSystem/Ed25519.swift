internal import CCrypto

/// An Ed25519 public key (RFC 8032): it tells who signed.
public struct Ed25519PublicKey: Sendable, Hashable {
    /// The 32 bytes.
    public let bytes: [UInt8]

    /// Takes 32 bytes; nil if there are not 32.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// Reads PEM (SubjectPublicKeyInfo, RFC 8410), as `openssl pkey -pubout` writes it; `file` is its name for messages.
    public init(pem: [UInt8], file: String) throws(KeyError) {
        guard let handle = readPEM(pem, by: { PEM_read_bio_PUBKEY($0, nil, noPassphrase, nil) }) else {
            throw KeyError(file, "there is no PEM public key in it")
        }
        defer { EVP_PKEY_free(handle) }
        guard let bytes = rawPublicKey(handle) else { throw KeyError(file, "the key is no Ed25519 key") }
        self.bytes = bytes
    }

    /// PEM, as ``init(pem:file:)`` reads it.
    public var pem: [UInt8] {
        let handle = EVP_PKEY_new_raw_public_key(NID_ED25519, nil, bytes, bytes.count)
        defer { EVP_PKEY_free(handle) }
        return writePEM { PEM_write_bio_PUBKEY($0, handle) }
    }

    /// Whether a signature of 64 bytes is this key's for a message.
    public func isSigner(of message: [UInt8], signature: [UInt8]) -> Bool {
        let handle = EVP_PKEY_new_raw_public_key(NID_ED25519, nil, bytes, bytes.count)
        let context = EVP_MD_CTX_new()
        defer {
            EVP_MD_CTX_free(context)
            EVP_PKEY_free(handle)
            ERR_clear_error()
        }
        return EVP_DigestVerifyInit(context, nil, nil, nil, handle) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
}

/// An Ed25519 private key. It stays in libcrypto's memory until it is written down.
public final class Ed25519PrivateKey: Sendable {
    /// The key that verifies its signatures.
    public let publicKey: Ed25519PublicKey
    // Never changed once made, and libcrypto's keys may be used by several threads.
    nonisolated(unsafe) private let key: OpaquePointer

    private init(adopting key: OpaquePointer, publicKey: Ed25519PublicKey) {
        self.key = key
        self.publicKey = publicKey
    }

    deinit { EVP_PKEY_free(key) }

    /// Makes a new key of random numbers.
    public static func generate() throws(KeyError) -> Ed25519PrivateKey {
        let context = EVP_PKEY_CTX_new_id(NID_ED25519, nil)
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_keygen(context, &key) == 1, let key else {
            ERR_clear_error()
            throw KeyError("Ed25519", "libcrypto has no random numbers for a key")
        }
        return try adopt(key, file: "Ed25519")
    }

    /// Reads PEM (PKCS #8 without a passphrase); `file` is its name for messages.
    public static func read(pem: [UInt8], file: String) throws(KeyError) -> Ed25519PrivateKey {
        guard let key = readPEM(pem, by: { PEM_read_bio_PrivateKey($0, nil, noPassphrase, nil) }) else {
            throw KeyError(file, "there is no PEM private key in it, or it has a passphrase")
        }
        return try adopt(key, file: file)
    }

    private static func adopt(_ key: OpaquePointer, file: String) throws(KeyError) -> Ed25519PrivateKey {
        guard let publicKey = rawPublicKey(key).flatMap(Ed25519PublicKey.init) else {
            EVP_PKEY_free(key)
            throw KeyError(file, "the key is no Ed25519 key")
        }
        return Ed25519PrivateKey(adopting: key, publicKey: publicKey)
    }

    /// PEM, as ``read(pem:file:)`` takes it: a secret.
    public var pem: [UInt8] { writePEM { PEM_write_bio_PKCS8PrivateKey($0, key, nil, nil, 0, nil, nil) } }

    /// Signs: the same message has the same signature of 64 bytes every time.
    public func sign(_ message: [UInt8]) throws(KeyError) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: 64)
        var count = signature.count
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
            EVP_DigestSign(context, &signature, &count, message, message.count) == 1, count == signature.count
        else {
            ERR_clear_error()
            throw KeyError("Ed25519", "libcrypto cannot sign with this key")
        }
        return signature
    }
}

/// The public half of a key; nil if it is not an Ed25519 key.
private func rawPublicKey(_ key: OpaquePointer) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 32)
    var count = bytes.count
    guard EVP_PKEY_get_base_id(key) == NID_ED25519, EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1, count == 32
    else {
        ERR_clear_error()
        return nil
    }
    return bytes
}

/// What one of libcrypto's functions writes as PEM; empty if it fails.
private func writePEM(_ write: (OpaquePointer?) -> Int32) -> [UInt8] {
    let memory = BIO_new(BIO_s_mem())
    defer {
        BIO_free(memory)
        ERR_clear_error()
    }
    var bytes = [UInt8](repeating: 0, count: 4096)
    guard write(memory) == 1 else { return [] }
    let count = BIO_read(memory, &bytes, Int32(bytes.count))
    return Array(bytes.prefix(max(0, Int(count))))
}
