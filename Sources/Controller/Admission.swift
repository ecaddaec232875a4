internal import BootArtefacts
public import LinuxSystem
public import Verifier

/// A generation that this machine takes, and why.
public struct AcceptedGeneration: Sendable, Equatable {
    /// What it is.
    public let manifest: GenerationManifest
    /// The SHA-256 of the manifest's bytes, by which it is known again.
    public let digest: Digest
    /// Whose trusted signature it has; nil where an operator did without.
    public let signer: KeyID?
}

/// Which generations a machine takes: decided from the manifest alone, before an artefact is read.
public struct Admission: Sendable {
    /// Whose signatures count.
    public var trust: TrustStore
    /// Debian's name of the machine's architecture.
    public var architecture: String
    /// Bytes of the passive slot's root partition.
    public var rootBytes: UInt64
    /// Bytes of the passive slot's verity partition.
    public var hashTreeBytes: UInt64
    /// Whether an operator takes a generation that nobody whom the machine trusts has signed. Where one of these has, the
    /// signature must be good.
    public var takesUntrusted: Bool

    /// Says which generations are taken.
    public init(
        trust: TrustStore, architecture: String, rootBytes: UInt64, hashTreeBytes: UInt64, takesUntrusted: Bool = false
    ) {
        self.trust = trust
        self.architecture = architecture
        self.rootBytes = rootBytes
        self.hashTreeBytes = hashTreeBytes
        self.takesUntrusted = takesUntrusted
    }

    /// Takes a generation, or says why not.
    ///
    /// - Parameters:
    ///   - manifest: the manifest's bytes.
    ///   - signatures: those of the file of signatures beside it; empty if there is none.
    ///   - name: what messages call the manifest.
    /// - Throws: ``ControllerError``: `trust` for who signed it, `manifest` for what it says, `space` if it does not fit.
    public func accept(
        manifest bytes: [UInt8], signatures: [UInt8], name: String
    ) throws(ControllerError) -> AcceptedGeneration {
        let signer =
            takesUntrusted
            ? try trust.find(signatures, of: bytes).signer : try trust.signer(of: bytes, signatures: signatures)
        // Only now is it read: what nobody vouches for does not get as far as a parser.
        let manifest: GenerationManifest
        do throws(VerificationError) { manifest = try GenerationManifest(parsing: bytes, file: name) } catch {
            throw ControllerError(.manifest, "manifest", "\(error)")
        }
        try check(manifest)
        return AcceptedGeneration(manifest: manifest, digest: SHA256.hash(bytes), signer: signer)
    }

    private func check(_ manifest: GenerationManifest) throws(ControllerError) {
        func error(_ message: String) -> ControllerError { ControllerError(.manifest, manifest.file, message) }
        guard manifest.architecture == architecture else {
            throw error(
                "the generation is for \(manifest.architecture), this machine is \(architecture): construct it for "
                    + "\(architecture)")
        }
        guard SplitFileName.isValid(manifest.name.utf8), manifest.name.utf8.count <= 63 else {
            throw error("its name is no blueprint's")
        }
        guard GenerationManifest.rootFilesystems.contains(manifest.rootFilesystem) else {
            throw error(
                "its root is a file system of a kind that is not known here; known are "
                    + GenerationManifest.rootFilesystems.joined(separator: ", ") + ": go by way of an older release")
        }
        if let commandLine = manifest.commandLine {
            try Self.check(commandLine, of: manifest, subject: manifest.file, in: "the manifest's command line")
        }
        for (what, size, room) in [
            ("root", manifest.root.size, rootBytes), ("hash tree", manifest.hashTree.size, hashTreeBytes),
        ] {
            guard size > 0 else { throw error("its \(what) is empty") }
            guard UInt64(size) <= room else {
                throw ControllerError(
                    .space, manifest.file,
                    "its \(what) has \(size) bytes (\(humanSize(size))), the passive slot's partition \(room) "
                        + "(\(humanSize(room))): make the system smaller, or install it anew with a larger `image: slot`"
                )
            }
        }
        guard manifest.kernelImage.size > 0 else { throw error("its kernel image is empty") }
    }

    /// Holds the kernel image to the manifest: its digest, its command line, and the root that this names.
    ///
    /// - Parameter bytes: the whole kernel image.
    /// - Throws: ``ControllerError`` of kind `manifest`.
    public static func checkKernelImage(
        _ bytes: [UInt8], of manifest: GenerationManifest
    ) throws(ControllerError) {
        let subject = "kernel image"
        guard bytes.count == manifest.kernelImage.size, SHA256.hash(bytes) == manifest.kernelImage.digest else {
            throw ControllerError(.manifest, subject, "it is not the one that the manifest tells of: fetch it again")
        }
        let found: [UnifiedKernelImage.Section]
        do throws(BootArtefactError) {
            found = try UnifiedKernelImage.sections(of: bytes).filter { $0.name == ".cmdline" }
        } catch {
            throw ControllerError(.manifest, subject, "\(error)")
        }
        guard let section = found.first, found.count == 1 else {
            throw ControllerError(.manifest, subject, "it has \(found.count) command lines, and must have one")
        }
        let commandLine = String(decoding: section.content, as: UTF8.self)
        if let wanted = manifest.commandLine, wanted != commandLine {
            throw ControllerError(
                .manifest, subject, "its command line is not that of the manifest: construct the generation again")
        }
        try check(commandLine, of: manifest, subject: subject, in: "its command line")
    }

    /// A command line names one root: the manifest's.
    private static func check(
        _ commandLine: String, of manifest: GenerationManifest, subject: String, in place: String
    ) throws(ControllerError) {
        let words = commandLine.split(whereSeparator: { " \t\n\0".contains($0) })
        let hashes = words.filter { $0.hasPrefix("roothash=") }.map { $0.dropFirst("roothash=".count) }
        guard hashes.map(String.init) == [manifest.rootHash.hex] else {
            throw ControllerError(
                .manifest, subject,
                "\(place) does not name the root with hash \(manifest.rootHash.hex), or another one too")
        }
    }
}
