internal import Glibc

extension ErofsReader {
    /// A file or directory to which some bytes of the image belong.
    public struct Owner: Sendable, Equatable {
        /// Its absolute path; of several names the first.
        public var path: String
        /// Whether the bytes hold its data; else its inode, extended attributes or data that lies beside the inode.
        public var isData: Bool
    }

    /// Whose the bytes of a range are: of a block of data one owner, of a block of inodes many.
    ///
    /// Made for damaged images: what cannot be read is passed over, so the answer may be incomplete.
    public func owners(of range: Range<Int>) -> [Owner] {
        var owners: [Owner] = []
        var seen: Set<UInt64> = []
        var budget = size
        var pending: [(path: String, nid: UInt64)] = [("/", rootNid)]
        while let (path, nid) = pending.popLast() {
            guard seen.insert(nid).inserted, let inode = try? inode(nid, at: path) else { continue }
            let isInline = inode.layout == Erofs.layoutInline
            let tail = isInline ? inode.size % Erofs.blockSize : 0
            let end = inode.position + inode.headerSize + inode.xattrSize + tail
            if range.overlaps(inode.position..<end) { owners.append(Owner(path: path, isData: false)) }
            let hasBlocks = [S_IFREG, S_IFDIR, S_IFLNK].contains(inode.type)
            let start = Int(inode.location) * Erofs.blockSize
            if hasBlocks, range.overlaps(start..<start + min(size, inode.size - tail)) {
                owners.append(Owner(path: path, isData: true))
            }
            if inode.type != S_IFDIR || inode.size > budget { continue }
            budget -= inode.size
            for entry in (try? entries(inode, at: path)) ?? [] where entry.name != "." && entry.name != ".." {
                pending.append((FileTree.join(path, entry.name), entry.nid))
            }
        }
        return owners.sorted { FileTree.pathPrecedes($0.path, $1.path) }
    }
}
