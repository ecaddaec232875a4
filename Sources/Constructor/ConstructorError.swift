internal import Glibc

/// Why a construction stopped, and what to do about it.
public struct ConstructorError: Error, Sendable, CustomStringConvertible {
    /// What is wrong, with the package, path or device it is about.
    public let message: String
    /// The next step for the person who reads this; nil where the message says it.
    public let hint: String?

    /// Makes an error; `hint` is an imperative sentence without a full stop.
    public init(_ message: String, hint: String? = nil) {
        self.message = message
        self.hint = hint
    }

    /// The message, and the hint on a line of its own.
    public var description: String { hint.map { "\(message)\n  to mend it: \($0)" } ?? message }
}

extension ConstructorError {
    /// What to do where the root does not fit into memory.
    static let fullMemoryHint =
        "the root is made in memory, in half of it at most, or in the folder that --work names: free some there, or "
        + "leave packages out"

    /// A program in the root that failed: what it was to do, and the last of what it said.
    static func program(_ what: String, _ status: Int32, said output: [UInt8], hint: String? = nil) -> ConstructorError {
        let text = String(decoding: output, as: UTF8.self)
        let lines = text.split(separator: "\n").suffix(20).joined(separator: "\n    ")
        let isFull = text.contains(String(cString: strerror(ENOSPC)))
        return ConstructorError(
            "\(what) failed with status \(status):\n    \(lines)", hint: isFull ? fullMemoryHint : hint)
    }
}
