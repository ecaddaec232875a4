internal import Disk
internal import Filesystems
internal import LinuxSystem

extension ImageVerification {
    /// Holds the root to the digest in the manifest: one thread reads it from end to end.
    func checkRootDigest(_ parts: Parts) -> [Finding] {
        guard let wanted = manifest?.root else { return [] }
        return examine(.root, parts.root) { try checkDigest(.root, $0[0..<wanted.size], wanted) }
    }

    /// Holds the root to the root hash by way of the hash tree, and the tree to its digest.
    func checkRootAndTree(_ parts: Parts, rootHash: Digest?) -> [Finding] {
        examine(.hashTree, parts.hashTree) { tree in
            let dataSize = try VerityTree.dataSize(image.descriptor, at: tree.start)
            let size = VerityTree.size(dataSize: dataSize)
            guard size <= tree.size else {
                return [
                    Finding(.hashTree, image.name, tree[0..<512].range, "a tree of \(size) bytes does not fit here")
                ]
            }
            var findings = examine(.root, parts.root) { root in
                guard let rootHash else { return [] }
                return try checkBlocks(root, tree, dataSize: dataSize, rootHash: rootHash)
            }
            if let wanted = manifest?.hashTree, !findings.contains(where: { $0.check == .hashTree }) {
                findings += try checkDigest(.hashTree, tree[0..<size], wanted)
            }
            return try findings + checkZero(.hashTree, tree[size..<tree.size], "something is behind the hash tree")
        }
    }

    private func checkBlocks(_ root: Region, _ tree: Region, dataSize: Int, rootHash: Digest) throws -> [Finding] {
        guard dataSize <= root.size else {
            let problem = "its tree is for \(dataSize) bytes, the partition has \(root.size)"
            return [Finding(.root, image.name, root.range, problem)]
        }
        let faults = try VerityTree.faults(
            data: image.descriptor, dataOffset: root.start, dataSize: dataSize, hash: image.descriptor,
            hashOffset: tree.start, rootHash: rootHash, limit: Self.limit)
        var findings = try faults.map { try finding($0, root, tree) }
        findings += try checkFilesystem(root, dataSize: dataSize, isVouchedFor: faults.isEmpty)
        return try findings + checkZero(.root, root[dataSize..<root.size], "something is behind the file system")
    }

    /// Reads an uncompressed EROFS; of what is not read here its blocks tell enough.
    private func checkFilesystem(_ root: Region, dataSize: Int, isVouchedFor: Bool) throws -> [Finding] {
        let type = try Superblock.probe(image.descriptor, offset: UInt64(root.start), size: UInt64(root.size))?.type
        if type == "squashfs" || type == "ext4" { return [] }
        do {
            return try problem(of: root, dataSize: dataSize, isVouchedFor: isVouchedFor).map {
                [Finding(.root, image.name, root[1024..<1152].range, $0)]
            } ?? []
        } catch FilesystemError.image(_, let problem) {
            return [Finding(.root, image.name, root[1024..<1152].range, problem)]
        } catch FilesystemError.unsupported {
            // Compressed.
            return []
        }
    }

    private func problem(of root: Region, dataSize: Int, isVouchedFor: Bool) throws -> String? {
        let reader = try ErofsReader.open(image.descriptor, at: root.start)
        if reader.size != dataSize { return "the file system has \(reader.size) bytes, its tree is for \(dataSize)" }
        if isVouchedFor { _ = try reader.tree() }
        return nil
    }

    private func finding(_ fault: VerityTree.Fault, _ root: Region, _ tree: Region) throws -> Finding {
        if let block = fault.tree {
            let data = root[fault.data].range
            return Finding(
                .hashTree, image.name, tree[block].range,
                "a hash block was changed: it vouches for bytes \(data.lowerBound) to \(data.upperBound - 1) of the root"
            )
        }
        // Whose the bytes are is known of an uncompressed EROFS only.
        let owners = (try? ErofsReader.open(image.descriptor, at: root.start).owners(of: fault.data)) ?? []
        let range = root[fault.data].range
        if let owner = owners.first(where: \.isData) {
            return Finding(.root, image.name, range, path: owner.path, "the data was changed")
        }
        // Many small files share a block.
        let others = owners.count > 1 ? ", or of one of \(owners.count - 1) others beside it" : ""
        return Finding(
            .root, image.name, range, path: owners.first?.path,
            owners.isEmpty ? "the file system was changed" : "the inode was changed\(others)")
    }
}
