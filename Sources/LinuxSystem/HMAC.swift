internal import CCrypto

extension SHA256 {
    /// HMAC-SHA-256 of bytes (RFC 2104), by libcrypto: who has the key can make it again, and nobody else.
    public static func keyed(_ bytes: [UInt8], key: [UInt8]) -> Digest {
        var result = [UInt8](repeating: 0, count: 32)
        guard HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, &result, nil) != nil,
            let digest = Digest(result)
        else { preconditionFailure("libcrypto has no HMAC-SHA-256 or no memory is left") }
        return digest
    }
}
