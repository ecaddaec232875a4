/// A version as in deb-version(7): `[epoch:]upstream[-revision]`.
///
/// Equal means spelled alike; ``order(against:)`` is dpkg's order, in which `1.0` and `1.00` are the same.
public struct DebianVersion: Sendable, Hashable, CustomStringConvertible {
    /// The epoch; 0 if none is written.
    public let epoch: Int32
    /// The upstream version.
    public let upstream: String
    /// The Debian revision; empty if none is written.
    public let revision: String
    /// The version as it was written.
    public let description: String

    /// How one version stands to another.
    public enum Order: Sendable {
        /// Before the other.
        case earlier
        /// Neither before nor after it.
        case same
        /// After the other.
        case later
    }
}

extension DebianVersion {
    /// Reads a version; nil if it is none by dpkg's rules.
    public init?(_ text: some StringProtocol) {
        return nil
    }

    /// dpkg's order.
    public func order(against other: DebianVersion) -> Order { .same }
}
