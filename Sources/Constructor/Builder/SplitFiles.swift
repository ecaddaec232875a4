import BlueprintModel
import Disk
import Filesystems
internal import Glibc
import LinuxSystem

/// What an updater writes into a slot, each in a file of its real size (``SplitName``), with its manifest: as a directory
/// or as an archive.
struct SplitFiles {
    /// In the directory alone: what sha256sum(1) and sysupdate read. It does not list the signatures, so that signing
    /// afterwards, on another machine, leaves it right.
    static let sums = "SHA256SUMS"

    let disk: BuiltDisk.Facts
    let blueprint: Blueprint
    let epoch: Int64
    let signer: ManifestSigner?

    /// A file, and where its bytes are.
    private struct File {
        let name: String
        let size: Int
        /// nil where sums do not list the file.
        let digest: Digest?
        let source: Source
    }

    private enum Source {
        case bytes([UInt8])
        case image(start: Int)
    }

    /// The files, in the order in which who reads them as they come needs them.
    private func files() throws -> [File] {
        let names = SplitName(
            name: blueprint.name, release: UInt64(disk.release), rootHash: disk.rootHash,
            filesystem: blueprint.image.root.rawValue)
        let manifest = Array(disk.manifest.pretty.utf8)
        func file(_ name: String, _ bytes: [UInt8], isListed: Bool = true) -> File {
            File(name: name, size: bytes.count, digest: isListed ? SHA256.hash(bytes) : nil, source: .bytes(bytes))
        }
        var files = [file(SplitName.manifest, manifest)]
        if let signer {
            files.append(file(SplitName.signatures, Array(try signer.sign(manifest).utf8), isListed: false))
        }
        files.append(file(names.kernelImage, disk.kernelImage))
        for (name, artefact, role) in [
            (names.root, "root", ImageLayout.Role.root), (names.hashTree, "verity", .verity),
        ] {
            guard let artefact = disk.artefacts.first(where: { $0.name == artefact }) else {
                throw ConstructorError("the image has no \(artefact)")
            }
            let start = try disk.plan.place(role).start
            files.append(File(name: name, size: artefact.size, digest: artefact.digest, source: .image(start: start)))
        }
        return files
    }

    /// Fills an empty directory from the disk.
    func write(from image: borrowing Descriptor, to directory: borrowing Descriptor) throws {
        let files = try files()
        for file in files {
            let target = try directory.makeFile(file.name)
            switch file.source {
            case .bytes(let bytes): try target.writeAll(bytes)
            case .image(let start):
                try target.truncate(to: file.size)
                try target.copy(from: image, at: start, length: file.size, to: 0)
            }
        }
        let lines = files.compactMap { file in file.digest.map { "\($0.hex)  \(file.name)\n" } }
        try directory.makeFile(Self.sums).writeAll(lines.joined())
        try directory.setMode(0o755)
    }

    /// Writes the archive; nothing in it tells who made it and when.
    func archive(from image: borrowing Descriptor, to archive: borrowing Descriptor) throws {
        var position = 0
        for file in try files() {
            let header = try TarWriter.header(ofFile: file.name, sizeBytes: file.size, modified: epoch)
            try archive.writeAll(header, at: position)
            position += header.count
            switch file.source {
            case .bytes(let bytes): try archive.writeAll(bytes, at: position)
            case .image(let start):
                // Zeros are holes: the file reaches as far as the next header, or the end.
                try archive.copy(from: image, at: start, length: file.size, to: position)
            }
            position += (file.size + 511) / 512 * 512
            try archive.truncate(to: position)
        }
        try archive.writeAll(TarWriter.end, at: position)
    }
}
