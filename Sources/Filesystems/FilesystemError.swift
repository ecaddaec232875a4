public import LinuxSystem

/// Why a tree could not be read, written or checked.
public enum FilesystemError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A system call failed; it names the path.
    case system(SystemError)
    /// The node at `path` of a tree cannot be what it is, or cannot be held by the file system that is to be written.
    case tree(path: String, problem: String)
    /// What was asked for is impossible whatever the tree (a size, a label, an identifier).
    case parameter(String)
    /// An image breaks its format.
    case image(name: String, problem: String)
    /// An image uses a feature that is not read here; nothing is said against it.
    case unsupported(name: String, problem: String)
    /// An image breaks its format in these bytes, counted from the file system's start.
    case damage(name: String, range: Range<Int>, problem: String)

    /// One sentence: what, where, why.
    public var description: String {
        switch self {
        case .system(let error): "\(error)"
        case .tree(let path, let problem): "\(path): \(problem)"
        case .parameter(let problem): problem
        case .image(let name, let problem), .unsupported(let name, let problem): "\(name): \(problem)"
        case .damage(let name, let range, let problem):
            "\(name): \(problem) (bytes \(range.lowerBound) to \(range.upperBound - 1))"
        }
    }
}

/// Runs a body whose errors are system errors and lifts them.
func lifting<Value: ~Copyable>(_ body: () throws(SystemError) -> Value) throws(FilesystemError) -> Value {
    do { return try body() } catch { throw .system(error) }
}
