internal import LinuxSystem

/// Where everything goes in an image, decided before a byte is written: a pure function of tree and options.
///
/// First comes all metadata, then the data of files that do not fit beside their inode, in path order and aligned to
/// blocks. So a changed file changes its own blocks, and equal files are equal runs of blocks in every image.
struct ErofsPlan {
    /// An inode with all that its bytes depend on.
    struct Inode {
        /// Its first name, for errors.
        var path: String
        var node: Node
        var links = 1
        /// For a directory: all names with `.` and `..`, sorted.
        var entries: [Erofs.Entry] = []
        /// Bytes of data.
        var size = 0
        var isExtended = false
        var xattrs: [UInt8] = []
        /// Whether the data follows the inode.
        var isInline = false
        /// Where it is in the image, in bytes.
        var position = 0
        /// For data that is not inline.
        var firstBlock = 0

        var headerSize: Int {
            (isExtended ? Erofs.extendedInodeSize : Erofs.compactInodeSize) + xattrs.count
        }
        var nid: UInt64 { UInt64(position / Erofs.slotSize) }
    }

    /// In path order of their first names; the root is the first.
    private(set) var inodes: [Inode] = []
    /// Blocks of metadata.
    private(set) var metadataBlocks = 0
    /// Blocks of the image.
    private(set) var blocks = 0

    init(_ tree: FileTree, epoch: Int64) throws(FilesystemError) {
        collect(tree, paths: try tree.validatedPaths())
        for index in inodes.indices { try measure(index, epoch: epoch) }
        try place()
    }

    /// Makes the inodes and their directories' entries.
    private mutating func collect(_ tree: FileTree, paths: [String]) {
        var indices: [String: Int] = [:]
        var hardlinks: [(path: String, target: String)] = []
        for path in paths {
            guard let node = tree[path] else { continue }
            if case .hardlink(let target) = node.kind {
                hardlinks.append((path, target))
                continue
            }
            indices[path] = inodes.count
            let parent = path == "/" ? 0 : indices[FileTree.split(path).parent] ?? 0
            if path != "/" {
                inodes[parent].entries.append(Erofs.Entry(name: FileTree.split(path).name, inode: inodes.count))
            }
            var inode = Inode(path: path, node: node)
            if node.isDirectory {
                inode.entries = [
                    Erofs.Entry(name: ".", inode: inodes.count), Erofs.Entry(name: "..", inode: parent),
                ]
                inode.links = 2
                if path != "/" { inodes[parent].links += 1 }
            }
            inodes.append(inode)
        }
        for (path, target) in hardlinks {
            let (parent, name) = FileTree.split(path)
            // A valid tree has both.
            guard let inode = indices[target], let directory = indices[parent] else { continue }
            inodes[inode].links += 1
            inodes[directory].entries.append(Erofs.Entry(name: name, inode: inode))
        }
        // The kernel finds names by binary search; `.` and `..` have their places among them.
        for index in inodes.indices where inodes[index].node.isDirectory {
            inodes[index].entries.sort { bytesPrecede($0.name, $1.name) }
        }
    }

    private mutating func measure(_ index: Int, epoch: Int64) throws(FilesystemError) {
        let node = inodes[index].node
        switch node.kind {
        case .directory: inodes[index].size = Erofs.directoryBlocks(inodes[index].entries).size
        case .file(let content): inodes[index].size = content.size
        case .symlink(let target): inodes[index].size = target.utf8.count
        case .characterDevice(let major, let minor), .blockDevice(let major, let minor):
            if Erofs.deviceNumber(major: major, minor: minor) == nil {
                throw .tree(path: inodes[index].path, problem: "EROFS has no place for the device \(major):\(minor)")
            }
        case .hardlink, .fifo, .socket: break
        }
        let inode = inodes[index]
        inodes[index].isExtended =
            node.modified != epoch || node.uid > UInt16.max || node.gid > UInt16.max || inode.links > UInt16.max
            || inode.size > UInt32.max
        inodes[index].xattrs = try Erofs.xattrArea(node.xattrs, path: inode.path)
        // Larger data is whole blocks of its own: no block of a file's data depends on another file.
        let whole = inodes[index].headerSize.addingReportingOverflow(inode.size)
        inodes[index].isInline = inode.size > 0 && !whole.overflow && whole.partialValue <= Erofs.blockSize
    }

    private mutating func place() throws(FilesystemError) {
        var slots = SlotAllocator(start: Erofs.superblockOffset + Erofs.superblockSize)
        for index in inodes.indices {
            let inode = inodes[index]
            inodes[index].position = slots.place(inode.headerSize + (inode.isInline ? inode.size : 0))
        }
        metadataBlocks = slots.blocks
        blocks = slots.blocks
        for index in inodes.indices where !inodes[index].isInline && inodes[index].size > 0 {
            inodes[index].firstBlock = blocks
            let size = inodes[index].size
            let end = blocks.addingReportingOverflow(size / Erofs.blockSize + (size % Erofs.blockSize == 0 ? 0 : 1))
            if end.overflow || end.partialValue > UInt32.max {
                throw .tree(path: inodes[index].path, problem: "the tree is larger than EROFS's 16 TiB")
            }
            blocks = end.partialValue
        }
    }
}

/// Hands out runs of slots that do not cross a block boundary, filling the smallest gap that is large enough.
private struct SlotAllocator {
    private static let slotsPerBlock = Erofs.blockSize / Erofs.slotSize
    /// Blocks in use.
    private(set) var blocks = 1
    /// Positions of gaps by their size in slots; a gap reaches to the end of its block.
    private var gaps = [[Int]](repeating: [], count: slotsPerBlock + 1)

    /// `start` is the first free byte of block 0.
    init(start: Int) { gaps[(Erofs.blockSize - start) / Erofs.slotSize].append(start) }

    /// The position for `size` bytes; more than a block gets blocks of its own.
    mutating func place(_ size: Int) -> Int {
        let needed = size.roundedUp(to: Erofs.slotSize) / Erofs.slotSize
        if needed <= Self.slotsPerBlock, let found = (needed...Self.slotsPerBlock).first(where: { !gaps[$0].isEmpty }) {
            let position = gaps[found].removeLast()
            gaps[found - needed].append(position + needed * Erofs.slotSize)
            return position
        }
        let position = blocks * Erofs.blockSize
        let end = position + needed * Erofs.slotSize
        blocks = end.roundedUp(to: Erofs.blockSize) / Erofs.blockSize
        gaps[(blocks * Erofs.blockSize - end) / Erofs.slotSize].append(end)
        return position
    }
}
