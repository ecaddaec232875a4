internal import Disk
internal import LinuxSystem
internal import SlotMachine
internal import Verifier

/// Where the bytes of an upgrade come from: a directory as `pisces construct --output split:` writes it, an uncompressed
/// tar archive of one, or a URL of either.
///
/// The manifest and its signatures are read at once; nothing is believed of them here (``Admission`` does that). The
/// artefacts are read while a slot is written, forwards and without a copy: what is in memory is a few MiB.
public final class UpgradeSource {
    /// What messages call it: the path or URL, without passwords.
    public let name: String
    /// The manifest's bytes.
    public let manifest: [UInt8]
    /// The bytes of the file of signatures; empty if there is none.
    public let signatures: [UInt8]
    private let medium: Medium

    /// What holds the files.
    private enum Medium {
        case directory(String)
        case remoteDirectory(String, Patience)
        case archive(any ByteSource, BundleIndex)
    }

    /// Opens a source: a path or an `http://` or `https://` URL (``UpgradeLocation``).
    ///
    /// - Throws: ``ControllerError`` of kind `source` if there is no manifest, or it cannot be read.
    public init(_ source: String, patience: Patience = Patience()) throws(ControllerError) {
        switch try UpgradeLocation(source) {
        case .directory(let path):
            (name, medium) = (path, .directory(path))
        case .remoteDirectory(let url):
            (name, medium) = (UpgradeLocation.shown(url), .remoteDirectory(url, patience))
        case .archive(let path):
            name = path
            let file: LocalFile
            do throws(SystemError) { file = try LocalFile(path) } catch {
                throw ControllerError(.source, path, "\(error)")
            }
            medium = try Self.archive(file)
        case .remoteArchive(let url):
            name = UpgradeLocation.shown(url)
            medium = try Self.archive(RemoteFile(url, patience))
        }
        guard let manifest = try Self.contents(SplitName.manifest, in: medium, limit: TrustStore.manifestLimit) else {
            throw ControllerError(
                .source, name,
                "there is no \(SplitName.manifest): name what pisces construct --output split: has written")
        }
        self.manifest = manifest
        signatures = try Self.contents(SplitName.signatures, in: medium, limit: TrustStore.signaturesLimit) ?? []
    }

    private static func archive(_ file: some ByteSource) throws(ControllerError) -> Medium {
        let index = try BundleIndex(size: try file.size(), name: file.name) { (range) throws(ControllerError) in
            try file.bytes(in: range)
        }
        return .archive(file, index)
    }

    /// All of a small file; nil if there is none.
    private static func contents(_ name: String, in medium: Medium, limit: Int) throws(ControllerError) -> [UInt8]? {
        switch medium {
        case .directory(let path):
            let file = "\(path)/\(name)"
            do throws(SystemError) { return try Descriptor.open(file).readToEnd(limit: limit) } catch {
                if error.isNotFound { return nil }
                throw ControllerError(.source, file, error.isTooLarge ? Trouble.tooLarge(limit).message : "\(error)")
            }
        case .remoteDirectory(let url, let patience):
            return try RemoteFile(url + name, patience).contents(limit: limit)
        case .archive(let file, let index):
            guard let range = index.files[name] else { return nil }
            guard range.count <= limit else { throw Trouble.tooLarge(limit).error("\(file.name): \(name)") }
            return try file.bytes(in: range)
        }
    }

    /// The upgrade to an accepted generation, whose artefacts are all there with their sizes. The kernel image is read now,
    /// and held to the manifest: it is small, and what it boots must be right before anything is changed.
    ///
    /// - Throws: ``ControllerError`` of kind `source` if one is missing or has another size, of kind `manifest` if the
    ///   kernel image is not what the manifest tells of.
    public func upgrade(_ accepted: AcceptedGeneration) throws(ControllerError) -> Upgrade {
        let manifest = accepted.manifest
        let names = SplitName(
            name: manifest.name, release: manifest.release, rootHash: manifest.rootHash,
            filesystem: manifest.rootFilesystem)
        var parts: [Artefact: Part] = [:]
        for (artefact, name, wanted) in [
            (Artefact.root, names.root, manifest.root), (.hashTree, names.hashTree, manifest.hashTree),
            (.kernelImage, names.kernelImage, manifest.kernelImage),
        ] {
            guard SplitFileName.isValid(name.utf8) else {
                throw ControllerError(.source, self.name, "the manifest names files that cannot be")
            }
            let part = try part(name)
            guard part.range.count == wanted.size else {
                throw ControllerError(
                    .source, "\(self.name): \(name)",
                    "it has \(part.range.count) bytes, and its manifest tells of \(wanted.size): it was cut off or "
                        + "replaced; publish the generation again, or fetch it anew")
            }
            parts[artefact] = part
        }
        var kernelImage: [UInt8] = []
        if let part = parts[.kernelImage] { kernelImage = try part.file.bytes(in: part.range) }
        try Admission.checkKernelImage(kernelImage, of: manifest)
        let contents = { (artefact: GenerationManifest.Artefact) in
            Contents(sizeBytes: artefact.size, digest: artefact.digest)
        }
        var upgrade = Upgrade(
            name: manifest.name, release: manifest.release, rootHash: manifest.rootHash, root: contents(manifest.root),
            hashTree: contents(manifest.hashTree), kernelImage: contents(manifest.kernelImage)
        ) { artefact, offset, count in
            if artefact == .kernelImage { return Array(kernelImage.dropFirst(offset).prefix(count)) }
            guard let part = parts[artefact] else { return [] }
            let start = part.range.lowerBound + offset
            return try part.file.bytes(in: start..<min(start + min(count, readLimit), part.range.upperBound))
        }
        upgrade.data = DataSchema(version: manifest.dataSchema.version, floor: manifest.dataSchema.floor)
        return upgrade
    }

    /// Where an artefact is.
    private struct Part {
        let file: any ByteSource
        let range: Range<Int>
    }

    private func part(_ name: String) throws(ControllerError) -> Part {
        let file: any ByteSource
        switch medium {
        case .archive(let file, let index):
            guard let range = index.files[name] else {
                throw ControllerError(.source, self.name, "the archive has no \(name), of which its manifest tells")
            }
            return Part(file: file, range: range)
        case .directory(let path):
            do throws(SystemError) { file = try LocalFile("\(path)/\(name)") } catch {
                throw ControllerError(.source, "\(path)/\(name)", "\(error)")
            }
        case .remoteDirectory(let url, let patience): file = RemoteFile(url + name, patience)
        }
        return Part(file: file, range: 0..<(try file.size()))
    }
}
