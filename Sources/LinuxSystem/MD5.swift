internal import CCrypto

/// MD5 over a stream of bytes, by libcrypto: only for registers that are defined by it, as dpkg's `md5sums`.
public struct MD5: ~Copyable {
    private let context: OpaquePointer

    /// Starts an empty hash.
    public init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_md5(), nil) == 1 else {
            preconditionFailure("libcrypto has no MD5 or no memory is left")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes.
    public mutating func update(_ buffer: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, buffer.baseAddress, buffer.count)
    }

    /// Ends the hash: 32 lower-case hexadecimal digits.
    public consuming func finish() -> String {
        var bytes = [UInt8](repeating: 0, count: 16)
        EVP_DigestFinal_ex(context, &bytes, nil)
        return bytes.hex
    }
}
