public import LinuxSystem

/// The Debian mirrors that this host uses.
public struct HostMirror: Sendable, Equatable {
    /// The URI of Debian's archive.
    public var mirror: String
    /// The URI of Debian's security archive.
    public var securityMirror: String

    /// Mirrors from their URIs.
    public init(mirror: String, securityMirror: String) {
        self.mirror = mirror
        self.securityMirror = securityMirror
    }

    /// Asks the host's apt; an error of kind `.request` when the host is not set up for Debian.
    public static func discover(run: ToolRunner) throws(PlanError) -> HostMirror {
        let format = "$(REPO_URI)|$(RELEASE)|$(ORIGIN)|$(COMPONENT)|"
        // Without that option, apt tells nothing of archives whose lists it has not fetched; with it, no origin.
        for option in [[], ["--no-release-info"]] {
            let answer = try ToolOutput(
                ["apt-get", "indextargets"] + option + ["--format", format, "Created-By: Packages"],
                networkEnvironment, run)
            if answer.status == 0, let mirror = parse(answer.output) { return mirror }
        }
        throw PlanError(
            .request, "this host's apt has no Debian mirror with its security archive",
            remedy: "Set distribution.mirror and distribution.security-mirror in the blueprint.")
    }

    /// Finds an archive that has SUITE beside another (or the same) that has SUITE-security; nil if there is none.
    static func parse(_ lines: [String]) -> HostMirror? {
        let targets = lines.compactMap { line -> (uri: String, suite: String)? in
            let parts = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            // The origin is not filled in on a host that has not fetched its lists.
            guard parts.count == 5, ["Debian", "", "$(ORIGIN)"].contains(parts[2]), parts[3] == "main" else {
                return nil
            }
            return (withoutSlash(parts[0]), parts[1])
        }
        for security in targets where security.suite.hasSuffix("-security") {
            let suite = String(security.suite.dropLast("-security".utf8.count))
            if let archive = targets.first(where: { $0.suite == suite }) {
                return HostMirror(mirror: archive.uri, securityMirror: security.uri)
            }
        }
        return nil
    }
}
