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
            let differing = try differences(between: site.image, and: "\(site.scratch)/node.raw")
            // The release is in the manifest, and nowhere on the disk.
            #expect(differing == (options.contains("--release") ? ["manifest"] : []))
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

        /// The disk has the same bits, which construct(_:) compares.
        @Test func releaseAndSignatureChangeWhatIsPublishedAndNotTheDisk() throws {
            let site = try Site.shared.get()
            try makeDirectories(site.scratch)
            let key = "\(site.scratch)/key"
            let id = try piscesCommand(["key", "generate", key]).outcome().output.dropLast()
            let names = { try Descriptor.directory("\(site.scratch)/split").entries() }
            #expect(try construct(["--release", "7"]))
            #expect(try !construct(["--release", "7"]))
            #expect(try names().contains("node_7.efi") && !names().contains("manifest.json.sig"))
            #expect(try construct(["--release", "8"]))
            #expect(try names().contains("node_8.efi") && !names().contains("node_7.efi"))
            #expect(try construct(["--release", "8", "--sign-key", key]))
            #expect(try !construct(["--release", "8", "--sign-key", key]))
            let signatures = ["split/manifest.json.sig", "node.manifest.json.sig"].map { "\(site.scratch)/\($0)" }
            let texts = try signatures.map(fileText)
            #expect(texts[0] == texts[1] && texts[0].hasPrefix("\(id) "))
            try run("sh", "-euc", "cd \(site.scratch)/split && sha256sum -c --strict SHA256SUMS")
            // What a signer on another machine makes of it is the same.
            let manifest = "\(site.scratch)/copy.json"
            try run("cp", "\(site.scratch)/split/manifest.json", manifest)
            let signed = try piscesCommand(["key", "sign", manifest, "--key", key]).outcome()
            #expect(signed.output == "\(manifest).sig\n")
            #expect(try fileText("\(manifest).sig") == texts[0])
            // The secret is nowhere but in its file.
            let secret = try fileText(key).split(separator: "\n")[1]
            let found = try runTool(
                ["grep", "-rlF", String(secret), site.scratch, site.folder.cache], networkEnvironment, nil
            ).output
            #expect(String(decoding: found, as: UTF8.self) == "\(key)\n")
            // Unsigned again: a signature of another manifest would be a lie.
            #expect(try construct())
            #expect(access(signatures[1], F_OK) != 0)
            let wrong = try piscesCommand(
                ["construct", site.folder.blueprint, "--sign-key", "\(key).pem"], cache: site.folder.cache
            ).outcome()
            #expect(wrong.status == .exited(1) && wrong.errors.contains("no PEM private key"))
        }
    }
}
