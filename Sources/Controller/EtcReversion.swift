internal import Filesystems
internal import Glibc
internal import LinuxSystem

/// Puts a path below `/etc` back to what the running generation's root has there, and all that it holds.
///
/// The root is what the constructor made of the blueprint, packages and all, and nobody can have changed it.
public struct EtcReversion: Sendable {
    /// What is taken away: nothing of the root's; a directory after what it holds.
    public let removed: [String]
    /// What is made as in the root; a directory before what it holds.
    public let restored: [String]

    private let pristine: EtcLayer.Source
    private static let folder = "/etc"
    /// Where files are made whole before they are put into their places. Nothing reads it.
    private static let staging = ".pisces-revert"

    /// Compares what is below a path with the running generation's root; nothing is changed yet.
    /// - Throws: ``ControllerError`` if the path is not below `/etc`, nothing is there in either, or this is no machine
    ///   that Pisces constructed.
    public init(of path: String) throws(ControllerError) {
        _ = try system { () throws(SystemError) in try Descriptor.open(RunningMachine.reportPath) }
        let path = FileTree.normalise(path)
        guard path.hasPrefix(Self.folder + "/") else {
            throw ControllerError(
                .source, path, "only what is below /etc can be put back: /usr is never changed, and /var holds data")
        }
        let root = try system { () throws(SystemError) in try Descriptor.bareDirectory("/") }
        try self.init(
            String(path.dropFirst(Self.folder.utf8.count)), pristine: try EtcLayer.Source(try EtcLayer.etc(of: root)),
            current: try EtcLayer.Source(try system { () throws(SystemError) in try Descriptor.directory(Self.folder) })
        )
    }

    init(_ path: String, pristine: EtcLayer.Source, current: EtcLayer.Source) throws(ControllerError) {
        let all = Set(pristine.tree.paths).union(current.tree.paths).filter {
            ($0 == path || $0.hasPrefix(path + "/")) && !EtcLayer.own.contains($0)
        }
        guard !all.isEmpty else {
            throw ControllerError(
                .source, Self.folder + path, "neither here nor in the running generation, or this machine's own")
        }
        let changed = all.filter { !EtcLayer.same($0, pristine, current) }.sorted(by: bytesPrecede)
        removed = changed.reversed().filter { path in
            guard let here = current.tree[path] else { return false }
            // A directory cannot take the place of a file, nor a file that of a directory.
            return pristine.tree[path].map { $0.isDirectory != here.isDirectory } ?? true
        }
        restored = changed.filter { pristine.tree[$0] != nil }
        self.pristine = pristine
    }

    /// Does it. Each file is put into its place whole; interrupted, it can be done again.
    public func run() throws(ControllerError) {
        let lock = try RunningMachine.takeLock()
        let etc = try system { () throws(SystemError) in try Descriptor.directory(Self.folder) }
        let staging = "\(Self.folder)/\(Self.staging)"
        try system { () throws(SystemError) in
            try removeTree(staging)
            try etc.makeDirectory(Self.staging, mode: 0o700)
        }
        let root = try system { () throws(SystemError) in try Descriptor.bareDirectory("/") }
        try stage(from: try EtcLayer.etc(of: root), to: staging)
        try system { () throws(SystemError) in
            for path in removed {
                let isDirectory = try etc.status(of: Self.relative(path)).type == S_IFDIR
                try etc.unlink(Self.relative(path), directory: isDirectory)
            }
            for path in restored { try put(path, into: etc) }
            try removeTree(staging)
            try etc.syncFilesystem()
        }
        _ = consume lock
    }

    private static func relative(_ path: String) -> String { String(path.dropFirst()) }

    /// Makes the files that are restored, with the directories on their ways, in a directory of their own.
    private func stage(from source: borrowing Descriptor, to staging: String) throws(ControllerError) {
        var tree = FileTree()
        for path in restored {
            guard var node = pristine.tree[path] else { continue }
            if case .hardlink(let target) = node.kind, let file = pristine.tree[target] { node.kind = file.kind }
            tree[path] = node
            var parent = parentDirectory(of: path)
            while parent != "/" {
                if tree[parent] == nil { tree[parent] = pristine.tree[parent] }
                parent = parentDirectory(of: parent)
            }
        }
        tree["/"] = Node(.directory, mode: 0o700)
        let directory = try system { () throws(SystemError) in try Descriptor.directory(staging) }
        do throws(FilesystemError) { try DirectoryWriter.write(tree, source: source, to: directory) } catch {
            throw ControllerError(.device, Self.folder, "\(error)")
        }
    }

    private func put(_ path: String, into etc: borrowing Descriptor) throws(SystemError) {
        let name = Self.relative(path)
        guard let node = pristine.tree[path], node.isDirectory else {
            return try etc.rename("\(Self.staging)/\(name)", to: name)
        }
        try etc.makeDirectory(name, mode: 0o700)
        let directory = try etc.openBeneath(name, O_RDONLY | O_DIRECTORY)
        try directory.setOwner(uid: node.uid, gid: node.gid)
        try directory.setMode(node.mode)
        for (attribute, value) in node.xattrs { try directory.setXattr(attribute, value) }
    }
}
