internal import Glibc
public import LinuxSystem

/// Writes trees as real directories and files: names, data, hard links, owners, modes, times and extended attributes.
///
/// Needs the rights to give files away, as root of a machine or of a user namespace has them; devices only root of a
/// machine can make. Holes of staged files stay holes.
public enum DirectoryWriter {
    /// Writes `tree` into `directory`, which is empty; the tree's root becomes that directory itself. Staged data is read
    /// below `source`.
    public static func write(
        _ tree: FileTree, source: borrowing Descriptor, to directory: borrowing Descriptor
    ) throws(FilesystemError) {
        let paths = try tree.validatedPaths()
        try fill(directory, path: "/", from: tree, source: source)
        // All files are there now. A name more in a directory changes its time, and its mode may forbid one.
        for path in paths {
            guard let node = tree[path], case .hardlink(let target) = node.kind else { continue }
            let place = try parent(of: path, in: directory)
            let file = try parent(of: target, in: directory)
            try lifting { () throws(SystemError) in
                try file.makeLink(baseName(of: target), in: place, baseName(of: path))
            }
        }
        for path in paths.reversed() {
            guard let node = tree[path], node.isDirectory else { continue }
            let opened = try open(path, in: directory)
            try lifting { () throws(SystemError) in try setMetadata(of: ".", in: opened, to: node) }
        }
    }

    /// Makes what the tree has below `path`, except for hard links and what directories are to have besides names.
    private static func fill(
        _ directory: borrowing Descriptor, path: String, from tree: FileTree, source: borrowing Descriptor
    ) throws(FilesystemError) {
        for name in tree.children(of: path) {
            let child = FileTree.join(path, name)
            guard let node = tree[child] else { continue }
            if case .hardlink = node.kind { continue }
            try make(name, node, at: child, in: directory, source: source)
            if node.isDirectory {
                let made = try lifting { () throws(SystemError) in
                    try directory.openBeneath(name, O_RDONLY | O_DIRECTORY)
                }
                try fill(made, path: child, from: tree, source: source)
            } else {
                try lifting { () throws(SystemError) in try setMetadata(of: name, in: directory, to: node) }
            }
        }
    }

    private static func make(
        _ name: String, _ node: Node, at path: String, in directory: borrowing Descriptor,
        source: borrowing Descriptor
    ) throws(FilesystemError) {
        switch node.kind {
        case .directory:
            try lifting { () throws(SystemError) in try directory.makeDirectory(name, mode: 0o700, existing: false) }
        case .file(let content):
            let file = try lifting { () throws(SystemError) in
                try directory.openBeneath(name, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            }
            try write(content, to: file, source: source, path: path)
        case .symlink(let target):
            try lifting { () throws(SystemError) in try directory.makeSymlink(name, target: target) }
        case .characterDevice(let major, let minor):
            try makeDevice(name, S_IFCHR, major, minor, at: path, in: directory)
        case .blockDevice(let major, let minor):
            try makeDevice(name, S_IFBLK, major, minor, at: path, in: directory)
        case .fifo: try lifting { () throws(SystemError) in try directory.makeNode(name, mode: S_IFIFO | 0o600) }
        case .socket: try lifting { () throws(SystemError) in try directory.makeNode(name, mode: S_IFSOCK | 0o600) }
        case .hardlink: break
        }
    }

    private static func makeDevice(
        _ name: String, _ type: UInt32, _ major: UInt32, _ minor: UInt32, at path: String,
        in directory: borrowing Descriptor
    ) throws(FilesystemError) {
        do throws(SystemError) {
            try directory.makeNode(name, mode: type | 0o600, major: major, minor: minor)
        } catch {
            guard error.code == EPERM else { throw .system(error) }
            throw .tree(path: path, problem: "a device, which only root of this machine can make")
        }
    }

    private static func write(
        _ content: Node.Content, to file: borrowing Descriptor, source: borrowing Descriptor, path: String
    ) throws(FilesystemError) {
        switch content {
        case .bytes(let bytes): try lifting { () throws(SystemError) in try file.writeAll(bytes) }
        case .staged(let staged, let size):
            let data = try openStaged(staged, size: size, source: source, path: path)
            try lifting { () throws(SystemError) in
                try file.truncate(to: size)
                try file.copy(from: data, at: 0, length: size, to: 0)
            }
        }
    }

    /// A change of owner takes capabilities and the set-id bits away, so it comes first.
    private static func setMetadata(
        of name: String, in directory: borrowing Descriptor, to node: Node
    ) throws(SystemError) {
        try directory.setLinkOwner(name, uid: node.uid, gid: node.gid, modified: node.modified)
        for (attribute, value) in node.xattrs.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            try directory.setXattr(attribute, value, of: name)
        }
        if case .symlink = node.kind { return }
        try directory.setMode(node.mode, of: name)
    }

    private static func parent(
        of path: String, in directory: borrowing Descriptor
    ) throws(FilesystemError) -> Descriptor {
        try open(parentDirectory(of: path), in: directory)
    }

    private static func open(_ path: String, in directory: borrowing Descriptor) throws(FilesystemError) -> Descriptor {
        let relative = path == "/" ? "." : FileTree.relative(path)
        return try lifting { () throws(SystemError) in try directory.openBeneath(relative, O_RDONLY | O_DIRECTORY) }
    }
}
