public import LinuxSystem
public import SlotMachine

/// What a generation is made of.
public enum Artefact: Sendable, Hashable, CaseIterable {
    /// The root file system, for the root partition.
    case root
    /// Its dm-verity tree, for the verity partition.
    case hashTree
    /// The unified kernel image, for the EFI system partition.
    case kernelImage
}

/// What an artefact must be.
public struct Contents: Sendable, Hashable {
    /// Bytes.
    public var sizeBytes: Int
    /// SHA-256 of them.
    public var digest: Digest

    /// Describes an artefact.
    public init(sizeBytes: Int, digest: Digest) {
        self.sizeBytes = sizeBytes
        self.digest = digest
    }
}

/// A generation to be installed, as its manifest describes it, and where its bytes come from.
///
/// The manifest must have been verified: nothing here looks at signatures.
public struct Upgrade {
    /// What the boot menu calls it.
    public var name: String
    /// The number that the manifest bears.
    public var release: UInt64
    /// The root hash of the verity tree.
    public var rootHash: Digest
    /// The root file system.
    public var root: Contents
    /// Its verity tree.
    public var hashTree: Contents
    /// The unified kernel image.
    public var kernelImage: Contents
    /// Which data it writes below `/var`, and which systems can work with these.
    public var data = DataSchema()
    /// Gives bytes of an artefact: at least one of those from the offset on, at most `count`. Only ever called for
    /// bytes that the contents tell of, and mostly forwards; what it gives is checked by read-back.
    public var read: (Artefact, _ offset: Int, _ count: Int) throws -> [UInt8]

    /// Describes a generation.
    public init(
        name: String, release: UInt64, rootHash: Digest, root: Contents, hashTree: Contents,
        kernelImage: Contents, read: @escaping (Artefact, _ offset: Int, _ count: Int) throws -> [UInt8]
    ) {
        self.name = name
        self.release = release
        self.rootHash = rootHash
        self.root = root
        self.hashTree = hashTree
        self.kernelImage = kernelImage
        self.read = read
    }

    /// What the state machine knows of it.
    var candidate: Candidate {
        Candidate(name: name, release: release, kernelImage: kernelImage.digest.hex, data: data)
    }

    /// Reads from the source what it must be able to give.
    func bytes(of artefact: Artefact, at offset: Int, count: Int) throws(ControllerError) -> [UInt8] {
        let bytes: [UInt8]
        do { bytes = try read(artefact, offset, count) } catch {
            throw ControllerError(.source, name, "\(artefact) cannot be read at byte \(offset): \(error)")
        }
        guard (1...count).contains(bytes.count) else {
            throw ControllerError(.source, name, "\(artefact) ends at byte \(offset), but the manifest tells of more")
        }
        return bytes
    }
}
