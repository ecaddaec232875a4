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
