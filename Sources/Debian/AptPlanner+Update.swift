internal import Glibc

extension AptPlanner {
    /// Fetches release files and package lists that have changed; any source that fails is an error.
    static func update(_ root: AptRoot, _ sources: [AptRoot.Source]) throws(PlanError) {
        let answer = try root.apt(["apt-get", "update", "-q"])
        if answer.status != 0 { throw explain(answer, sources) }
    }

    /// Turns what apt said into an error about the first source that has the gravest trouble.
    static func explain(_ answer: ToolOutput, _ sources: [AptRoot.Source]) -> PlanError {
        let full = String(cString: strerror(ENOSPC))
        if let line = (answer.output + answer.errors).first(where: { $0.contains(full) }) {
            return PlanError(
                .tool, "there is no room for the package lists:\n  \(trimmed(line))",
                remedy: "Free some space where the cache is ($XDG_CACHE_HOME, else ~/.cache): they need 200 MB.")
        }
        let troubles: [(words: [String], error: (String, AptRoot.Source?) -> PlanError)] = [
            (["expired (invalid since", "is not valid yet"], untimely),
            (
                [
                    "NO_PUBKEY", "BADSIG", "ERRSIG", "EXPKEYSIG", "REVKEYSIG", "EXPSIG", "GPG error", "OpenPGP",
                    "signature", "not signed", "Clearsigned", "Hash Sum mismatch", "unexpected size",
                ], unsigned
            ),
            (["does not have a Release file"], { missing(answer, $0, $1) }),
            (["Failed to fetch"], unreachable),
        ]
        for trouble in troubles {
            for line in answer.errors where trouble.words.contains(where: { line.contains($0) }) {
                return trouble.error(line, source(of: line, sources))
            }
        }
        return answer.failure
    }

    /// The source whose URI stands in the line as a whole: `…/debian` is not in `…/debian-security`.
    private static func source(of line: String, _ sources: [AptRoot.Source]) -> AptRoot.Source? {
        sources.first { source in
            let uri = withoutSlash(source.uri)
            return ["/", " ", "'"].contains { line.contains(uri + $0) } || line.hasSuffix(uri)
        }
    }

    private static func title(_ source: AptRoot.Source?) -> String {
        source.map { "\($0.name) (\($0.uri))" } ?? "a repository"
    }

    private static func unsigned(_ line: String, _ source: AptRoot.Source?) -> PlanError {
        let keyring = source?.keyring ?? "none"
        return PlanError(
            .signature, "\(title(source)) is not signed by a key of its keyring, or was changed on the way:\n  \(line)",
            remedy: "The keyring is \(keyring). Use the one the publisher of the repository gives out; if it is right, "
                + "do not use this mirror.")
    }

    private static func untimely(_ line: String, _ source: AptRoot.Source?) -> PlanError {
        PlanError(
            .signature, "the release file of \(title(source)) is not valid at this time:\n  \(line)",
            remedy:
                "Check this machine's clock, or use a mirror that is up to date. A snapshot of the archive is always "
                + "expired: say that it is one.")
    }

    private static func unreachable(_ line: String, _ source: AptRoot.Source?) -> PlanError {
        PlanError(
            .unreachable, "\(title(source)) cannot be reached:\n  \(line)",
            remedy: "Check the network, the proxy (apt's own settings and http_proxy count) and the URI of the mirror.")
    }

    private static func missing(_ answer: ToolOutput, _ line: String, _ source: AptRoot.Source?) -> PlanError {
        // The reason is in the line after "Err:N URI SUITE Release".
        let uri = source.map { withoutSlash($0.uri) } ?? ""
        let failed = answer.output.firstIndex { $0.hasPrefix("Err:") && $0.contains(uri) }
        let reason = failed.flatMap { $0 + 1 < answer.output.count ? trimmed(answer.output[$0 + 1]) : nil } ?? ""
        guard reason.hasPrefix("404") || reason.contains("File not found") || reason.isEmpty else {
            return unreachable("\(line) \(reason)", source)
        }
        let suites = source?.suites.joined(separator: ", ") ?? ""
        return PlanError(
            .request, "\(title(source)) does not have all of the suites \(suites):\n  \(line) \(reason)",
            remedy: "Correct the suite, or name a mirror that has it.")
    }
}
