/// Signs manifests, so that machines which trust the key take the generation.
public struct ManifestSigner: Sendable {
    /// What tells this key from others, and betrays nothing of its secret.
    let key: String
    /// The line of the file of signatures for these bytes.
    let sign: @Sendable ([UInt8]) throws -> String

    /// A signer from what tells its key from others and a closure that signs.
    public init(key: String, sign: @escaping @Sendable ([UInt8]) throws -> String) {
        self.key = key
        self.sign = sign
    }
}
