internal import Glibc
public import LinuxSystem

/// Writes trees as tar archives: the pax interchange format of POSIX (pax(1p)), in one canonical form.
///
/// The bytes depend on the tree and its data alone. Members are in the order of ``FileTree/paths``; the first name of
/// an inode is the file, later ones are links to it. The root is `./`, other names have no prefix, directories end in a
/// slash. Owners are numbers, without names. An extended header goes before a member only for what the fixed one cannot
/// hold: names over 100 bytes, large numbers, times before 1970, and extended attributes, which are raw
/// (`SCHILY.xattr.NAME`, the form that GNU tar, libarchive and the makers of file systems read). Two zero blocks end
/// the archive; there is no further padding.
///
/// What tar has no form for is an error: sockets, and attributes with `=` in their names.
public enum TarWriter {
    /// What is done with names that the fixed header cannot hold.
    public enum Dialect: Sendable {
        /// They go into extended headers of pax(1p).
        case pax
        /// They go before the member as GNU tar writes them: the only form that dpkg reads (deb(5)). What else needs an
        /// extended header is an error.
        case gnu
    }

    /// Writes the archive of `tree` to `archive` from byte `offset` on.
    ///
    /// Staged data is read below `source`; a symlink on the way to it or a size other than the tree's is an error.
    ///
    /// - Returns: the archive's size in bytes, a multiple of 512.
    public static func write(
        _ tree: FileTree, source: borrowing Descriptor, to archive: borrowing Descriptor, at offset: Int,
        dialect: Dialect = .pax
    ) throws(FilesystemError) -> Int {
        let members = try members(of: tree, dialect)
        let shares = shares(of: members)
        do {
            _ = try parallelMap(count: shares.count) { index in
                var stream = try ImageStream(to: archive, at: offset + shares[index].position)
                for member in shares[index].members { try append(member, source: source, to: &stream) }
                try stream.flush()
            }
        } catch let error as FilesystemError {
            throw error
        } catch {
            throw .parameter("the archive could not be written: \(error)")
        }
        let size = members.reduce(0) { $0 + $1.size }
        var stream = try ImageStream(to: archive, at: offset + size)
        try end(&stream)
        return size + stream.position
    }

    /// Runs of members with about as many bytes for each processor, and where each begins.
    private static func shares(of members: [Member]) -> [(members: ArraySlice<Member>, position: Int)] {
        let enough = members.reduce(0) { $0 + $1.size } / processorCount
        var shares: [(members: ArraySlice<Member>, position: Int)] = []
        var (first, start, position) = (0, 0, 0)
        for (index, member) in members.enumerated() {
            position += member.size
            if position - start < enough && index < members.count - 1 { continue }
            shares.append((members[first...index], start))
            (first, start) = (index + 1, position)
        }
        return shares
    }

    /// Hands the archive of `tree` to `consume`, piece by piece: to be hashed, compressed or piped.
    ///
    /// The pieces are valid during the call only. An error that `consume` throws ends the writing and is thrown on.
    public static func write(
        _ tree: FileTree, source: borrowing Descriptor, to consume: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var failure: (any Error)?
        do {
            try withoutActuallyEscaping(consume) { consume in
                var stream = ImageStream { (bytes) throws(FilesystemError) in
                    do { try consume(bytes) } catch {
                        failure = error
                        throw .parameter("the archive could not be handed on: \(error)")
                    }
                }
                try write(tree, source: source, to: &stream)
            }
        } catch {
            throw failure ?? error
        }
    }

    /// The blocks before the data of a file of root's, to which the archive's author adds the data and zeros up to a
    /// multiple of 512 bytes, and ``end`` at last: for archives whose members have an order of their own.
    ///
    /// - Parameter modified: seconds since 1970.
    public static func header(ofFile name: String, sizeBytes: Int, modified: Int64) throws(FilesystemError) -> [UInt8] {
        let node = Node(.file(.staged(path: name, size: sizeBytes)), mode: 0o644, modified: modified)
        return try Tar.headers(of: node, at: "/\(name)", linkedTo: nil)
    }

    /// The blocks that end an archive.
    public static let end = [UInt8](repeating: 0, count: 2 * Tar.blockSize)

    private static func write(
        _ tree: FileTree, source: borrowing Descriptor, to stream: inout ImageStream
    ) throws(FilesystemError) {
        for member in try members(of: tree) { try append(member, source: source, to: &stream) }
        try end(&stream)
    }

    /// A name in the archive, with the data that follows it.
    private struct Member: Sendable {
        let path: String
        let headers: [UInt8]
        let content: Node.Content?

        /// Its bytes in the archive.
        var size: Int { headers.count + (content?.size ?? 0).roundedUp(to: Tar.blockSize) }
    }

    private static func members(
        of tree: FileTree, _ dialect: Dialect = .pax
    ) throws(FilesystemError) -> [Member] {
        var members: [Member] = []
        // The first name of each inode: a link can only follow what it links to.
        var firstNames: [String: String] = [:]
        for path in try tree.validatedPaths() {
            guard var node = tree[path] else { continue }
            var inode = path
            if case .hardlink(let target) = node.kind, let file = tree[target] {
                inode = target
                node = file
            }
            let first = firstNames[inode]
            if !node.isDirectory, first == nil { firstNames[inode] = path }
            let content: Node.Content? = if case .file(let content) = node.kind, first == nil { content } else { nil }
            members.append(
                Member(
                    path: path, headers: try Tar.headers(of: node, at: path, linkedTo: first, dialect),
                    content: content))
        }
        return members
    }

    private static func append(
        _ member: Member, source: borrowing Descriptor, to stream: inout ImageStream
    ) throws(FilesystemError) {
        try stream.append(member.headers)
        guard let content = member.content else { return }
        try stream.append(content, source: source, path: member.path)
        try stream.pad(to: stream.position + content.size.roundedUp(to: Tar.blockSize) - content.size)
    }

    private static func end(_ stream: inout ImageStream) throws(FilesystemError) {
        try stream.pad(to: stream.position + 2 * Tar.blockSize)
        try stream.flush()
    }
}

/// The headers of a pax archive.
enum Tar {
    static let blockSize = 512
    /// The bytes of the name and linkname fields.
    private static let nameSize = 100

    /// The blocks before a member's data; `first` is the name of the member that has the same inode, if there was one.
    static func headers(
        of node: Node, at path: String, linkedTo first: String?, _ dialect: TarWriter.Dialect = .pax
    ) throws(FilesystemError) -> [UInt8] {
        var fields = try Fields(of: node, at: path)
        if let first {
            fields.type = UInt8(ascii: "1")
            fields.link = Array(FileTree.relative(first).utf8)
            fields.size = 0
        }
        if dialect == .gnu { return try gnuHeaders(fields, of: node, at: path) }
        var extended: [UInt8] = []
        if fields.name.count > nameSize { extended += record("path", fields.name) }
        if fields.link.count > nameSize { extended += record("linkpath", fields.link) }
        for (keyword, value, width) in [
            ("size", Int64(fields.size), 11), ("uid", Int64(node.uid), 7), ("gid", Int64(node.gid), 7),
            ("mtime", node.modified, 11),
        ] where octal(value, width) == nil {
            extended += record(keyword, Array("\(value)".utf8))
        }
        // The inode's attributes came with its first name.
        for (name, value) in node.xattrs.sorted(by: { bytesPrecede($0.key, $1.key) }) where first == nil {
            if name.utf8.contains(UInt8(ascii: "=")) || name.utf8.contains(0) || name.isEmpty {
                throw .tree(path: path, problem: "tar has no form for the extended attribute '\(name)'")
            }
            extended += record("SCHILY.xattr.\(name)", value)
        }
        if extended.isEmpty { return fields.header }
        var header = Fields(type: UInt8(ascii: "x"), name: Array("PaxHeaders".utf8), mode: 0o644)
        header.size = extended.count
        extended += [UInt8](repeating: 0, count: extended.count.roundedUp(to: blockSize) - extended.count)
        return header.header + extended + fields.header
    }

    /// The same as GNU tar writes it: long names are members of their own before the one they name.
    private static func gnuHeaders(
        _ fields: Fields, of node: Node, at path: String
    ) throws(FilesystemError) -> [UInt8] {
        guard octal(Int64(fields.size), 11) != nil, octal(Int64(node.uid), 7) != nil, octal(Int64(node.gid), 7) != nil,
            octal(node.modified, 11) != nil, node.xattrs.isEmpty
        else { throw .tree(path: path, problem: "its size, owner, time or attributes do not fit a plain tar header") }
        var headers: [UInt8] = []
        for (type, long) in [("K", fields.link), ("L", fields.name)] where long.count > nameSize {
            var header = Fields(type: Array(type.utf8)[0], name: Array("././@LongLink".utf8), mode: 0o644)
            header.size = long.count + 1
            headers += header.header + long
            headers += [UInt8](repeating: 0, count: (long.count + 1).roundedUp(to: blockSize) - long.count)
        }
        return headers + fields.header
    }

    /// A record of an extended header, `LENGTH KEYWORD=VALUE\n`; the length counts its own digits.
    private static func record(_ keyword: String, _ value: [UInt8]) -> [UInt8] {
        let rest = Array(" \(keyword)=".utf8) + value + [UInt8(ascii: "\n")]
        var length = rest.count
        while length != rest.count + "\(length)".utf8.count { length = rest.count + "\(length)".utf8.count }
        return Array("\(length)".utf8) + rest
    }

    /// A number in `width` octal digits; nil if it does not fit.
    fileprivate static func octal(_ value: Int64, _ width: Int) -> [UInt8]? {
        let digits = Array(String(value, radix: 8).utf8)
        if value < 0 || digits.count > width { return nil }
        return [UInt8](repeating: UInt8(ascii: "0"), count: width - digits.count) + digits
    }

    /// What the fixed header of a member holds.
    private struct Fields {
        var type: UInt8
        var name: [UInt8]
        var link: [UInt8] = []
        var mode: UInt32
        var uid: UInt32 = 0
        var gid: UInt32 = 0
        var size = 0
        var modified: Int64 = 0
        var device: (major: UInt32, minor: UInt32) = (0, 0)

        init(type: UInt8, name: [UInt8], mode: UInt32) {
            self.type = type
            self.name = name
            self.mode = mode
        }

        init(of node: Node, at path: String) throws(FilesystemError) {
            self.init(type: UInt8(ascii: "0"), name: Array(FileTree.relative(path).utf8), mode: node.mode)
            (uid, gid, modified) = (node.uid, node.gid, node.modified)
            switch node.kind {
            case .file(let content): size = content.size
            case .directory:
                type = UInt8(ascii: "5")
                name = path == "/" ? Array("./".utf8) : name + [UInt8(ascii: "/")]
            case .symlink(let target): (type, link) = (UInt8(ascii: "2"), Array(target.utf8))
            case .characterDevice(let major, let minor): (type, device) = (UInt8(ascii: "3"), (major, minor))
            case .blockDevice(let major, let minor): (type, device) = (UInt8(ascii: "4"), (major, minor))
            case .fifo: type = UInt8(ascii: "6")
            case .socket: throw .tree(path: path, problem: "tar has no form for a socket")
            case .hardlink(let target):
                throw .tree(path: path, problem: "hard link to \(target), which is a hard link itself")
            }
            if octal(Int64(device.major), 7) == nil || octal(Int64(device.minor), 7) == nil {
                throw .tree(path: path, problem: "tar has no form for the device \(device.major):\(device.minor)")
            }
        }

        /// The 512 bytes, as `ustar` of pax(1p) lays them out.
        ///
        /// A number that does not fit is zero here: the extended header has it.
        var header: [UInt8] {
            func number(_ value: some BinaryInteger, _ width: Int) -> [UInt8] {
                octal(Int64(value), width) ?? [UInt8](repeating: UInt8(ascii: "0"), count: width)
            }
            var block = [UInt8](repeating: 0, count: blockSize)
            block.store(Array(name.prefix(nameSize)), at: 0)
            block.store(number(mode, 7), at: 100)
            block.store(number(uid, 7), at: 108)
            block.store(number(gid, 7), at: 116)
            block.store(number(size, 11), at: 124)
            block.store(number(modified, 11), at: 136)
            block.store([UInt8](repeating: UInt8(ascii: " "), count: 8), at: 148)
            block[156] = type
            block.store(Array(link.prefix(nameSize)), at: 157)
            block.store(Array("ustar\0".utf8) + Array("00".utf8), at: 257)
            block.store(number(device.major, 7), at: 329)
            block.store(number(device.minor, 7), at: 337)
            let sum = block.reduce(0) { $0 + Int($1) }
            block.store(number(sum, 6) + [0], at: 148)
            return block
        }
    }
}
