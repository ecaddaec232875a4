import Archive
import Filesystems
internal import Glibc
import LinuxSystem

/// A layer of an image as its archive has it (OCI image specification, `layer.md`): what it adds, and what it hides of
/// the layers below.
struct ImageLayer {
    /// What it adds. Files are staged.
    private(set) var tree = FileTree()
    /// Names of lower layers that are gone.
    private(set) var whiteouts: Set<String> = []
    /// Directories of which nothing in lower layers shows.
    private(set) var opaque: Set<String> = []
    /// The directories that the archive mentions; others are there because something is in them.
    private(set) var described: Set<String> = []
    /// What errors call it.
    let name: String

    init(name: String) { self.name = name }

    /// Reads an archive; the data of files goes below `root` into `folder`, under numbers.
    mutating func read(_ archive: borrowing ArchiveReader, into root: StagedRoot, folder: String) throws {
        try root.makeDirectory(folder)
        let directory = try root.directory.openInRoot(folder, Descriptor.pathOnly | O_DIRECTORY)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
        defer { buffer.deallocate() }
        var count = 0
        while let entry = try archive.next() {
            let path = try place(of: entry.path)
            if try takeWhiteout(path) { continue }
            var node = Node(
                .directory, mode: entry.mode, uid: entry.uid, gid: entry.gid, modified: entry.modified,
                xattrs: entry.xattrs.filter { Self.isKept($0.key) })
            switch entry.kind {
            case .directory:
                described.insert(path)
                // What is in it stays.
                if tree[path]?.isDirectory == true {
                    tree[path] = node
                    continue
                }
            case .file(let size):
                count += 1
                let file = try directory.openBeneath("\(count)", O_WRONLY | O_CREAT | O_EXCL)
                try Self.copy(archive, to: file, size: size, buffer: buffer, name: "\(name): \(entry.path)")
                node.kind = .file(.staged(path: "\(folder)/\(count)", size: size))
            case .symlink(let target): node.kind = .symlink(target)
            case .hardlink(let target):
                let target = try place(of: target)
                // Further names of a name lead to the file itself.
                if case .hardlink(let file) = tree[target]?.kind {
                    node.kind = .hardlink(to: file)
                } else if tree[target] != nil, tree[target]?.isDirectory == false {
                    node.kind = .hardlink(to: target)
                } else {
                    throw error("\(path) is a hard link to \(target), which the layer does not have as a file")
                }
                if path == target { continue }
            case .characterDevice(let major, let minor): node.kind = .characterDevice(major: major, minor: minor)
            case .blockDevice(let major, let minor): node.kind = .blockDevice(major: major, minor: minor)
            case .fifo: node.kind = .fifo
            }
            guard path != "/" || node.isDirectory else { throw error("its root is no directory") }
            tree.removeSubtree(path)
            tree[path] = node
        }
    }

    private func error(_ problem: String) -> ConstructorError { ConstructorError("\(name): \(problem)") }

    // MARK: - Names

    /// Where a member goes: an absolute path in which symbolic links of the same layer are followed, as they would be
    /// where an archive is unpacked, but for the last component. Makes the directories above it.
    private mutating func place(of member: String) throws -> String {
        var rest = Array(try components(of: member).reversed())
        var done: [String] = []
        var links = 0
        while let component = rest.popLast() {
            if component == ".." {
                _ = done.popLast()
                continue
            }
            done.append(component)
            if rest.isEmpty { break }
            let path = "/" + done.joined(separator: "/")
            switch tree[path]?.kind {
            case .directory: break
            case nil: tree[path] = .directory()
            case .symlink(let target):
                links += 1
                if links > 40 { throw error("\(member): a circle of symbolic links") }
                if target.utf8.first == UInt8(ascii: "/") { done = [] } else { done.removeLast() }
                rest += Self.split(target).reversed()
            default: throw error("\(member): \(path) is no directory")
            }
        }
        return "/" + done.joined(separator: "/")
    }

    private func components(of member: String) throws -> [String] {
        let parts = Self.split(member)
        // By bytes, as the kernel does.
        if parts.contains("..") { throw error("\(member) leads out of the layer") }
        return parts
    }

    private static func split(_ path: String) -> [String] {
        path.utf8.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }
            .map { String(Substring($0)) }
    }

    /// Notes what a whiteout hides; false for any other name.
    private mutating func takeWhiteout(_ path: String) throws -> Bool {
        let parent = parentDirectory(of: path)
        let name = path.utf8.dropFirst(parent == "/" ? 1 : parent.utf8.count + 1)
        guard name.starts(with: ".wh.".utf8) else { return false }
        let hidden = String(Substring(name.dropFirst(4)))
        switch hidden {
        case ".wh..opq": opaque.insert(parent)
        case "", ".", "..": throw error("\(path) is a whiteout of nothing")
        // What an older union file system kept for itself.
        case _ where hidden.hasPrefix(".wh."): break
        default: whiteouts.insert(parent == "/" ? "/\(hidden)" : "\(parent)/\(hidden)")
        }
        return true
    }

    /// Whether an extended attribute is the image's; labels of security modules are the machine's, and those of the
    /// union file system would change what is seen.
    private static func isKept(_ name: String) -> Bool {
        name == "security.capability"
            || name.utf8.starts(with: "user.".utf8) && !name.utf8.starts(with: "user.overlay.".utf8)
    }

    private static func copy(
        _ archive: borrowing ArchiveReader, to file: borrowing Descriptor, size: Int,
        buffer: UnsafeMutableRawBufferPointer, name: String
    ) throws {
        var done = 0
        while true {
            let count = try archive.read(into: buffer)
            if count == 0 { break }
            try file.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            done += count
        }
        guard done == size else { throw ConstructorError("\(name) has \(done) bytes, not \(size)") }
    }
}

extension ImageLayer {
    /// The layer as a lower directory of overlayfs over others, without a trace of how whiteouts were written: a hidden
    /// name is a character device 0:0, and nothing is opaque, since the attribute that says so is another for each kind
    /// of mount. Then `below`, which is what all layers so far look like together, becomes what they look like with
    /// this one.
    func overlay(over below: inout FileTree, epoch: Int64) -> FileTree {
        var result = tree
        // A directory that is only on the way to something keeps what it is below.
        for path in tree.paths where tree[path]?.isDirectory == true && !described.contains(path) {
            let node = below[path].flatMap { $0.isDirectory ? $0 : nil }
            result[path] = node ?? .directory(modified: epoch)
        }
        func whiteOut(_ path: String) {
            guard below[path] != nil else { return }
            if tree[path] == nil {
                result[path] = Node(.characterDevice(major: 0, minor: 0), mode: 0, modified: epoch)
            } else if tree[path]?.isDirectory == true {
                hideContents(of: path)
            }
        }
        func hideContents(of path: String) {
            guard below[path]?.isDirectory == true else { return }
            for child in below.children(of: path) { whiteOut(path == "/" ? "/\(child)" : "\(path)/\(child)") }
        }
        for path in opaque { hideContents(of: path) }
        for path in whiteouts where tree[parentDirectory(of: path)] != nil { whiteOut(path) }
        Self.lay(result, over: &below)
        return result
    }

    private static func lay(_ layer: FileTree, over below: inout FileTree) {
        for path in layer.paths {
            guard let node = layer[path] else { continue }
            if case .characterDevice(0, 0) = node.kind {
                below.removeSubtree(path)
            } else if node.isDirectory, below[path]?.isDirectory == true {
                below[path] = node
            } else {
                below.removeSubtree(path)
                below[path] = node
            }
        }
    }
}
