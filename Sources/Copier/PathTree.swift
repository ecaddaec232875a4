internal import Glibc
internal import LinuxSystem

/// Paths of one root, known from registers or found on disk: each name once, in few large arrays.
///
/// 150 000 paths take some 25 MB so; a string for each would take several times that and as long again to make.
struct PathTree: Sendable {
    /// What lstat(2) said of a path.
    struct Facts: Sendable {
        var mode: UInt32 = 0
        var uid: UInt32 = 0
        var gid: UInt32 = 0
        var links: UInt32 = 0
        var size: Int64 = 0
        /// Nanoseconds since the epoch.
        var modified: Int64 = 0
        /// Nanoseconds since the epoch.
        var changed: Int64 = 0
        var device: UInt64 = 0
        var inode: UInt64 = 0

        var type: UInt32 { mode & S_IFMT }
        var isDirectory: Bool { type == S_IFDIR }
        var isFile: Bool { type == S_IFREG }
        var isSymlink: Bool { type == S_IFLNK }
    }

    /// What else is known of a path.
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt16
        /// It is there, and `facts` hold.
        static let isOnDisk = Flags(rawValue: 1)
        /// Registers know it by a name that leads through a symlink elsewhere, or through an alias as `/bin`.
        static let isElsewhere = Flags(rawValue: 2)
        /// What is below is not looked at: a mount point, or left out by choice.
        static let isNotEntered = Flags(rawValue: 4)
        /// It, or what it holds, could not be read.
        static let isUnreadable = Flags(rawValue: 8)
        /// It was there, and then it was not.
        static let hasVanished = Flags(rawValue: 16)
        /// It changed while it was read.
        static let hasChanged = Flags(rawValue: 32)
        /// It has extended attributes that are kept.
        static let hasXattrs = Flags(rawValue: 64)
        /// It takes less room than its size.
        static let isSparse = Flags(rawValue: 128)
        /// It is known to have no extended attributes.
        static let hasNoXattrs = Flags(rawValue: 256)
        /// A directory in an area of people's that was not looked into.
        static let isClosed = Flags(rawValue: 512)
    }

    struct Node: Sendable {
        var parent: Int32
        var firstChild: Int32 = -1
        var nextSibling: Int32 = -1
        /// The name in `bytes`, followed by a NUL.
        var nameStart: UInt32
        var nameCount: UInt16
        var flags: Flags = []
        /// The first of its owners; -1 for none.
        var ownership: Int32 = -1
        /// A symlink's target in `bytes`.
        var targetStart: UInt32 = 0
        var targetCount: UInt16 = 0
        var facts = Facts()
    }

    static let root: Int32 = 0
    private(set) var bytes: ContiguousArray<UInt8> = [0]
    var nodes: ContiguousArray<Node> = [Node(parent: -1, nameStart: 0, nameCount: 0)]
    /// Open addressing by parent and name; -1 is free. The size is a power of two.
    private var table = ContiguousArray<Int32>(repeating: -1, count: 1 << 18)
    /// Directories at the top that are symlinks into `/usr`: paths through them go there.
    var aliases: [Int32: Int32] = [:]
    /// By device number: what tells its file system from another that had the number before. Only file systems that can
    /// be written to: those of images that are built to be equal bear made-up times, the same on different content.
    var filesystems: [UInt64: UInt64] = [:]

    subscript(_ node: Int32) -> Node {
        _read { yield nodes[Int(node)] }
        _modify { yield &nodes[Int(node)] }
    }

    func has(_ node: Int32, _ flag: Flags) -> Bool { self[node].flags.contains(flag) }
}

// MARK: - Names

extension PathTree {
    typealias Bytes = UnsafeBufferPointer<UInt8>

    private func slot(_ parent: Int32, _ name: Bytes) -> Int {
        // FNV-1a, then mixed: the table takes the low bits.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ UInt64(UInt32(bitPattern: parent)) &* 0x9e37_79b9_7f4a_7c15
        for byte in name { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash ^= hash >> 29
        let mask = table.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while table[slot] >= 0 {
            let node = nodes[Int(table[slot])]
            if node.parent == parent && Int(node.nameCount) == name.count
                && isEqual(Int(node.nameStart), name)
            {
                break
            }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private func isEqual(_ start: Int, _ name: Bytes) -> Bool {
        bytes.withUnsafeBufferPointer { all in
            guard let base = all.baseAddress, let other = name.baseAddress else { return name.isEmpty }
            return memcmp(base + start, other, name.count) == 0
        }
    }

    /// The child of that name; nil if none is known.
    func child(_ parent: Int32, _ name: Bytes) -> Int32? {
        let found = table[slot(parent, name)]
        return found < 0 ? nil : found
    }

    /// The child of that name, made if none is known. A name has at most 65 535 bytes; a longer one is cut.
    mutating func makeChild(_ parent: Int32, _ name: Bytes) -> Int32 {
        let name = Bytes(rebasing: name.prefix(Int(UInt16.max)))
        let place = slot(parent, name)
        if table[place] >= 0 { return table[place] }
        let index = Int32(nodes.count)
        nodes.append(
            Node(
                parent: parent, nextSibling: self[parent].firstChild, nameStart: UInt32(bytes.count),
                nameCount: UInt16(name.count)))
        bytes.append(contentsOf: name)
        bytes.append(0)
        self[parent].firstChild = index
        table[place] = index
        if nodes.count * 3 > table.count * 2 { grow() }
        return index
    }

    private mutating func grow() {
        table = ContiguousArray(repeating: -1, count: table.count * 2)
        bytes.withUnsafeBufferPointer { all in
            for index in 1..<nodes.count {
                let node = nodes[index]
                let name = Bytes(rebasing: all[Int(node.nameStart)..<Int(node.nameStart) + Int(node.nameCount)])
                table[slot(node.parent, name)] = Int32(index)
            }
        }
    }

    /// The node of an absolute path, made if it is not known. Empty and `.` components do not count; aliases at the top
    /// are followed, unless they are the path's last component.
    mutating func makePath(_ path: Bytes) -> Int32 {
        var node = Self.root
        for name in path.split(separator: UInt8(ascii: "/")) where !(name.count == 1 && name.first == UInt8(ascii: "."))
        {
            node = makeChild(aliases[node] ?? node, Bytes(rebasing: name))
        }
        return node
    }

    /// The node of an absolute path, made if it is not known.
    mutating func makePath(_ path: String) -> Int32 {
        var path = path
        return path.withUTF8 { makePath($0) }
    }

    /// The node of an absolute path; nil if it is not known.
    func find(_ path: String) -> Int32? {
        var path = path
        return path.withUTF8 { path in
            var node = Self.root
            for name in path.split(separator: UInt8(ascii: "/")) {
                guard let next = child(aliases[node] ?? node, Bytes(rebasing: name)) else { return nil }
                node = next
            }
            return node
        }
    }

    /// Gives `body` the name of a node; empty for the root.
    func withName<Result>(_ node: Int32, _ body: (Bytes) throws -> Result) rethrows -> Result {
        let start = Int(self[node].nameStart)
        let count = Int(self[node].nameCount)
        return try bytes.withUnsafeBufferPointer { try body(Bytes(rebasing: $0[start..<start + count])) }
    }

    /// Gives `body` the name of a node, ended by a NUL.
    func withCName<Result>(_ node: Int32, _ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result {
        let start = Int(self[node].nameStart)
        return try bytes.withUnsafeBytes { all in
            guard let base = all.assumingMemoryBound(to: CChar.self).baseAddress else {
                preconditionFailure("the first byte is always there")
            }
            return try body(base + start)
        }
    }

    /// The name of a node and a NUL.
    func cName(_ node: Int32) -> ArraySlice<UInt8> {
        let start = Int(self[node].nameStart)
        return bytes[start...start + Int(self[node].nameCount)]
    }

    func name(_ node: Int32) -> String { withName(node) { String(decoding: $0, as: UTF8.self) } }

    mutating func setTarget(_ node: Int32, _ target: Bytes) {
        self[node].targetStart = UInt32(bytes.count)
        self[node].targetCount = UInt16(target.count)
        bytes.append(contentsOf: target)
        bytes.append(0)
    }

    /// The bytes of a symlink's target.
    func target(_ node: Int32) -> ArraySlice<UInt8> {
        let start = Int(self[node].targetStart)
        return Array(bytes[start..<start + Int(self[node].targetCount)])[...]
    }

    /// The absolute path, in bytes.
    func path(_ node: Int32) -> [UInt8] {
        if node == Self.root { return [UInt8(ascii: "/")] }
        var path: [UInt8] = []
        path.reserveCapacity(128)
        appendPath(node, to: &path)
        return path
    }

    /// Appends the absolute path; nothing for the root.
    func appendPath(_ node: Int32, to path: inout [UInt8]) {
        if node == Self.root { return }
        appendPath(self[node].parent, to: &path)
        path.append(UInt8(ascii: "/"))
        let start = Int(self[node].nameStart)
        path.append(contentsOf: bytes[start..<start + Int(self[node].nameCount)])
    }

    /// The children in byte order of their names.
    func children(_ node: Int32) -> [Int32] {
        var result: [Int32] = []
        var next = self[node].firstChild
        while next >= 0 {
            result.append(next)
            next = self[next].nextSibling
        }
        bytes.withUnsafeBufferPointer { all in
            func name(_ node: Int32) -> Slice<Bytes> {
                let start = Int(self[node].nameStart)
                return all[start..<start + Int(self[node].nameCount)]
            }
            result.sort { left, right in
                let (left, right) = (name(left), name(right))
                guard let first = Bytes(rebasing: left).baseAddress, let second = Bytes(rebasing: right).baseAddress
                else { return left.count < right.count }
                let order = memcmp(first, second, min(left.count, right.count))
                return order == 0 ? left.count < right.count : order < 0
            }
        }
        return result
    }

    /// Where a path ends when symlinks on its way are followed, of what is on disk; nil where nothing is, or after 40
    /// symlinks. What lies below a directory that was not entered is that directory.
    func resolve(_ node: Int32) -> Int32? {
        var components: [UInt8] = path(node)
        var budget = 40
        while true {
            var place = Self.root
            var rest = components[...]
            var isDone = true
            while true {
                rest = rest.drop { $0 == UInt8(ascii: "/") }
                if rest.isEmpty { break }
                let name = rest.prefix { $0 != UInt8(ascii: "/") }
                rest = rest.dropFirst(name.count)
                if name.elementsEqual(".".utf8) { continue }
                if name.elementsEqual("..".utf8) {
                    place = max(0, self[place].parent)
                    continue
                }
                if has(place, .isNotEntered) || has(place, .isClosed) { return place }
                guard let next = name.withUnsafeBufferPointer({ child(place, $0) }), has(next, .isOnDisk) else {
                    return nil
                }
                if self[next].facts.isSymlink && !rest.isEmpty {
                    budget -= 1
                    if budget == 0 { return nil }
                    let target = target(next)
                    let base = target.first == UInt8(ascii: "/") ? [] : path(place) + [UInt8(ascii: "/")]
                    components = base + target + [UInt8(ascii: "/")] + rest
                    isDone = false
                    break
                }
                place = next
            }
            if isDone { return place }
        }
    }
}
