public import LinuxSystem

/// How the files are called that hold one generation's artefacts for updaters.
///
/// The names are made for patterns of sysupdate.d(5): `NAME_@v_@u.root.erofs` (or another file system's name at the
/// end), `NAME_@v_@u.verity` and `NAME_@v.efi`, where `@v` is the release, by which they are ordered, and `@u` the
/// partition UUID that the Discoverable Partitions Specification derives from the root hash.
public struct SplitName: Sendable, Equatable {
    /// The generation's manifest.
    public static let manifest = "manifest.json"
    /// The manifest's signatures.
    public static let signatures = "manifest.json.sig"

    /// The root file system.
    public var root: String
    /// Its hash tree.
    public var hashTree: String
    /// The unified kernel image.
    public var kernelImage: String

    /// The names of a generation's files.
    /// - Parameters:
    ///   - name: the blueprint's.
    ///   - filesystem: the root's, `erofs` for one.
    public init(name: String, release: UInt64, rootHash: Digest, filesystem: String) {
        let pair = GUID.halves(of: rootHash)
        let prefix = "\(name)_\(release)"
        root = "\(prefix)_\(pair.data).root.\(filesystem)"
        hashTree = "\(prefix)_\(pair.hashTree).verity"
        kernelImage = "\(prefix).efi"
    }
}
