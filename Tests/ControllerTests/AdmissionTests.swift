import BootArtefacts
import Controller
import LinuxSystem
import PiscesTesting
import Testing
import Verifier

@Suite struct AdmissionTests {
    private func refusal(
        _ generation: SampleGeneration, _ kind: ControllerError.Kind, signatures: [UInt8]? = nil,
        _ change: (inout Admission) throws -> Void = { _ in }
    ) throws -> String {
        var admission = try generation.admission
        try change(&admission)
        let error = #expect(throws: ControllerError.self) {
            try admission.accept(
                manifest: generation.manifest, signatures: signatures ?? generation.signatures, name: "m.json")
        }
        #expect(error?.kind == kind, "\(error?.description ?? "")")
        return error?.description ?? ""
    }

    @Test func signedGenerationForThisMachineIsTaken() throws {
        let generation = try SampleGeneration()
        let accepted = try generation.admission.accept(
            manifest: generation.manifest, signatures: generation.signatures, name: "m.json")
        #expect(accepted.signer == KeyID(generation.key.publicKey))
        #expect(accepted.digest == SHA256.hash(generation.manifest))
        #expect(accepted.manifest.release == 7 && accepted.manifest.rootHash == generation.rootHash)
    }

    @Test func whatNobodyTrustedHasSignedIsTakenOnlyWhereAnOperatorSaysSo() throws {
        let generation = try SampleGeneration()
        let words = try refusal(generation, .trust, signatures: [])
        #expect(words.contains("is not signed") && words.contains("pisces key sign"))
        var admission = try generation.admission
        admission.takesUntrusted = true
        let foreign = try SampleGeneration(release: 8)
        let id = KeyID(foreign.key.publicKey)
        let line = Array(try TrustStore.signature(of: generation.manifest, by: foreign.key).utf8)
        let other = try refusal(generation, .trust, signatures: line)
        #expect(other.contains("\(id)") && other.contains("pisces key trust"))
        for signatures in [[], Array("\n".utf8), line] {
            #expect(
                try admission.accept(manifest: generation.manifest, signatures: signatures, name: "m").signer == nil)
        }
        // The signature of a trusted key must be good, whatever the operator says.
        let forged = try refusal(generation, .trust, signatures: foreign.signatures) {
            $0.trust = try foreign.trusting
            $0.takesUntrusted = true
        }
        #expect(forged.contains("is not what \(id) has signed"))
    }

    @Test func revokedKeyIsNamedSo() throws {
        let generation = try SampleGeneration()
        let directory = try TemporaryDirectory()
        try TrustStore.revoke(KeyID(generation.key.publicKey), in: directory.path)
        let words = try refusal(generation, .trust) { $0.trust = try TrustStore(directories: [directory.path]) }
        #expect(words.contains("\(KeyID(generation.key.publicKey)) (revoked)"))
    }

    @Test func otherArchitectureIsRefused() throws {
        let words = try refusal(try SampleGeneration(), .manifest) { $0.architecture = "arm64" }
        #expect(words.contains("for amd64, this machine is arm64"))
    }

    @Test func whatDoesNotFitIsRefusedWithBothNumbers() throws {
        let generation = try SampleGeneration()
        let root = try refusal(generation, .space) { $0.rootBytes = 999_999 }
        #expect(root.contains("1000000 bytes") && root.contains("999999") && root.contains("image: slot"))
        let tree = try refusal(generation, .space) { $0.hashTreeBytes = 19_999 }
        #expect(tree.contains("20000 bytes") && tree.contains("19999"))
        var admission = try generation.admission
        (admission.rootBytes, admission.hashTreeBytes) = (1_000_000, 20_000)
        _ = try admission.accept(manifest: generation.manifest, signatures: generation.signatures, name: "m")
    }

    @Test(arguments: [
        ("name", "\"../node\"", "no blueprint's"), ("name", "\"\"", "no blueprint's"),
        ("name", "\".a\"", "no blueprint's"),
        ("name", "\"a/b\"", "no blueprint's"), ("manifest", "2", "version 2"), ("release", "-1", "release is not"),
        ("artefacts", "[]", "one artefact root"), ("root-hash", "\"00\"", "root-hash is not a digest"),
        ("command-line", "\"ro\"", "does not name the root"), ("release", "null", "release is not"),
        ("command-line", "\"roothash=\(String(repeating: "0", count: 64))\"", "does not name the root"),
        ("data-schema", "{\"floor\":1}", "data-schema"), ("epoch", "1.5", "m.json"),
    ])
    func contradictionIsRefusedThoughItIsSigned(key: String, value: String, reason: String) throws {
        var generation = try SampleGeneration()
        generation.members[key] = value
        let words = try refusal(generation, .manifest)
        #expect(words.contains(reason), "\(words)")
    }

    @Test func rootOfUnknownKindIsRefused() throws {
        var generation = try SampleGeneration()
        generation.filesystem = "btrfs"
        #expect(try refusal(generation, .manifest).contains("erofs, squashfs, ext4"))
        generation.filesystem = "squashfs"
        _ = try generation.admission.accept(
            manifest: generation.manifest, signatures: generation.signatures, name: "m")
    }

    // MARK: - Kernel image

    private func manifest(of generation: SampleGeneration) throws -> GenerationManifest {
        try GenerationManifest(parsing: generation.manifest, file: "m.json")
    }

    @Test func kernelImageOfTheManifestIsGood() throws {
        var generation = try SampleGeneration()
        try Admission.checkKernelImage(generation.kernelImage, of: try manifest(of: generation))
        // An older manifest tells no command line.
        generation.members["command-line"] = nil
        try Admission.checkKernelImage(generation.kernelImage, of: try manifest(of: generation))
    }

    @Test func kernelImageThatIsAnotherIsRefused() throws {
        let generation = try SampleGeneration()
        var changed = generation.kernelImage
        changed[changed.count - 1] ^= 1
        for image in [changed, Array(generation.kernelImage.dropLast()), []] {
            let said = words { try Admission.checkKernelImage(image, of: try manifest(of: generation)) }
            #expect(said.contains("not the one that the manifest tells of"))
        }
    }

    @Test(
        arguments: [
            ("roothash=HASH quiet", "roothash=HASH quiet init=/bin/sh", "not that of the manifest"),
            ("roothash=HASH", "roothash=HASH roothash=0", "not that of the manifest"),
            (nil, "ro", "does not name the root"), (nil, "roothash=HASH roothash=0", "does not name the root"),
            (nil, "xroothash=HASH", "does not name the root"),
        ] as [(String?, String, String)])
    func kernelImageWithAnotherCommandLineIsRefused(told: String?, built: String, reason: String) throws {
        let hash = "\(try SampleGeneration().rootHash)"
        var generation = try SampleGeneration(commandLine: built.replacing("HASH", with: hash))
        generation.members["command-line"] = told.map { "\"\($0.replacing("HASH", with: hash))\"" }
        let said = words { try Admission.checkKernelImage(generation.kernelImage, of: try manifest(of: generation)) }
        #expect(said.contains(reason), "\(said)")
    }
}
