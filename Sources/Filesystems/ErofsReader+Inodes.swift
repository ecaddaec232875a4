internal import Glibc
internal import LinuxSystem

extension ErofsReader {
    /// An inode as its bytes say; sizes are not negative, nothing else is checked.
    struct Inode {
        var position: Int
        var headerSize: Int
        var xattrSize: Int
        var layout: UInt16
        var mode: UInt32
        var size: Int
        /// First block or device number.
        var location: UInt32
        var uid: UInt32
        var gid: UInt32
        var modified: Int64

        var type: UInt32 { mode & S_IFMT }
    }

    /// One name in a directory.
    struct Entry {
        var name: String
        var nid: UInt64
        var type: UInt8
    }

    func inode(_ nid: UInt64, at path: String) throws(FilesystemError) -> Inode {
        // A slot beyond the image is caught here, before anything can overflow.
        guard nid <= UInt64(size / Erofs.slotSize) else {
            throw broken("\(path): inode \(nid) is outside of the image")
        }
        let position = metadataStart + Int(nid) * Erofs.slotSize
        var bytes = try bytes(at: position, count: Erofs.compactInodeSize, for: path)
        let format = bytes.load(UInt16.self, at: 0) ?? 0
        let isExtended = format & 1 == 1
        if isExtended { bytes = try self.bytes(at: position, count: Erofs.extendedInodeSize, for: path) }
        func field<Integer: FixedWidthInteger>(_ type: Integer.Type, _ offset: Int) -> Integer {
            bytes.load(type, at: offset) ?? 0
        }
        let layout = format >> 1 & 7
        // 1 and 3 are compressed.
        if format >> 4 == 0, layout == 1 || layout == 3 {
            throw .unsupported(name: image.name, problem: "compressed EROFS files are not read here")
        }
        if format >> 4 != 0 || (layout != Erofs.layoutPlain && layout != Erofs.layoutInline) {
            throw broken("\(path): inode format 0x\(String(format, radix: 16)) is not read here")
        }
        guard let size = isExtended ? Int(exactly: field(UInt64.self, 8)) : Int(field(UInt32.self, 8)) else {
            throw broken("\(path): impossible size")
        }
        let xattrCount = Int(field(UInt16.self, 2))
        return Inode(
            position: position, headerSize: bytes.count,
            xattrSize: xattrCount == 0 ? 0 : Erofs.xattrHeaderSize + (xattrCount - 1) * 4, layout: layout,
            mode: UInt32(field(UInt16.self, 4)), size: size, location: field(UInt32.self, 16),
            uid: isExtended ? field(UInt32.self, 24) : UInt32(field(UInt16.self, 24)),
            gid: isExtended ? field(UInt32.self, 28) : UInt32(field(UInt16.self, 26)),
            modified: isExtended ? field(Int64.self, 32) : epoch)
    }

    func node(_ inode: Inode, at path: String) throws(FilesystemError) -> Node {
        let device = Erofs.device(inode.location)
        let kind: Node.Kind
        switch inode.type {
        case S_IFDIR: kind = .directory
        case S_IFREG: kind = .file(.staged(path: FileTree.relative(path), size: inode.size))
        case S_IFCHR: kind = .characterDevice(major: device.major, minor: device.minor)
        case S_IFBLK: kind = .blockDevice(major: device.major, minor: device.minor)
        case S_IFIFO: kind = .fifo
        case S_IFSOCK: kind = .socket
        case S_IFLNK:
            if inode.size > 4095 { throw broken("\(path): a symlink's target is longer than 4095 bytes") }
            guard let target = String(validating: try data(inode, at: path), as: UTF8.self) else {
                throw broken("\(path): the symlink's target is not UTF-8")
            }
            kind = .symlink(target)
        default: throw broken("\(path): mode 0\(String(inode.mode, radix: 8)) has no known type")
        }
        return Node(
            kind, mode: inode.mode, uid: inode.uid, gid: inode.gid, modified: inode.modified,
            xattrs: try xattrs(inode, at: path))
    }

    /// The data of an inode: whole blocks, then in the inline layout the rest behind the inode.
    func data(_ inode: Inode, at path: String) throws(FilesystemError) -> [UInt8] {
        let inline = inode.layout == Erofs.layoutInline ? inode.size % Erofs.blockSize : 0
        let blocks = inode.size - inline
        var data: [UInt8] = []
        if blocks > 0 { data = try bytes(at: Int(inode.location) * Erofs.blockSize, count: blocks, for: path) }
        if inline > 0 {
            let position = inode.position + inode.headerSize + inode.xattrSize
            if position % Erofs.blockSize + inline > Erofs.blockSize {
                throw broken("\(path): inline data crosses a block boundary")
            }
            data += try bytes(at: position, count: inline, for: path)
        }
        return data
    }

    /// The names in a directory, in the strict byte order that the kernel's search relies on.
    func entries(_ inode: Inode, at path: String) throws(FilesystemError) -> [Entry] {
        let data = try data(inode, at: path)
        var entries: [Entry] = []
        var seen: Set<String> = []
        for start in stride(from: 0, to: data.count, by: Erofs.blockSize) {
            let block = Array(data[start..<min(data.count, start + Erofs.blockSize)])
            let namesStart = Int(block.load(UInt16.self, at: 8) ?? 0)
            guard namesStart >= Erofs.entrySize, namesStart % Erofs.entrySize == 0, namesStart <= block.count else {
                throw broken("\(path): broken directory block")
            }
            let offsets = stride(from: 0, to: namesStart, by: Erofs.entrySize)
                .map { Int(block.load(UInt16.self, at: $0 + 8) ?? 0) }
            for (index, offset) in offsets.enumerated() {
                let isLast = index + 1 == offsets.count
                let end = isLast ? block.count : offsets[index + 1]
                guard offset <= end, var bytes = block.slice(offset, end - offset) else {
                    throw broken("\(path): broken directory block")
                }
                if isLast { bytes = bytes.prefix { $0 != 0 } }
                guard let name = String(validating: bytes, as: UTF8.self), !bytes.isEmpty, bytes.count <= 255,
                    !bytes.contains(0), !bytes.contains(UInt8(ascii: "/")),
                    path.utf8.count + 1 + bytes.count <= 4095, seen.insert(name).inserted
                else { throw broken("\(path): broken, non-UTF-8, too long or repeated name") }
                if let last = entries.last, !bytesPrecede(last.name, name) {
                    throw broken("\(path): \(name) is out of order")
                }
                let entry = index * Erofs.entrySize
                entries.append(
                    Entry(name: name, nid: block.load(UInt64.self, at: entry) ?? 0, type: block[entry + 10]))
            }
        }
        return entries
    }
}

// MARK: - Extended attributes

extension ErofsReader {
    private func xattrs(_ inode: Inode, at path: String) throws(FilesystemError) -> [String: [UInt8]] {
        if inode.xattrSize == 0 { return [:] }
        let area = try bytes(at: inode.position + inode.headerSize, count: inode.xattrSize, for: path)
        var result: [String: [UInt8]] = [:]
        var position = Erofs.xattrHeaderSize
        for _ in 0..<area[4] {
            guard let id = area.load(UInt32.self, at: position) else { throw broken("\(path): broken attributes") }
            position += 4
            let shared = sharedXattrStart + Int(id) * 4
            let header = try bytes(at: shared, count: 4, for: path)
            let entry = try bytes(at: shared, count: Self.entrySize(header, at: 0) ?? 4, for: path)
            try add(entry, at: 0, to: &result, path: path)
        }
        while position < area.count {
            guard let size = Self.entrySize(area, at: position) else { throw broken("\(path): broken attributes") }
            try add(area, at: position, to: &result, path: path)
            position += size.roundedUp(to: 4)
        }
        return result
    }

    /// Bytes of an entry without padding; nil where its header is cut.
    private static func entrySize(_ area: [UInt8], at position: Int) -> Int? {
        guard let header = area.slice(position, 4), let value = area.load(UInt16.self, at: position + 2) else {
            return nil
        }
        return 4 + Int(header[header.startIndex]) + Int(value)
    }

    private func add(
        _ area: [UInt8], at position: Int, to result: inout [String: [UInt8]], path: String
    ) throws(FilesystemError) {
        guard let size = Self.entrySize(area, at: position), let entry = area.slice(position, size) else {
            throw broken("\(path): broken attributes")
        }
        let index = area[position + 1]
        let nameEnd = position + 4 + Int(area[position])
        guard let prefix = Erofs.xattrPrefixes.first(where: { $0.index == index })?.prefix,
            let suffix = String(validating: entry[(position + 4)..<nameEnd], as: UTF8.self)
        else { throw broken("\(path): unknown or non-UTF-8 attribute name") }
        if result.updateValue(Array(entry[nameEnd...]), forKey: prefix + suffix) != nil {
            throw broken("\(path): attribute \(prefix + suffix) is there twice")
        }
    }
}
