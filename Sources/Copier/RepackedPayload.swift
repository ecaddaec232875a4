internal import Debian
internal import Filesystems
internal import Glibc
internal import LinuxSystem

/// The files of one package as they lie in a system, in the form of its archive.
struct RepackedPayload {
    let package: DpkgDatabase.InstalledPackage
    let repacker: Repacker
    /// That of directories, whose own change with whatever is put there, and of what is made here.
    let time: Int64
    private(set) var tree = FileTree()
    private(set) var result = Repacker.Result()

    /// A further name of a file is one in the archive, too.
    private var inodes: [Inode: String] = [:]
    /// Directories without links on the way to them, by the names that packages have for them.
    private var canonical: [String: String] = [:]
    private var missing: [String] = []
    private var changed: [String] = []
    private var conffiles: [String: DpkgDatabase.Conffile] = [:]
    private var sums: [String: String] = [:]

    private struct Inode: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    private var root: SourceRoot { repacker.root }

    init(package: DpkgDatabase.InstalledPackage, repacker: Repacker, time: Int64) {
        self.package = package
        self.time = time
        self.repacker = repacker
        conffiles = Dictionary(package.conffiles.map { ($0.path, $0) }) { first, _ in first }
    }

    /// Reads all paths of the package's list.
    mutating func read(_ paths: [String], sums: [UInt8], diversions: [DpkgDatabase.Diversion]) throws {
        for line in sums.split(separator: UInt8(ascii: "\n")) where line.count > 34 {
            self.sums["/" + String(decoding: line.dropFirst(34), as: UTF8.self)] =
                String(decoding: line.prefix(32), as: UTF8.self)
        }
        let elsewhere = Dictionary(
            diversions.filter { $0.package != package.name }.map { ($0.from, $0.to) }
        ) { first, _ in first }
        let parents = Set(paths.map { parentDirectory(of: $0) })
        tree["/"] = .directory(modified: time)
        for path in paths {
            if let conffile = conffiles[path], conffile.isObsolete || conffile.isRemovedOnUpgrade { continue }
            try read(path, at: elsewhere[path] ?? path, isParent: parents.contains(path))
        }
        for path in tree.paths where path != "/" { addParents(of: path) }
        tell(missing, "is missing: without it", "are missing: without them")
        tell(changed, "is not as the package brought it: as it is", "are not as the package brought them: as they are")
    }

    private mutating func read(_ path: String, at place: String, isParent: Bool) throws {
        guard let status = try root.statusOfLink(place) else {
            if let conffile = conffiles[path] { return try addConffile(conffile, nil) }
            return missing.append(path)
        }
        switch status.mode & S_IFMT {
        case S_IFDIR:
            tree[path] = node(.directory, status)
            tree[path]?.modified = time
        case S_IFLNK where isParent:
            // Somebody, or the merge of /usr, put a link where the package has a directory.
            tree[path] = .directory(modified: time)
        case S_IFLNK:
            var link = node(.symlink(try root.linkTarget(place) ?? ""), status)
            link.mode = 0o777
            tree[path] = link
        case S_IFREG:
            if let conffile = conffiles[path] { return try addConffile(conffile, status, place) }
            try addFile(path, at: place, status)
        default:
            result.remarks.append("\(path) is a device, pipe or socket, which no package has: without it")
        }
    }

    /// The owner is the one that packages may name (Debian Policy 9.2.2): a script gives a file to any other again.
    private func node(_ kind: Node.Kind, _ status: FileStatus) -> Node {
        Node(
            kind, mode: status.mode, uid: status.uid < 100 ? status.uid : 0, gid: status.gid < 100 ? status.gid : 0,
            modified: repacker.clamped(status.modified))
    }

    private mutating func addFile(_ path: String, at place: String, _ status: FileStatus) throws {
        let inode = Inode(device: status.device, inode: status.inode)
        if status.links > 1, let first = inodes[inode] {
            tree[path] = .hardlink(to: first)
            return
        }
        inodes[inode] = path
        let parent = parentDirectory(of: place)
        let directory = try canonical[parent] ?? canonicalPath(of: parent)
        canonical[parent] = directory
        let name = place.utf8.split(separator: UInt8(ascii: "/")).last.map { String(decoding: $0, as: UTF8.self) } ?? ""
        let staged = directory.isEmpty ? name : "\(directory)/\(name)"
        var content = Node.Content.staged(path: staged, size: status.size)
        if let sum = sums[path], try self.sum(of: staged) != sum {
            changed.append(path)
            if try holdsSecret(place, status) {
                content = .bytes([])
                result.remarks.append("\(path) holds a secret: empty")
            }
        }
        tree[path] = node(.file(content), status)
    }

    /// Adds a conffile as it was distributed, if that can be had. What somebody made of it travels in the blueprint.
    private mutating func addConffile(
        _ conffile: DpkgDatabase.Conffile, _ status: FileStatus?, _ place: String = ""
    ) throws {
        let path = conffile.path
        var bytes = status == nil ? nil : try root.read(place)
        guard status != nil || conffile.md5 != nil else { return missing.append(path) }
        if let md5 = conffile.md5, bytes.map(md5Hex) != md5 {
            if let pristine = repacker.pristineContent(of: path, package: package.name, md5: md5) {
                bytes = pristine
            } else {
                result.pristine[path] = md5
                // A package lies in a store that others may read.
                if let live = bytes, SecretFiles.kind(path, live) != nil { bytes = [] }
            }
        }
        tree[path] =
            status.map { node(.file(.bytes(bytes ?? [])), $0) } ?? .file(bytes ?? [], mode: 0o644, modified: time)
    }

    private func holdsSecret(_ place: String, _ status: FileStatus) throws -> Bool {
        guard status.size <= 1 << 20, let bytes = try root.read(place) else { return false }
        return SecretFiles.kind(place, bytes) != nil
    }

    private func sum(of path: String) throws -> String {
        let file = try root.directory.openBeneath(path)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
        defer { buffer.deallocate() }
        var hash = MD5()
        while true {
            let count = try file.read(into: buffer)
            if count == 0 { return hash.finish() }
            hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// The path of a directory below the root, without links.
    private func canonicalPath(of path: String) throws -> String {
        let descriptors = try Descriptor.directory("/proc/self/fd")
        let relative = String(path.drop { $0 == "/" })
        let directory = try root.directory.openInRoot(
            relative.isEmpty ? "." : relative, Descriptor.pathOnly | O_DIRECTORY)
        let top = try descriptors.linkTarget("\(root.directory.rawValue)")
        let full = try descriptors.linkTarget("\(directory.rawValue)")
        let prefix = top == "/" ? "" : top
        return String(full.utf8.dropFirst(prefix.utf8.count + 1)) ?? ""
    }

    /// A list has the directories of all it has; one that was changed by hand may not.
    private mutating func addParents(of path: String) {
        var parent = parentDirectory(of: path)
        while parent != "/", tree[parent] == nil {
            tree[parent] = .directory(modified: time)
            parent = parentDirectory(of: parent)
        }
    }

    private mutating func tell(_ paths: [String], _ one: String, _ many: String) {
        guard let first = paths.first else { return }
        result.remarks.append(
            paths.count == 1 ? "\(first) \(one)" : "\(paths.count) files, such as \(first), \(many)")
    }
}
