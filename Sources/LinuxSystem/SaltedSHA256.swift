internal import CCrypto

/// SHA-256 of many blocks behind one salt: the salt is hashed once, and nothing is allocated per block.
public struct SaltedSHA256: ~Copyable {
    private let salted: OpaquePointer
    private let block: OpaquePointer

    /// Hashes the salt, which comes before every block.
    public init(salt: [UInt8]) {
        guard let salted = EVP_MD_CTX_new(), let block = EVP_MD_CTX_new(),
            EVP_DigestInit_ex(salted, EVP_sha256(), nil) == 1, EVP_DigestUpdate(salted, salt, salt.count) == 1
        else { preconditionFailure("libcrypto has no SHA-256 or no memory is left") }
        self.salted = salted
        self.block = block
    }

    deinit {
        EVP_MD_CTX_free(salted)
        EVP_MD_CTX_free(block)
    }

    /// Writes the 32 bytes of the digest of salt and `bytes` to the start of `digest`, which must have room for them.
    public mutating func hash(_ bytes: UnsafeRawBufferPointer, into digest: UnsafeMutableRawBufferPointer) {
        precondition(digest.count >= 32, "a SHA-256 digest has 32 bytes")
        EVP_MD_CTX_copy_ex(block, salted)
        EVP_DigestUpdate(block, bytes.baseAddress, bytes.count)
        EVP_DigestFinal_ex(block, digest.baseAddress?.assumingMemoryBound(to: UInt8.self), nil)
    }
}
