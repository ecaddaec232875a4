public import LinuxSystem

extension Lock {
    /// Reads a lock; errors name file and line.
    public init(parsing bytes: [UInt8], file: String) throws(Deb822.SyntaxError) {
        throw Deb822.SyntaxError(file: file, line: 1, "not yet")
    }

    /// The lock's text: the same lock is always the same bytes.
    public var text: String { "" }

    /// The digest of the lock's text.
    public var digest: Digest { SHA256.hash(Array(text.utf8)) }

    /// What changed since `old`, one sentence a line; empty when nothing did.
    public func difference(from old: Lock) -> [String] { [] }
}
