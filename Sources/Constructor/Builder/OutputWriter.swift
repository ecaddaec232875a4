import BlueprintModel
import Debian
import Disk
import Filesystems
internal import Glibc
import LinuxSystem

/// A finished disk image that has no name yet.
struct BuiltDisk: ~Copyable {
    /// What is known of it.
    struct Facts {
        var plan: ImagePlan
        var rootHash: Digest
        var artefacts: [ImageBuilder.Artefact]
        var kernelImage: [UInt8]
        /// The number that the manifest bears.
        var release: Int
        var manifest: JSONValue
    }

    let image: AtomicFile
    let facts: Facts
}

/// Writes what was built in each form that is wanted. Nothing of it has its name yet.
struct OutputWriter {
    let outputs: [Output]
    let blueprint: Blueprint
    let lock: Lock
    let root: StagedRoot
    let signer: ManifestSigner?

    // MARK: - Forms of the disk

    /// The output whose file the disk is built in, or else the one beside which it is built; nil where none is wanted.
    static func diskOutput(of outputs: [Output]) -> Output? {
        outputs.first { $0.form == .raw } ?? outputs.first { $0.form.isDisk }
    }

    /// Writes all forms of the disk, with the manifests beside them.
    func write(_ disk: consuming BuiltDisk) throws -> [PendingOutput] {
        var written: [PendingOutput] = []
        for output in outputs where output.form.isDisk {
            // The disk itself is the first raw output; another form beside which it was built is still to be made.
            if output.form == .raw, output.path == disk.image.path { continue }
            written.append(try write(output, from: disk))
        }
        let manifest = Array(disk.facts.manifest.pretty.utf8)
        let signature = try signer?.sign(manifest)
        for output in outputs {
            guard let path = output.manifestPath, let signatures = output.signaturesPath,
                !written.contains(where: { $0.path == path })
            else { continue }
            let file = try AtomicFile.create(path)
            try file.descriptor.writeAll(manifest)
            written.append(PendingOutput(file))
            guard let signature else {
                // Those of an earlier image are of another manifest.
                _ = unlink(signatures)
                continue
            }
            let signed = try AtomicFile.create(signatures)
            try signed.descriptor.writeAll(signature)
            written.append(PendingOutput(signed))
        }
        // Where no raw output is wanted, the disk goes away without ever having had a name.
        if outputs.contains(where: { $0.form == .raw }) { written.append(PendingOutput(disk.image)) }
        return written
    }

    private func write(_ output: Output, from disk: borrowing BuiltDisk) throws -> PendingOutput {
        let split = SplitFiles(disk: disk.facts, blueprint: blueprint, epoch: lock.epoch, signer: signer)
        if output.form == .split {
            let directory = try AtomicDirectory.create(output.path)
            try split.write(from: disk.image.descriptor, to: directory.directory)
            return PendingOutput(directory)
        }
        let file = try AtomicFile.create(output.path)
        if output.form == .splitArchive {
            try split.archive(from: disk.image.descriptor, to: file.descriptor)
            return PendingOutput(file)
        }
        let size = disk.facts.plan.size
        if output.form == .qcow2 {
            try Qcow2Writer.write(disk.image.descriptor, size: size, to: file.descriptor)
        } else {
            try file.descriptor.truncate(to: size)
            try file.descriptor.copy(from: disk.image.descriptor, at: 0, length: size, to: 0)
        }
        return PendingOutput(file)
    }

    // MARK: - Forms of the tree

    /// Writes all forms of the plain tree; returns also the digest of the OCI image if there is one.
    func write(_ tree: FileTree) throws -> (written: [PendingOutput], image: Digest?) {
        var written: [PendingOutput] = []
        var image: Digest?
        for output in outputs {
            switch output.form {
            case .raw, .qcow2, .split, .splitArchive: continue
            case .tar:
                let file = try AtomicFile.create(output.path)
                _ = try TarWriter.write(tree, source: root.directory, to: file.descriptor, at: 0)
                written.append(PendingOutput(file))
            case .directory:
                let directory = try AtomicDirectory.create(output.path)
                try DirectoryWriter.write(tree, source: root.directory, to: directory.directory)
                written.append(PendingOutput(directory))
            case .oci, .ociArchive:
                let layout = try AtomicDirectory.create(output.path)
                image = try OCIImage(blueprint: blueprint, lock: lock)
                    .write(tree, source: root.directory, to: layout.directory)
                written.append(
                    output.form == .oci ? PendingOutput(layout) : try archive(layout.directory, output.path))
            }
        }
        return (written, image)
    }

    /// A directory of files as a tar archive in which nothing tells who made it and when.
    private func archive(_ directory: borrowing Descriptor, _ path: String) throws -> PendingOutput {
        var tree = try FileTree.scan(directory)
        for path in tree.paths {
            guard let node = tree[path] else { continue }
            tree[path] = Node(node.kind, mode: node.mode, modified: lock.epoch)
        }
        let file = try AtomicFile.create(path)
        _ = try TarWriter.write(tree, source: directory, to: file.descriptor, at: 0)
        return PendingOutput(file)
    }
}

/// A file or directory that is written and waits for its name.
final class PendingOutput {
    /// The name that it waits for.
    let path: String
    private var file: AtomicFile?
    private let directory: AtomicDirectory?

    init(_ file: consuming AtomicFile) {
        path = file.path
        self.file = consume file
        directory = nil
    }

    init(_ directory: AtomicDirectory) {
        path = directory.path
        file = nil
        self.directory = directory
    }

    /// Gives all of them their names, once nothing but a rename is left to fail.
    static func commit(_ outputs: [PendingOutput]) throws(SystemError) {
        for output in outputs {
            try output.file?.descriptor.sync()
            try output.directory?.sync()
        }
        for output in outputs {
            try output.file.take()?.commit()
            try output.directory?.commit()
        }
    }
}
