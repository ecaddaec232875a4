import BlueprintModel
import BootArtefacts
import ContentStore
import Disk
import Filesystems
internal import Glibc
import LinuxSystem

/// Writes the disk image: every artefact straight to its place, the partition table last, then reads all of it back.
struct ImageBuilder {
    let plan: ImagePlan
    let root: StagedRoot
    let filesystem: RootFilesystem
    let epoch: Int64
    /// Runs a program inside the root, with `scratch` visible there at ``scratchInRoot``.
    let inRoot: ToolRunner
    /// A directory outside the root for files on their way into the image.
    let scratch: String

    /// What was written where, for the manifest.
    struct Artefact: Equatable {
        var name: String
        var size: Int
        var digest: Digest
    }

    // MARK: - Root and hash tree

    /// Writes the root file system and its hash tree; the root hash names the generation from here on.
    func writeRoot(
        _ tree: FileTree, tools: () throws -> Tools, to image: borrowing Descriptor
    ) throws -> (rootHash: Digest, artefacts: [Artefact]) {
        let place = try plan.place(.root)
        let hasher = try ImageHasher(image, at: place.start, salt: plan.salt)
        let size = try filesystem.write(
            tree, source: root.directory, tools: tools, to: image, at: place.start, progress: hasher.advance)
        guard size <= place.size else {
            throw ConstructorError(
                "the root file system has \(humanSize(size)), its partition \(humanSize(place.size))",
                hint: "set `image: slot` to a larger size in the blueprint")
        }
        let hashPlace = try plan.place(.verity)
        let needed = VerityTree.size(dataSize: size)
        guard needed <= hashPlace.size else {
            throw ConstructorError(
                "the hash tree has \(humanSize(needed)), its partition \(humanSize(hashPlace.size))",
                hint: "enlarge the verity partition in the image layout")
        }
        let hashes = try hasher.finish(size: size)
        let verity = try VerityTree.build(
            blockDigests: hashes.blockDigests, hash: image, hashOffset: hashPlace.start, salt: plan.salt,
            uuid: plan.guid("verity").bytes)
        return (
            verity.rootHash,
            [
                Artefact(name: "root", size: size, digest: hashes.digest),
                Artefact(
                    name: "verity", size: verity.size,
                    digest: try digest(of: image, at: hashPlace.start, size: verity.size)),
            ]
        )
    }

    // MARK: - Other partitions

    /// Writes the EFI system partition.
    func writeSystemPartition(_ tree: FileTree, to image: borrowing Descriptor) throws {
        let place = try plan.place(.esp)
        let id = plan.guid("esp").bytes
        try Fat32Writer.write(
            tree, source: nil, to: image, at: place.start, sizeBytes: place.size, label: SystemPartition.label,
            volumeID: id.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }, epoch: epoch)
    }

    /// Writes the data partition: an ext4 made by the root's own mke2fs(8), which honours SOURCE_DATE_EPOCH. The host's
    /// would make other bits on another host.
    ///
    /// `files` and the `objects` of a store are laid into it: what must be there before the first boot.
    func writeData(
        files: [(path: String, content: [UInt8])], objects: [Digest], of store: ObjectStore,
        to image: borrowing Descriptor
    ) throws {
        let place = try plan.place(.data)
        guard root.exists("usr/sbin/mke2fs") else {
            throw ConstructorError("the data partition needs mke2fs in the image", hint: "install e2fsprogs")
        }
        let seed = try StagedRoot(path: scratch)
        try seed.makeDirectory("data")
        for file in files { try seed.write(file.content, to: "data/\(file.path)") }
        for digest in objects {
            guard let object = try store.open(digest) else {
                throw ConstructorError("\(digest) is not in the store", hint: "fetch it: run without --offline")
            }
            let directory = "data/lib/pisces/store/sha256/\(digest.hex.prefix(2))"
            try seed.makeDirectory(directory)
            let path = "\(scratch)/\(directory)/\(digest.hex)"
            let copy = try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL)
            try copy.setMode(0o444)
            try copy.copy(from: object, at: 0, length: try object.status().size, to: 0)
        }
        let uuid = plan.guid("data-fs").description
        let command = [
            "mke2fs", "-q", "-t", "ext4", "-b", "4096", "-m", "0", "-L", "data", "-U", uuid,
            "-E", "hash_seed=\(plan.guid("data-hash")),lazy_itable_init=0,lazy_journal_init=0,nodiscard",
            // The root may grow far beyond its first size.
            "-O", "resize_inode,metadata_csum,64bit", "-d", "\(scratchInRoot)/data", "\(scratchInRoot)/data.ext4",
            "\(place.size / 1024)k",
        ]
        let result = try inRoot(command, Configure.environment(epoch: epoch), nil)
        guard result.status == 0 else {
            throw ConstructorError.program(
                "the data partition of \(humanSize(place.size)): mke2fs", result.status, said: result.errorOutput,
                hint: "set `image: data` to a larger size, if mke2fs says that it is too small")
        }
        let made = try Descriptor.open("\(scratch)/data.ext4", O_RDWR)
        try Ext4Superblock.clearWrites(made, at: 0)
        try image.copy(from: made, at: 0, length: place.size, to: place.start)
    }

    // MARK: - Table and proof

    /// Writes the partition table, then reads back what matters for a boot: the table itself, the file systems where it
    /// says they are, and the whole root against its hash tree.
    func finish(_ image: borrowing AtomicFile, rootHash: Digest, rootSize: Int) throws {
        let path = image.path
        let table = try plan.partitionTable(rootHash: rootHash)
        try PartitionTable.create(path: image.temporaryPath, plan: table)
        guard try PartitionTable.read(path: image.temporaryPath).plan == table else {
            throw ConstructorError("\(path): the partition table reads back differently")
        }
        let expected: [ImageLayout.Role: String] = [
            .esp: "vfat", .root: filesystem.image.root.rawValue, .verity: "DM_verity_hash", .data: "ext4",
        ]
        for place in plan.places where place.slot != .b {
            let found = try Superblock.probe(image.descriptor, offset: UInt64(place.start), size: UInt64(place.size))
            guard found?.type == expected[place.role] else {
                throw ConstructorError(
                    "\(path): partition \(place.number) reads back as \(found?.type ?? "nothing")")
            }
        }
        let faults = try VerityTree.faults(
            data: image.descriptor, dataOffset: try plan.place(.root).start, dataSize: rootSize, hash: image.descriptor,
            hashOffset: try plan.place(.verity).start, rootHash: rootHash, limit: 1)
        if let fault = faults.first {
            throw ConstructorError("\(path): the root reads back wrong at bytes \(fault.data)")
        }
    }

    private func digest(of image: borrowing Descriptor, at offset: Int, size: Int) throws -> Digest {
        var hash = SHA256()
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { chunk.deallocate() }
        var done = 0
        while done < size {
            let part = UnsafeMutableRawBufferPointer(rebasing: chunk[..<min(chunk.count, size - done)])
            try image.readAll(into: part, at: offset + done)
            hash.update(UnsafeRawBufferPointer(part))
            done += part.count
        }
        return hash.finish()
    }
}
