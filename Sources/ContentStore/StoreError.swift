public import LinuxSystem

/// Why the store refused.
public enum StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A system call failed.
    case system(SystemError)
    /// An object's content was damaged; the damaged file is kept under this path.
    case corrupt(Digest, kept: String)
    /// A file had another digest than was asked for.
    case unexpected(String, wanted: Digest, got: Digest)
    /// Another process or another part of this one has the store in this directory open.
    case busy(String)

    /// For a person.
    public var description: String {
        switch self {
        case .system(let error) where error.isFull:
            "the content store is full: \(error)\nFree some space, or collect the store's garbage."
        case .system(let error): "the content store failed: \(error)"
        case .corrupt(let digest, let kept):
            "the object \(digest) in the content store was damaged; it is kept as \(kept)\n"
                + "Fetch it again. If this happens more than once, check the disk."
        case .unexpected(let name, let wanted, let got):
            "\(name) is not what was expected: wanted SHA-256 \(wanted), got \(got)"
        case .busy(let directory):
            "the content store \(directory) is in use\nWait until the other command has ended."
        }
    }
}
