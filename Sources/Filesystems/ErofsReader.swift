internal import Glibc
public import LinuxSystem

/// Reads uncompressed EROFS images, ours and those of other writers, trusting none of their bytes.
///
/// A broken image is an error, never a trap and never an endless walk. Compressed and chunked files, several devices
/// and long attribute prefixes are errors too.
public struct ErofsReader: ~Copyable, Sendable {
    let image: Descriptor
    let offset: Int
    /// The image's size in bytes.
    public let size: Int
    /// The volume's UUID: 16 bytes.
    public let uuid: [UInt8]
    /// The volume's name.
    public let label: String
    /// The time that compact inodes share, in seconds since 1970.
    public let epoch: Int64
    let rootNid: UInt64
    let metadataStart: Int
    let sharedXattrStart: Int

    private init(image: consuming Descriptor, offset: Int, size: Int, superblock: [UInt8]) {
        self.image = image
        self.offset = offset
        self.size = size
        uuid = Array(superblock[48..<64])
        label = String(decoding: superblock[64..<80].prefix { $0 != 0 }, as: UTF8.self)
        epoch = superblock.load(Int64.self, at: 24) ?? 0
        rootNid = UInt64(superblock.load(UInt16.self, at: 14) ?? 0)
        metadataStart = Int(superblock.load(UInt32.self, at: 40) ?? 0) * Erofs.blockSize
        sharedXattrStart = Int(superblock.load(UInt32.self, at: 44) ?? 0) * Erofs.blockSize
    }

    /// Opens the image that starts at byte `offset` of a file or block device; checks superblock and checksum.
    public static func open(
        _ image: borrowing Descriptor, at offset: Int = 0
    ) throws(FilesystemError) -> ErofsReader {
        func broken(_ problem: String) -> FilesystemError { .image(name: image.name, problem: problem) }
        let copy = try lifting { () throws(SystemError) in try image.duplicate() }
        // A block device has a size only for lseek(2).
        let end = Int(lseek(image.rawValue, 0, SEEK_END))
        if offset < 0 || offset > end || end - offset < Erofs.blockSize {
            throw broken("too small for an EROFS image at byte \(offset)")
        }
        let block = try lifting { () throws(SystemError) in try image.bytes(at: offset, count: Erofs.blockSize) }
        let superblock = Array(block[Erofs.superblockOffset..<Erofs.superblockOffset + Erofs.superblockSize])
        guard superblock.load(UInt32.self, at: 0) == Erofs.magic else { throw broken("no EROFS superblock") }
        if superblock[12] != 12 || superblock[90] != 0 {
            throw broken("EROFS blocks of 2^\(superblock[12]) bytes are not read here, only 4096")
        }
        let features = superblock.load(UInt32.self, at: 8) ?? 0
        if features & Erofs.checksumFeature != 0,
            superblock.load(UInt32.self, at: 4) != Erofs.checksum(ofFirstBlock: block)
        {
            throw broken("the EROFS superblock's checksum is wrong")
        }
        // Bit 0 only says how compressed blocks would be padded.
        let incompatible = superblock.load(UInt32.self, at: 80) ?? 0
        if incompatible & ~1 != 0 {
            throw .unsupported(
                name: image.name, problem: "EROFS features 0x\(String(incompatible, radix: 16)) are not read here")
        }
        let size = Int(superblock.load(UInt32.self, at: 36) ?? 0) * Erofs.blockSize
        if size < Erofs.blockSize || size > end - offset {
            throw broken("the EROFS image says it has \(size) bytes where \(end - offset) are")
        }
        return ErofsReader(image: copy, offset: offset, size: size, superblock: superblock)
    }

    /// All names of the image. Contents are `.staged` with paths below the image's root, for
    /// ``contents(of:limit:)``.
    public func tree() throws(FilesystemError) -> FileTree {
        var tree = FileTree()
        var firstNames: [UInt64: String] = [:]
        // Directories' data does not overlap, so a sound image has no more of it than bytes.
        var budget = size
        var pending: [(path: String, nid: UInt64, type: UInt8)] = [("/", rootNid, 2)]
        while let (path, nid, type) = pending.popLast() {
            if let first = firstNames[nid], var node = tree[first] {
                if node.isDirectory { throw broken("directory \(first) has a second name \(path)") }
                node.kind = .hardlink(to: first)
                tree[path] = node
                continue
            }
            firstNames[nid] = path
            let inode = try inode(nid, at: path)
            let node = try node(inode, at: path)
            if Erofs.types(of: node.kind).entry != type { throw broken("\(path): entry and inode differ in type") }
            tree[path] = node
            if !node.isDirectory { continue }
            budget -= inode.size
            if budget < 0 { throw broken("directories overlap") }
            for entry in try entries(inode, at: path).reversed() where entry.name != "." && entry.name != ".." {
                pending.append((FileTree.join(path, entry.name), entry.nid, entry.type))
            }
        }
        return tree
    }

    /// The data of the regular file at an absolute or root-relative path; no symlink is followed.
    ///
    /// A file longer than `limit` bytes is an error.
    public func contents(of path: String, limit: Int = .max) throws(FilesystemError) -> [UInt8] {
        var inode = try inode(rootNid, at: "/")
        for component in FileTree.normalise("/" + path).utf8.split(separator: UInt8(ascii: "/")) {
            if inode.type != S_IFDIR { throw .tree(path: path, problem: "no such file in \(image.name)") }
            let found = try entries(inode, at: path).first { $0.name.utf8.elementsEqual(component) }
            guard let found else { throw .tree(path: path, problem: "no such file in \(image.name)") }
            inode = try self.inode(found.nid, at: path)
        }
        if inode.type != S_IFREG { throw .tree(path: path, problem: "not a regular file in \(image.name)") }
        if inode.size > limit { throw .tree(path: path, problem: "longer than \(limit) bytes") }
        return try data(inode, at: path)
    }

    func broken(_ problem: String) -> FilesystemError { .image(name: image.name, problem: problem) }

    /// Bytes of the image; a range outside of it is an error.
    func bytes(at position: Int, count: Int, for path: String) throws(FilesystemError) -> [UInt8] {
        guard position >= 0, count >= 0, position <= size, count <= size - position else {
            throw broken("\(path): \(count) bytes at \(position) are outside of the image")
        }
        return try lifting { () throws(SystemError) in try image.bytes(at: offset + position, count: count) }
    }
}
