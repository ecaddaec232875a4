public import LinuxSystem

/// Files by their SHA-256 below one directory; safe under concurrent writers, in threads and in processes.
///
/// An object appears whole and durable under `sha256/ab/abcd…` or not at all, and is read-only from then on. What is read
/// was verified by this process first.
public final class ObjectStore: Sendable {
    /// The store's directory.
    public let directory: String

    /// Opens the store in `directory`, which is made if missing.
    public init(_ directory: String) throws(StoreError) {
        self.directory = directory
    }

    /// Whether there is an object of this digest; its content is not looked at.
    public func contains(_ digest: Digest) -> Bool { false }

    /// Where an object of this digest is or would be: for messages and for tools that read it after ``open(_:)``.
    public func path(of digest: Digest) -> String { "" }

    /// Stores bytes.
    @discardableResult
    public func put(_ bytes: [UInt8]) throws(StoreError) -> Digest { throw .corrupt(SHA256.hash(bytes), kept: "") }

    /// Stores a copy of a file; with `expected`, only if that is its digest.
    @discardableResult
    public func put(file: borrowing Descriptor, expecting expected: Digest? = nil) throws(StoreError) -> Digest {
        throw .unexpected(file.name, wanted: SHA256.hash([]), got: SHA256.hash([]))
    }

    /// Opens an object for reading; nil if there is none. An object with other content than its digest says is set aside
    /// and reported as ``StoreError/corrupt(_:kept:)``.
    public func open(_ digest: Digest) throws(StoreError) -> Descriptor? { nil }

    /// Removes every object that is not in `roots`, and what crashed writers left. Refused (``StoreError/busy(_:)``) while
    /// another store is open on the directory.
    ///
    /// - Returns: how many objects went, and their bytes.
    public func collectGarbage(keeping roots: Set<Digest>) throws(StoreError) -> (objects: Int, bytes: Int64) { (0, 0) }
}

/// Why the store refused.
public enum StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A system call failed.
    case system(SystemError)
    /// An object's content was damaged; the damaged file is kept under this path.
    case corrupt(Digest, kept: String)
    /// A file had another digest than was asked for.
    case unexpected(String, wanted: Digest, got: Digest)
    /// Another process uses the store.
    case busy(String)

    /// For a person.
    public var description: String { "" }
}
