import Copier
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// The survey of the machine that runs the tests, beside the tools that know a part of it: with `PISCES_MACHINE_TESTS`,
/// as all of its files are read three times.
@Suite(.enabled(if: getenv("PISCES_MACHINE_TESTS") != nil)) struct ThisSystemTests {
    @Test func everyDifferenceToDpkgAndDebsumsHasItsReason() throws {
        let survey = try Survey.take(of: SourceRoot(path: "/"))
        let findings = Array(survey.findings([.missing, .conffileChanged, .shippedChanged, .unreadable]))
        // dpkg does not count as missing what is legally so; but it names a conffile that a person has deleted.
        let told = findings.filter { ($0.tags.contains(.tombstone) || !$0.tags.contains(.legal)) && !$0.owners.isEmpty }
        let ours = Set(told.map(\.path))

        let verified = try shell("dpkg --verify").output.split(separator: "\n")
            .compactMap { line in line.firstIndex(of: "/").map { canonical(String(line[$0...])) } }
        // A residual conffile is compared by dpkg, too, but here its cause is that nothing ships it any more.
        let residual = Set(survey.findings([.residual]).map(\.path))
        #expect(ours.symmetricDifference(verified).subtracting(residual) == [])

        let sums = try shell("debsums -ca").output.split(separator: "\n").compactMap { line -> String? in
            guard let start = line.firstIndex(of: "/") else { return nil }
            return canonical(String(line[start...].prefix { $0 != " " }))
        }
        #expect(ours.symmetricDifference(sums).subtracting(residual) == [])
    }

    @Test func mostOfWhatNobodyOwnsIsExplained() throws {
        var options = Survey.Options()
        // A tree of its own at the top is a person's as a whole, and so are the areas of policy.
        let packaged = try shell("dpkg-query --listfiles base-files").output.split(separator: "\n").map(String.init)
        let own = try Descriptor.directory("/").entries().map { "/\($0)" }.filter { !packaged.contains($0) }
        options.notEntered +=
            ["/home", "/opt", "/srv", "/root"] + own.filter { !["/usr", "/lost+found"].contains($0) }
        let survey = try Survey.take(of: SourceRoot(path: "/"), options)
        let counts = survey.counts
        let unexplained = counts.causes[.payload] ?? 0
        let unowned = counts.paths - counts.owned
        #expect(unexplained * 20 < unowned, "\(unexplained) of \(unowned)")
        #expect(counts.notComparable == 0)
    }

    /// The path below `/usr` where `/` is merged with it.
    private func canonical(_ path: String) -> String {
        let isMerged = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"].contains { path.hasPrefix("/\($0)/") }
        return isMerged ? "/usr\(path)" : path
    }
}
