public import LinuxSystem

/// The Debian mirrors that this host uses.
public struct HostMirror: Sendable, Equatable {
    /// The URI of Debian's archive.
    public var mirror: String
    /// The URI of Debian's security archive.
    public var securityMirror: String

    /// Asks the host's apt; an error of kind `.request` when the host is not set up for Debian.
    public static func discover(run: ToolRunner) throws(PlanError) -> HostMirror {
        throw PlanError(.tool, "not yet", remedy: "wait")
    }
}
