public import BlueprintModel
import Disk
import Filesystems
internal import Glibc
import LinuxSystem

/// Makes the root's file system: uncompressed EROFS itself, all else by a tool of the lock that reads a tar archive.
///
/// The same tree gives the same bits whatever the host and the number of its processors.
struct RootFilesystem {
    let image: Blueprint.Image
    let plan: ImagePlan
    let epoch: Int64
    /// A directory outside the root for the file system on its way into the image.
    let scratch: String

    private static let label = "root"

    /// Writes the file system of `tree` to `image` from byte `offset` on; staged files are below `source`.
    ///
    /// - Parameters:
    ///   - tools: gives the tools, if any are needed.
    ///   - progress: called with the number of bytes that are as they will be.
    /// - Returns: the size in bytes, a multiple of 4096.
    func write(
        _ tree: FileTree, source: borrowing Descriptor, tools: () throws -> Tools, to target: borrowing Descriptor,
        at offset: Int, progress: @escaping (Int) -> Void
    ) throws -> Int {
        if image.toolPackages.isEmpty {
            let options = ErofsWriter.Options(uuid: plan.guid("root").bytes, label: Self.label, epoch: epoch)
            return try ErofsWriter.write(
                tree, source: source, to: target, at: offset, options: options, progress: progress)
        }
        try check(tree)
        let environment = image.root == .ext4 ? ["SOURCE_DATE_EPOCH": "\(epoch)"] : [:]
        try tools().run(command(for: tree), environment: environment) { write in
            try TarWriter.write(tree, source: source, to: write)
        }
        let made = try Descriptor.open("\(scratch)/\(Self.label)", O_RDWR)
        if image.root == .ext4 { try Ext4Superblock.clearWrites(made, at: 0) }
        let size = try made.status().size
        try target.copy(from: made, at: 0, length: size, to: offset)
        try removeTree(made.name)
        return size
    }

    // MARK: - Commands

    /// The tool that makes the file system ``scratchInRoot``/root of the archive on its standard input.
    private func command(for tree: FileTree) -> [String] {
        let place = "\(scratchInRoot)/\(Self.label)"
        switch image.root {
        case .erofs:
            return [
                "mkfs.erofs", "--tar=f", "--quiet", "-U\(plan.guid("root"))", "-L\(Self.label)",
                // The times of files stay as they are.
                "-T\(epoch)", "--mkfs-time",
            ] + image.compressionOptions + [place]
        case .squashfs:
            // The archive's entry for the root itself is passed over.
            let root = tree["/"] ?? .directory()
            return [
                "sqfstar", "-quiet", "-no-progress", "-exit-on-error", "-mkfs-time", "\(epoch)",
                "-root-mode", String(root.mode, radix: 8), "-root-uid", "\(root.uid)", "-root-gid", "\(root.gid)",
                "-root-time", "\(root.modified)",
            ] + image.compressionOptions + [place]
        case .ext4:
            let layout = Ext4Layout(of: tree)
            return [
                "mke2fs", "-q", "-t", "ext4", "-b", "\(Ext4Layout.blockSize)", "-m", "0", "-N", "\(layout.inodes)",
                "-L", Self.label, "-U", "\(plan.guid("root"))",
                "-E", "hash_seed=\(plan.guid("root-hash")),lazy_itable_init=0,nodiscard",
                // It is never written to, and never grows.
                "-O", "^has_journal,^resize_inode", "-d", "-", place, "\(layout.size / 1024)k",
            ]
        }
    }

    // MARK: - What does not fit

    /// Refuses what the file system or its tool would lose in silence.
    private func check(_ tree: FileTree) throws(ConstructorError) {
        for path in tree.paths {
            guard let node = tree[path] else { continue }
            for name in node.xattrs.keys.sorted(by: bytesPrecede) where !holds(name, isRoot: path == "/") {
                throw ConstructorError(
                    "\(path) has the extended attribute \(name), which a root of type \(image.root.rawValue) cannot hold",
                    hint: "remove the attribute, or choose `root: erofs` under `image`")
            }
            if image.root != .erofs, !(0...Int64(UInt32.max)).contains(node.modified) {
                throw ConstructorError(
                    "\(path) has the time \(node.modified), which a root of type \(image.root.rawValue) cannot hold",
                    hint: "set its time, or choose `root: erofs` under `image`")
            }
        }
    }

    private func holds(_ attribute: String, isRoot: Bool) -> Bool {
        switch image.root {
        case .erofs: true
        // It has no number for the prefix `system.` (Documentation/filesystems/squashfs.rst).
        case .squashfs: !isRoot && !attribute.hasPrefix("system.")
        // All that mke2fs takes from an archive.
        case .ext4: attribute == "security.capability"
        }
    }
}

extension Blueprint.Image {
    /// The packages of the tools that make this image: none for the default.
    public var toolPackages: [String] {
        switch (root, compression) {
        case (.erofs, .none): []
        case (.erofs, _): ["erofs-utils"]
        case (.squashfs, _): ["squashfs-tools"]
        // mke2fs loads libarchive where it is, and reads names in the locale C.UTF-8.
        case (.ext4, _): ["e2fsprogs", "libarchive13t64", "libc-bin"]
        }
    }

    /// Measured on a tree of 250 MB.
    fileprivate var compressionOptions: [String] {
        switch (root, compression) {
        case (.ext4, _), (.erofs, .none): []
        // Not `fragments`: their order depends on threads.
        case (.erofs, .fast): ["-zlz4", "-C65536", "-Eztailpacking"]
        case (.erofs, .small): ["-zlzma,level=6", "-C131072", "-Eztailpacking"]
        case (.squashfs, .none): ["-no-compression"]
        case (.squashfs, .fast): ["-comp", "zstd", "-Xcompression-level", "3"]
        case (.squashfs, .small): ["-comp", "zstd", "-Xcompression-level", "22", "-b", "1M"]
        }
    }
}

/// How large an ext4 without a journal must be for a tree: an upper bound that is a few per cent high.
struct Ext4Layout: Equatable {
    static let blockSize = 4096
    private static let inodeSize = 256
    private static let groupBlocks = 8 * blockSize

    /// Number of inodes, those that the format reserves among them.
    let inodes: Int
    /// Bytes, a multiple of the block size.
    let size: Int

    init(of tree: FileTree) {
        // The first ten are reserved, the next is lost+found.
        var inodes = 11
        // The directory lost+found.
        var blocks = 4
        for path in tree.paths {
            guard let node = tree[path] else { continue }
            if case .hardlink = node.kind { continue }
            inodes += 1
            if !node.xattrs.isEmpty { blocks += 1 }
            switch node.kind {
            case .file(let content):
                // Four extents are in the inode; each is of one group at most.
                let data = content.size.roundedUp(to: Self.blockSize) / Self.blockSize
                blocks += data + (data > Self.groupBlocks ? 1 + data / Self.groupBlocks / 64 : 0)
            case .symlink(let target): blocks += target.utf8.count < 60 ? 0 : 1
            case .directory:
                // Each block may end in a gap as large as an entry.
                let bytes = tree.children(of: path).reduce(24) { $0 + (8 + $1.utf8.count).roundedUp(to: 4) }
                blocks += bytes / (Self.blockSize - 12 - 264) + 1
            default: break
            }
        }
        blocks += inodes * Self.inodeSize / Self.blockSize + 1
        // Per group two bitmaps, copies of superblock and descriptors, and the rounding of its share of the inodes.
        let groups = blocks / (Self.groupBlocks - 64) + 1
        blocks += groups * (4 + groups * 64 / Self.blockSize + 1)
        // Files do not fill the gaps exactly, and mke2fs drops a last group that is too small for its own tables.
        self.inodes = inodes
        size = (blocks + blocks / 64 + 256) * Self.blockSize
    }
}

extension Int {
    fileprivate func roundedUp(to unit: Int) -> Int { (self + unit - 1) / unit * unit }
}
