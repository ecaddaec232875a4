internal import Glibc
public import LinuxSystem

extension FileTree {
    /// Reads the tree below an open directory, following no symlink.
    ///
    /// File data stays where it is: contents are `.staged` with paths below `root`. Of the names of one inode the first
    /// in path order is the file, the others are hard links. Of extended attributes it keeps `security.capability`,
    /// `user.*` and POSIX ACLs; labels of the host's security modules are not the tree's. Needs `/proc`, as no system
    /// call reads the attributes of a symlink or device relative to a directory.
    ///
    /// A name or symlink target that is not UTF-8, two names in a directory that are equal for Unicode, and a path
    /// longer than 4095 bytes are errors.
    ///
    /// - Parameter attribute: one more extended attribute to keep.
    public static func scan(
        _ root: borrowing Descriptor, keeping attribute: String = ""
    ) throws(FilesystemError) -> FileTree {
        var scan = Scan(attribute: attribute)
        let status = try lifting { () throws(SystemError) in try root.status() }
        let xattrs = try lifting { () throws(SystemError) in try root.xattrs(of: ".", where: scan.isKept) }
        scan.tree["/"] = Node(
            .directory, mode: status.mode, uid: status.uid, gid: status.gid, modified: status.modified, xattrs: xattrs)
        try scan.walk(root, path: "")
        return scan.tree
    }
}

/// The state of one walk.
private struct Scan {
    /// An inode's identity.
    struct Identity: Hashable {
        var device: UInt64
        var inode: UInt64
    }

    let attribute: String
    var tree = FileTree()
    var firstNames: [Identity: String] = [:]

    /// Adds what is in `directory`, whose path is `path` (empty for the root).
    mutating func walk(_ directory: borrowing Descriptor, path: String) throws(FilesystemError) {
        var seen: Set<String> = []
        for name in try lifting({ () throws(SystemError) in try directory.entries() }) {
            let child = "\(path)/\(name)"
            if !seen.insert(name).inserted {
                throw .tree(
                    path: child,
                    problem: "two names in this directory differ in bytes but are the same for Unicode: rename one")
            }
            if child.utf8.count > 4095 { throw .tree(path: child, problem: "the path is longer than 4095 bytes") }
            let status = try lifting { () throws(SystemError) in try directory.status(of: name) }
            if let first = firstName(of: status, at: child), var node = tree[first] {
                node.kind = .hardlink(to: first)
                tree[child] = node
                continue
            }
            let kind = try kind(of: status, name, in: directory, path: child)
            let xattrs = try lifting { () throws(SystemError) in try directory.xattrs(of: name, where: isKept) }
            tree[child] = Node(
                kind, mode: status.mode, uid: status.uid, gid: status.gid, modified: status.modified, xattrs: xattrs)
            if case .directory = kind {
                let opened = try lifting { () throws(SystemError) in
                    try directory.openBeneath(name, O_RDONLY | O_DIRECTORY, mode: 0)
                }
                try walk(opened, path: child)
            }
        }
    }

    /// The path under which this inode was met before; remembers it otherwise.
    private mutating func firstName(of status: FileStatus, at path: String) -> String? {
        if status.type == S_IFDIR || status.links < 2 { return nil }
        let identity = Identity(device: status.device, inode: status.inode)
        if let first = firstNames[identity] { return first }
        firstNames[identity] = path
        return nil
    }

    private func kind(
        of status: FileStatus, _ name: String, in directory: borrowing Descriptor, path: String
    ) throws(FilesystemError) -> Node.Kind {
        switch status.type {
        case S_IFDIR: return .directory
        case S_IFREG: return .file(.staged(path: FileTree.relative(path), size: status.size))
        case S_IFCHR: return .characterDevice(major: status.major, minor: status.minor)
        case S_IFBLK: return .blockDevice(major: status.major, minor: status.minor)
        case S_IFIFO: return .fifo
        case S_IFSOCK: return .socket
        case S_IFLNK:
            let target = try lifting { () throws(SystemError) in try directory.linkTarget(name) }
            // Decoding puts U+FFFD for bytes that are not UTF-8.
            if target.unicodeScalars.contains("\u{FFFD}") {
                throw .tree(path: path, problem: "the symlink's target is not UTF-8")
            }
            return .symlink(target)
        default: throw .tree(path: path, problem: "an inode of unknown type \(String(status.type, radix: 8))")
        }
    }

    /// Whether an extended attribute belongs to the tree.
    func isKept(xattr name: String) -> Bool {
        name == "security.capability" || name == "system.posix_acl_access" || name == "system.posix_acl_default"
            || name.utf8.starts(with: "user.".utf8) || name == attribute
    }
}
