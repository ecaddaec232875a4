internal import Glibc
public import LinuxSystem

/// Writes uncompressed EROFS images.
public enum ErofsWriter {
    /// What an image depends on beside its tree.
    public struct Options: Sendable {
        /// The volume's UUID: 16 bytes.
        public var uuid: [UInt8]
        /// The volume's name: at most 15 bytes of UTF-8.
        public var label: String
        /// The time, in seconds since 1970, that inodes share; a node whose time is this one takes 32 bytes less.
        public var epoch: Int64

        /// Takes all options.
        public init(uuid: [UInt8], label: String, epoch: Int64) {
            self.uuid = uuid
            self.label = label
            self.epoch = epoch
        }
    }

    /// Writes an image of `tree` to `image` from byte `offset` on, in one sequential pass.
    ///
    /// Staged data is read below `source`; a symlink on the way to it or a size other than the tree's is an error. The
    /// bytes depend on the tree, the data and the options alone. Every byte of the image is written, zeros too.
    ///
    /// - Parameter progress: called with the number of bytes that are final.
    /// - Returns: the image's size in bytes, a multiple of 4096.
    public static func write(
        _ tree: FileTree, source: borrowing Descriptor, to image: borrowing Descriptor, at offset: Int,
        options: Options, progress: @escaping (Int) -> Void = { _ in }
    ) throws(FilesystemError) -> Int {
        let plan = try ErofsPlan(tree, epoch: options.epoch)
        var stream = try ImageStream(to: image, at: offset)
        stream.progress = progress
        stream.completeFirst = { first in
            first.storeBytes(
                of: Erofs.checksum(ofFirstBlock: first[..<Erofs.blockSize]).littleEndian,
                toByteOffset: Erofs.superblockOffset + 4, as: UInt32.self)
        }
        try stream.pad(to: Erofs.superblockOffset)
        try stream.append(superblock(plan, options))
        for index in plan.inodes.indices.sorted(by: { plan.inodes[$0].position < plan.inodes[$1].position }) {
            let inode = plan.inodes[index]
            try stream.pad(to: inode.position)
            try stream.append(inodeBytes(inode, index: index))
            try stream.append(inode.xattrs)
            // A file that was empty may have grown since.
            if inode.isInline || inode.size == 0 { try writeData(inode, plan, source, to: &stream) }
        }
        for inode in plan.inodes where !inode.isInline && inode.size > 0 {
            try stream.pad(to: inode.firstBlock * Erofs.blockSize)
            try writeData(inode, plan, source, to: &stream)
        }
        try stream.pad(to: plan.blocks * Erofs.blockSize)
        try stream.flush()
        return plan.blocks * Erofs.blockSize
    }

    /// The size in bytes that ``write(_:source:to:at:options:)`` will return.
    public static func size(of tree: FileTree, epoch: Int64) throws(FilesystemError) -> Int {
        try ErofsPlan(tree, epoch: epoch).blocks * Erofs.blockSize
    }

    private static func superblock(_ plan: ErofsPlan, _ options: Options) throws(FilesystemError) -> [UInt8] {
        if options.uuid.count != 16 { throw .parameter("a UUID has 16 bytes, not \(options.uuid.count)") }
        let label = Array(options.label.utf8)
        if label.count > 15 || label.contains(0) {
            throw .parameter("EROFS label \"\(options.label)\": at most 15 bytes and no NUL")
        }
        var bytes = [UInt8](repeating: 0, count: Erofs.superblockSize)
        bytes.store(Erofs.magic, at: 0)
        bytes.store(Erofs.checksumFeature | Erofs.modificationTimeFeature, at: 8)
        bytes[12] = UInt8(Erofs.blockSize.trailingZeroBitCount)
        // The root is placed first, so its number is small.
        bytes.store(UInt16(plan.inodes[0].nid), at: 14)
        bytes.store(UInt64(plan.inodes.count), at: 16)
        bytes.store(options.epoch, at: 24)
        bytes.store(UInt32(plan.blocks), at: 36)
        bytes.store(options.uuid, at: 48)
        bytes.store(label, at: 64)
        return bytes
    }

    private static func inodeBytes(_ inode: ErofsPlan.Inode, index: Int) -> [UInt8] {
        let node = inode.node
        let layout = inode.isInline ? Erofs.layoutInline : Erofs.layoutPlain
        let count = UInt16(Erofs.xattrCount(inode.xattrs))
        let mode = UInt16(Erofs.types(of: node.kind).mode | node.mode & 0o7777)
        // For the 32-bit stat of small machines only.
        let number = UInt32(truncatingIfNeeded: index + 1)
        var location = UInt32(inode.firstBlock)
        if case .characterDevice(let major, let minor) = node.kind {
            location = Erofs.deviceNumber(major: major, minor: minor) ?? 0
        } else if case .blockDevice(let major, let minor) = node.kind {
            location = Erofs.deviceNumber(major: major, minor: minor) ?? 0
        }
        var bytes: [UInt8] = []
        bytes.append(littleEndian: layout << 1 | (inode.isExtended ? 1 : 0))
        bytes.append(littleEndian: count)
        bytes.append(littleEndian: mode)
        if inode.isExtended {
            bytes.append(littleEndian: UInt16(0))
            bytes.append(littleEndian: UInt64(inode.size))
            bytes.append(littleEndian: location)
            bytes.append(littleEndian: number)
            bytes.append(littleEndian: node.uid)
            bytes.append(littleEndian: node.gid)
            bytes.append(littleEndian: node.modified)
            bytes.append(littleEndian: UInt32(0))
            bytes.append(littleEndian: UInt32(truncatingIfNeeded: inode.links))
            bytes += [UInt8](repeating: 0, count: 16)
        } else {
            bytes.append(littleEndian: UInt16(inode.links))
            bytes.append(littleEndian: UInt32(inode.size))
            bytes.append(littleEndian: UInt32(0))
            bytes.append(littleEndian: location)
            bytes.append(littleEndian: number)
            bytes.append(littleEndian: UInt16(node.uid))
            bytes.append(littleEndian: UInt16(node.gid))
            bytes.append(littleEndian: UInt32(0))
        }
        return bytes
    }

    private static func writeData(
        _ inode: ErofsPlan.Inode, _ plan: ErofsPlan, _ source: borrowing Descriptor, to stream: inout ImageStream
    ) throws(FilesystemError) {
        switch inode.node.kind {
        case .directory:
            try stream.append(
                Erofs.directoryData(inode.entries) { index in
                    (plan.inodes[index].nid, Erofs.types(of: plan.inodes[index].node.kind).entry)
                })
        case .symlink(let target): try stream.append(Array(target.utf8))
        case .file(let content): try stream.append(content, source: source, path: inode.path)
        default: break
        }
    }
}
