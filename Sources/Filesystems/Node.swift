/// One inode of a ``FileTree``, or a further name of one.
public struct Node: Sendable, Equatable {
    /// What it is, with what it holds.
    public var kind: Kind
    /// The 12 permission bits.
    public var mode: UInt32
    /// Owner.
    public var uid: UInt32
    /// Group.
    public var gid: UInt32
    /// Modification time, seconds since 1970-01-01 UTC.
    public var modified: Int64
    /// Extended attributes by full name, for example `security.capability`.
    public var xattrs: [String: [UInt8]]

    /// The types of inodes (inode(7)).
    public enum Kind: Sendable {
        /// A directory; its entries are the nodes whose paths are one component longer.
        case directory
        /// A regular file.
        case file(Content)
        /// A symbolic link with its target as written.
        case symlink(String)
        /// A further name of the inode at an absolute path of the same tree, which is neither a directory nor a hard
        /// link itself. The other fields of such a node repeat that inode's; writers use the inode's.
        case hardlink(to: String)
        /// A character device.
        case characterDevice(major: UInt32, minor: UInt32)
        /// A block device.
        case blockDevice(major: UInt32, minor: UInt32)
        /// A named pipe.
        case fifo
        /// A socket's name.
        case socket
    }

    /// Where a regular file's data is.
    public enum Content: Sendable {
        /// Here.
        case bytes([UInt8])
        /// In a file of `size` bytes at `path` below the source root: relative, without a leading slash.
        case staged(path: String, size: Int)

        /// Bytes of data.
        public var size: Int {
            switch self {
            case .bytes(let bytes): bytes.count
            case .staged(_, let size): size
            }
        }
    }

    /// Makes a node from its parts; `mode` is cut to its 12 bits.
    public init(
        _ kind: Kind, mode: UInt32, uid: UInt32 = 0, gid: UInt32 = 0, modified: Int64 = 0,
        xattrs: [String: [UInt8]] = [:]
    ) {
        self.kind = kind
        self.mode = mode & 0o7777
        self.uid = uid
        self.gid = gid
        self.modified = modified
        self.xattrs = xattrs
    }

    /// A directory.
    public static func directory(
        mode: UInt32 = 0o755, uid: UInt32 = 0, gid: UInt32 = 0, modified: Int64 = 0
    ) -> Node {
        Node(.directory, mode: mode, uid: uid, gid: gid, modified: modified)
    }

    /// A file with these bytes.
    public static func file(
        _ bytes: [UInt8], mode: UInt32 = 0o644, uid: UInt32 = 0, gid: UInt32 = 0, modified: Int64 = 0
    ) -> Node {
        Node(.file(.bytes(bytes)), mode: mode, uid: uid, gid: gid, modified: modified)
    }

    /// A file with the UTF-8 bytes of a text.
    public static func file(
        _ text: String, mode: UInt32 = 0o644, uid: UInt32 = 0, gid: UInt32 = 0, modified: Int64 = 0
    ) -> Node {
        file(Array(text.utf8), mode: mode, uid: uid, gid: gid, modified: modified)
    }

    /// A symbolic link; its mode is 0777 as on every Linux file system.
    public static func symlink(_ target: String, uid: UInt32 = 0, gid: UInt32 = 0, modified: Int64 = 0) -> Node {
        Node(.symlink(target), mode: 0o777, uid: uid, gid: gid, modified: modified)
    }

    /// A further name of the inode at `path`.
    public static func hardlink(to path: String) -> Node { Node(.hardlink(to: path), mode: 0o644) }

    /// Whether this is a directory.
    public var isDirectory: Bool { if case .directory = kind { true } else { false } }
}

// Strings that differ in bytes but not for Unicode are different targets and paths, so equality is not synthesised.

extension Node.Kind: Equatable {
    /// Byte for byte equality.
    public static func == (left: Node.Kind, right: Node.Kind) -> Bool {
        switch (left, right) {
        case (.directory, .directory), (.fifo, .fifo), (.socket, .socket): true
        case (.file(let left), .file(let right)): left == right
        case (.symlink(let left), .symlink(let right)), (.hardlink(let left), .hardlink(let right)):
            left.utf8.elementsEqual(right.utf8)
        case (.characterDevice(let leftMajor, let leftMinor), .characterDevice(let major, let minor)),
            (.blockDevice(let leftMajor, let leftMinor), .blockDevice(let major, let minor)):
            leftMajor == major && leftMinor == minor
        default: false
        }
    }
}

extension Node.Content: Equatable {
    /// Byte for byte equality of the description: `bytes` never equals `staged`.
    public static func == (left: Node.Content, right: Node.Content) -> Bool {
        switch (left, right) {
        case (.bytes(let left), .bytes(let right)): left == right
        case (.staged(let left, let leftSize), .staged(let right, let rightSize)):
            left.utf8.elementsEqual(right.utf8) && leftSize == rightSize
        default: false
        }
    }
}
