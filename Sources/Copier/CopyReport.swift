/// What a copy says beside the blueprint: what it left out, and which paths the blueprint's kinds make.
public struct CopyReport: Sendable, Equatable {
    /// Something of the system that is not in the blueprint.
    public struct Omission: Sendable, Equatable, CustomStringConvertible {
        /// The kind of resource, as the blueprint's key is called.
        public var kind: String
        /// What was left out: a name, a path, or a path with a line's number.
        public var subject: String
        /// Why, and what to do about it where something can be done; never a secret.
        public var reason: String

        /// Makes an omission.
        public init(kind: String, subject: String, reason: String) {
            (self.kind, self.subject, self.reason) = (kind, subject, reason)
        }

        /// `kind: subject: reason`
        public var description: String { "\(kind): \(subject): \(reason)" }
    }

    /// In the order in which the kinds were read.
    public var omissions: [Omission] = []
    /// Absolute paths that the kinds of the blueprint make, or whose content they hold: they are no files of their own.
    public internal(set) var explained: Set<String> = []

    /// Paths of files that stayed behind since they hold a secret.
    public internal(set) var secretFiles: [String] = []
    /// The credentials that the blueprint asks for in place of the contents of files, by path.
    public internal(set) var secretReferences: [String: String] = [:]
    /// The credentials that the blueprint asks for in place of the hashes of passwords, by user.
    public internal(set) var passwords: [String: String] = [:]

    /// Nothing left out, nothing explained.
    public init() {}

    /// Tells how the secrets would have keyed hashes, where there are any.
    mutating func noteMissingKey() {
        if secretReferences.isEmpty && passwords.isEmpty { return }
        omissions.append(
            .init(
                kind: "files", subject: "keyed-hash",
                reason: "nobody can tell later whether a secret changed, since this system has no key for hashes: let "
                    + "`systemd-creds setup` make one, or name one by --hash-key"))
    }
}

/// Why nothing was copied, and what to do about it.
public struct CopyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong, with file and line where there is one.
    public let message: String
    /// What to do, as an imperative sentence without a full stop; nil where the message says it.
    public let hint: String?

    init(_ message: String, hint: String? = nil) {
        self.message = message
        self.hint = hint
    }

    /// The message, and the hint on a line of its own.
    public var description: String { hint.map { "\(message)\n  to mend it: \($0)" } ?? message }
}
