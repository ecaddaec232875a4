import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// A second run makes nothing where the first left what is wanted, and only there.
    @Suite struct RepetitionTests {
        /// Runs the site's construction with outputs of its own; returns whether anything was made.
        private func construct(_ options: [String] = []) throws -> Bool {
            let site = try Site.shared.get()
            try makeDirectories(site.scratch)
            let outputs = ["-o", "\(site.scratch)/node.raw", "-o", "split:\(site.scratch)/split"]
            let outcome = try site.folder.command(
                "construct", outputs + ["--json", "--store", "\(site.folder.path)/store"] + site.mirror + options
            ).outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            #expect(outcome.output.contains("\(site.scratch)/split"))
            let hasBegun = outcome.errors.contains("\"step\":\"apply blueprint\"")
            #expect(hasBegun != outcome.errors.contains("nothing has changed since the last run"))
            #expect(try differences(between: site.image, and: "\(site.scratch)/node.raw") == [])
            return hasBegun
        }

        @Test func whatIsThereIsMadeAnewOnlyIfItChanged() throws {
            let site = try Site.shared.get()
            #expect(try construct())
            #expect(try !construct())
            // One byte, and the time of it put back.
            let change = """
                touch -r "$0" "$0.time"
                printf x | dd of="$0" bs=1 seek=70000000 conv=notrunc status=none
                touch -r "$0.time" "$0"
                """
            try run("sh", "-euc", change, "\(site.scratch)/node.raw")
            #expect(try construct())
            try run("chmod", "600", "\(site.scratch)/split/SHA256SUMS")
            #expect(try construct())
            // What else is wanted.
            #expect(try construct(["--provenance"]))
            #expect(try !construct(["--provenance"]))
        }
    }
}
