import BlueprintModel
import Disk
internal import Glibc
import LinuxSystem

/// What an updater writes into a slot, each in a file of its real size, with checksums.
///
/// The names are made for patterns of sysupdate.d(5): `NAME_@v_@u.root.erofs` (or another file system's name at the
/// end), `NAME_@v_@u.verity` and `NAME_@v.efi`, where `@v` is the generation and `@u` the partition UUID that the
/// Discoverable Partitions Specification derives from the root hash, by which the kernel image finds its root.
/// `SHA256SUMS` is what sha256sum(1) and sysupdate read.
struct SplitDirectory {
    static let sums = "SHA256SUMS"
    static let manifest = "manifest.json"

    let disk: BuiltDisk.Facts
    let name: String
    let filesystem: Blueprint.RootFileSystem

    /// The name of an artefact's file.
    func fileName(_ artefact: String) -> String {
        let prefix = "\(name)_\(ImagePlan.firstGeneration)"
        let pair = GUID.halves(of: disk.rootHash)
        return switch artefact {
        case "root": "\(prefix)_\(pair.data).root.\(filesystem.rawValue)"
        case "verity": "\(prefix)_\(pair.hashTree).verity"
        default: "\(prefix).efi"
        }
    }

    /// Fills an empty directory from the disk.
    func write(from image: borrowing Descriptor, to directory: borrowing Descriptor) throws {
        var lines: [String] = []
        for artefact in disk.artefacts {
            let name = fileName(artefact.name)
            let file = try directory.makeFile(name)
            switch artefact.name {
            case "uki": try file.writeAll(disk.kernelImage)
            case "root", "verity":
                let place = try disk.plan.place(artefact.name == "root" ? .root : .verity)
                try file.truncate(to: artefact.size)
                try file.copy(from: image, at: place.start, length: artefact.size, to: 0)
            default: throw ConstructorError("a slot has no \(artefact.name)")
            }
            lines.append("\(artefact.digest.hex)  \(name)\n")
        }
        let manifest = Array(disk.manifest.pretty.utf8)
        try directory.makeFile(Self.manifest).writeAll(manifest)
        lines.append("\(SHA256.hash(manifest).hex)  \(Self.manifest)\n")
        try directory.makeFile(Self.sums).writeAll(lines.joined())
        try directory.setMode(0o755)
    }
}
