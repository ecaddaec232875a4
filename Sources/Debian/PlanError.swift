/// Why a request has no plan.
public struct PlanError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What went wrong.
    public enum Kind: Sendable, Equatable {
        /// The request itself is wrong.
        case request
        /// A repository did not answer.
        case unreachable
        /// A repository has no valid signature by a key of its keyring, or its lists do not match it.
        case signature
        /// No repository has a package of this name.
        case unknownPackage
        /// The packages do not go together.
        case unsatisfiable
        /// A tool failed in another way, or its output made no sense.
        case tool
    }

    /// What went wrong.
    public var kind: Kind
    /// What, where and why.
    public var message: String
    /// What to do about it.
    public var remedy: String

    init(_ kind: Kind, _ message: String, remedy: String) {
        self.kind = kind
        self.message = message
        self.remedy = remedy
    }

    /// Message and remedy, for a person.
    public var description: String { "\(message)\n\(remedy)" }
}
