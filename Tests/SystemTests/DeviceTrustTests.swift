import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests.DeviceTests {
    // MARK: - Whose generations are taken

    @Test func onlyWhatATrustedKeySignedIsTakenAndOnlyUntilItIsRevoked() throws {
        let device = try Device(site.image, in: path)
        let before = try device.fingerprint()
        let next = releases["next"]
        let unsigned = try releases.variant(of: next, in: path, named: "unsigned", signedBy: [])
        let foreign = try releases.variant(of: next, in: path, named: "foreign", signedBy: ["stranger"])
        let both = try releases.variant(of: next, in: path, named: "both", signedBy: ["stranger", "vendor"])

        #expect(try device.pisces("key", "list").errors.contains("no key is trusted"))
        #expect(try device.pisces("upgrade", next).isRefused("nobody whom this machine trusts has signed the manifest"))
        let trusted = try device.pisces("key", "trust", releases.publicKey("vendor"))
        let id = String(trusted.output.prefix(16))
        #expect(trusted.output == "\(id)  trusted\n")
        #expect(try device.pisces("key", "list").output == "\(id)  trusted  /etc/pisces/trust.d/\(id).pem\n")
        #expect(try device.pisces("upgrade", unsigned).isRefused("the manifest is not signed"))
        #expect(try device.pisces("upgrade", foreign).isRefused("nobody whom this machine trusts has signed"))
        // A trusted key's signature of something else is worse than none: nobody may do without.
        let forged = try releases.variant(of: next, in: path, named: "forged", signedBy: [])
        try run("cp", "\(next)/manifest.json.sig", forged)
        try write(try fileText("\(forged)/manifest.json") + " ", to: "\(forged)/manifest.json")
        let words = "the manifest is not what \(id) has signed"
        #expect(try device.pisces("upgrade", forged).isRefused(words))
        #expect(try device.pisces("upgrade", "--untrusted", forged).isRefused(words))

        // Another file with the same key: it is the key that is revoked.
        try device.shell("cp '\(releases.publicKey("vendor"))' /etc/pisces/trust.d/again.pem")
        #expect(try device.pisces("key", "revoke", id).output == "\(id)  revoked\n")
        #expect(try device.pisces("key", "list").outputLines.allSatisfy { $0.hasPrefix("\(id)  revoked") })
        #expect(try device.pisces("upgrade", next).isRefused("\(id) (revoked)"))
        #expect(try device.pisces("upgrade", both).isRefused("\(id) (revoked)"))
        #expect(try changes(since: before, on: device) == [])
        #expect(try device.pisces("key", "revoke", "0123").isRefused("16 hexadecimal digits"))

        // This once.
        let outcome = try device.pisces("upgrade", "--untrusted", foreign)
        #expect(outcome.isDone("is staged in slot b, signed by nobody whom this machine trusts"), outcome.text)
        #expect(try device.pisces("cancel").isDone())
        #expect(try device.pisces("upgrade", foreign).isRefused("nobody whom this machine trusts"))
        // Trusted again, beside a signature of somebody else.
        _ = try device.pisces("key", "trust", releases.publicKey("vendor"))
        #expect(try device.pisces("upgrade", both).isDone("signed by \(id)"))
    }

    /// The lines of the fingerprint that are others than before, but for what the trusting itself writes into `/etc`.
    private func changes(since before: String, on device: Device) throws -> [Substring] {
        let old = Set(before.split(separator: "\n"))
        return try device.fingerprint().split(separator: "\n").filter {
            !old.contains($0) && !$0.contains("/trust.d/") && !$0.contains("state/controller/")
        }
    }

    // MARK: - What is not as the manifest says

    @Test func whatIsNotAsTheManifestSaysIsNotStaged() throws {
        let device = try makeDevice()
        let before = try device.fingerprint()
        let next = releases["next"]
        func variant(_ name: String, _ edit: (String) throws -> String = { $0 }) throws -> String {
            try releases.variant(of: next, in: path, named: name, signedBy: ["vendor"], edit)
        }
        let manifest = try JSONValue(parsing: Array(try fileText("\(next)/manifest.json").utf8), file: "manifest")
        let artefacts = manifest["artefacts"]?.array ?? []
        let sizes = artefacts.compactMap { $0["size"]?.integer }
        #expect(sizes.count == 3)
        // Each artefact's size in turn, a block more and a block less than there is.
        for (index, size) in sizes.enumerated() {
            for wrong in [size - 4096, size + 4096] {
                let liar = try variant("liar-\(index)-\(wrong)") {
                    $0.replacing("\"size\": \(size)\n", with: "\"size\": \(wrong)\n")
                }
                let outcome = try device.pisces("upgrade", liar)
                #expect(outcome.isRefused("\(size) bytes", "\(wrong)"), outcome.text)
            }
        }
        let large = try variant("large") {
            $0.replacing("\"size\": \(sizes[0])\n", with: "\"size\": \(1 << 40)\n")
        }
        #expect(try device.pisces("upgrade", large).isRefused("the passive slot's partition 1073741824"))
        let foreign = try variant("arm64") { $0.replacing("\"amd64\"", with: "\"arm64\"") }
        #expect(try device.pisces("upgrade", foreign).isRefused("is for arm64, this machine is amd64"))
        // A byte of the kernel image is found out before anything is written.
        let kernel = try variant("kernel")
        try change(byte: 1 << 20, of: ".efi", in: kernel)
        #expect(try device.pisces("upgrade", kernel).isRefused("it is not the one that the manifest tells of"))
        #expect(try device.fingerprint() == before)

        // One of root or hash tree when the slot is read back.
        for (name, suffix) in [("root", ".root.erofs"), ("tree", ".verity")] {
            let changed = try variant(name)
            try change(byte: 1 << 20, of: suffix, in: changed)
            let outcome = try device.pisces("upgrade", changed)
            #expect(
                outcome.isRefused("reads back differently", "was not staged: the same pisces upgrade tries again"),
                outcome.text)
            #expect(try device.phase() == "interrupted" && device.status()["next"]?.integer == 1)
            #expect(try device.pisces("flip").isRefused("no generation is staged"))
        }
        // What is whole takes the same slot.
        #expect(try device.pisces("upgrade", next).isDone("is staged in slot b"))
        #expect(try device.pisces("verify").isDone("✓ slot a, generation 1", "✓ slot b, generation"))
    }

    /// Changes one byte of an artefact, in a copy of it.
    private func change(byte offset: Int, of suffix: String, in folder: String) throws {
        let name = try #require(try Descriptor.directory(folder).entries().first { $0.hasSuffix(suffix) })
        try run("cp", "--sparse=always", "--remove-destination", "\(releases["next"])/\(name)", "\(folder)/\(name)")
        let file = try Descriptor.open("\(folder)/\(name)", O_RDWR)
        try file.writeAll([try file.bytes(at: offset, count: 1)[0] ^ 1], at: offset)
    }

    // MARK: - Sources

    @Test func archiveIsASourceAndOneThatIsCutOffIsRefused() throws {
        let device = try makeDevice()
        let cut = "\(path)/cut.split.tar"
        try run("cp", releases["next.split.tar"], cut)
        #expect(truncate(cut, 100 << 20) == 0)
        let before = try device.fingerprint()
        #expect(try device.pisces("upgrade", cut).isRefused("the archive is cut off"))
        #expect(try device.fingerprint() == before)
        let outcome = try device.pisces("upgrade", releases["next.split.tar"])
        #expect(outcome.isDone("generation 2 is staged in slot b, signed by"), outcome.text)
    }

    @Test func connectionThatBreaksIsTakenUpWhereItBroke() throws {
        let device = try makeDevice()
        var bodies: [String: [UInt8]] = [:]
        for name in try Descriptor.directory(releases["next"]).entries() {
            bodies[name] = try Descriptor.open("\(releases["next"])/\(name)").readToEnd()
        }
        let root = try #require(bodies.keys.first { $0.hasSuffix(".root.erofs") })
        let half = (bodies[root]?.count ?? 0) / 2
        let server = try HTTPServer(bodies)
        try server.serve {
            let outcome = try device.pisces("upgrade", server.uri("half/"))
            #expect(outcome.isDone("generation 2 is staged in slot b, signed by"), outcome.text)
            let resumed = server.requests.filter { $0.contains("\(root) Range") && !$0.contains("bytes=0-") }
            #expect(resumed == ["/half/\(root) Range: bytes=\(half)-"])
            #expect(try device.pisces("cancel").isDone())
            // Of a server that lies no byte is used.
            #expect(try device.pisces("upgrade", server.uri("corrupt/")).isRefused("signature"))
            #expect(try device.pisces("upgrade", server.uri("missing/")).isRefused("there is no manifest.json"))
        }
        #expect(try device.phase() == "idle")
    }
}
