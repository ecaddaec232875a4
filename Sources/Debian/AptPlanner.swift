public import LinuxSystem

/// Resolves package names to package files with apt, in a root of its own: nothing of the host's package state counts.
///
/// apt checks the signatures of the release files against the given keyrings and chooses the packages; their digests come
/// from the package lists those release files vouch for.
public enum AptPlanner {
    /// Resolves a request.
    ///
    /// - Parameters:
    ///   - request: what to install, and from where.
    ///   - stateDirectory: a directory (made if missing) for the package lists; the next call starts from them. One call
    ///     at a time may use it.
    ///   - run: starts apt and dpkg.
    public static func plan(
        _ request: PlanRequest, stateDirectory: String, run: ToolRunner
    ) throws(PlanError) -> Plan {
        throw PlanError(.tool, "not yet", remedy: "wait")
    }
}

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
