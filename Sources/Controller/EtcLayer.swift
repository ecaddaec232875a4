internal import Filesystems
internal import Glibc
internal import LinuxSystem

/// The changes of `/etc` that a person made to one generation, as they are to be in the next.
///
/// Each generation has its own layer over the `/etc` of its root, so that going back brings the old one back. A new one
/// takes over what was changed, removed and added; what the new root brings changed itself is not lost for that: lists of
/// accounts are merged line by line, and of other files that both have changed, the person's stays and is told of.
struct EtcLayer {
    /// One `/etc`: a root's, or the layer over it.
    struct Source {
        var tree = FileTree()
        /// The digests of the files that matter.
        var digests: [String: Digest] = [:]
        /// The texts of the lists of accounts.
        var accounts: [String: String] = [:]
    }

    /// The layer for the new root; its files are staged in the old layer.
    private(set) var tree = FileTree()
    /// What was changed here and by the new root, too, and is as it was changed here.
    private(set) var conflicts: [String] = []

    /// Lists that packages and people write, a line for each account.
    static let accountFiles = ["/passwd", "/shadow", "/group", "/gshadow", "/subuid", "/subgid"]
    /// What every system makes of itself, so that it is no change that anybody made: the linker's cache, locks, when all was
    /// brought up to date, and the machine's identity, which is a layer of its own.
    static let own: Set = ["/ld.so.cache", "/.pwd.lock", "/.updated", "/machine-id"]
    /// Marks a directory below which nothing of the root is seen (Linux, "Overlay Filesystem").
    static let opaque = "trusted.overlay.opaque"

    /// Merges.
    /// - Parameters:
    ///   - drift: the layer over the old root's `/etc`.
    ///   - old: that `/etc`.
    ///   - new: the new root's.
    init(drift: Source, old: Source, new: Source) {
        for path in drift.tree.paths where path != "/" && !Self.own.contains(path) {
            guard var node = drift.tree[path], !node.isDirectory else { continue }
            if case .hardlink(let target) = node.kind, let file = drift.tree[target] { node.kind = file.kind }
            switch node.kind {
            case .socket: continue
            case .characterDevice(0, 0):
                // Removed here.
                if new.tree[path] == nil { continue }
                if !Self.same(path, old, new) { conflicts.append(path) }
            default:
                if let text = Self.mergedAccounts(path, drift, old, new) {
                    node.kind = .file(.bytes(Array(text.utf8)))
                } else if Self.same(path, drift, new) {
                    continue
                } else if !Self.same(path, old, new) {
                    conflicts.append(path)
                }
            }
            tree[path] = node
        }
        takeDirectories(drift.tree, old.tree, new.tree)
    }

    /// The directories of what is taken over, and those that were themselves made or changed here.
    private mutating func takeDirectories(_ drift: FileTree, _ old: FileTree, _ new: FileTree) {
        for path in drift.paths.reversed() {
            guard var node = drift[path], node.isDirectory else { continue }
            let isChanged =
                path != "/" && ![old[path], new[path]].contains { $0.map { Self.hasSameOwner($0, node) } ?? false }
            guard path == "/" || isChanged || node.xattrs[Self.opaque] != nil || !tree.children(of: path).isEmpty
            else { continue }
            if !isChanged, let theirs = new[path], theirs.isDirectory {
                (node.mode, node.uid, node.gid) = (theirs.mode, theirs.uid, theirs.gid)
            }
            tree[path] = node
        }
    }

    // MARK: Comparing

    private static func hasSameOwner(_ left: Node, _ right: Node) -> Bool {
        (left.mode, left.uid, left.gid) == (right.mode, right.uid, right.gid) && left.xattrs == right.xattrs
    }

    /// Whether a path is the same in two trees, but for times.
    static func same(_ path: String, _ left: Source, _ right: Source) -> Bool {
        switch (left.tree[path], right.tree[path]) {
        case (nil, nil): true
        case (let here?, let there?):
            switch (here.kind, there.kind) {
            case (.file, .file):
                hasSameOwner(here, there) && left.digests[path] != nil && left.digests[path] == right.digests[path]
            default: here.kind == there.kind && hasSameOwner(here, there)
            }
        default: false
        }
    }

    // MARK: Accounts

    /// A list of accounts with the lines of the new root, and over them what was changed here; nil for any other file.
    private static func mergedAccounts(_ path: String, _ drift: Source, _ old: Source, _ new: Source) -> String? {
        guard let here = drift.accounts[path], let before = old.accounts[path], let theirs = new.accounts[path] else {
            return nil
        }
        return merged(here: here, before: before, theirs: theirs)
    }

    /// Merges lists whose lines begin with a name and a colon.
    static func merged(here: String, before: String, theirs: String) -> String {
        let (here, before, theirs) = (Lines(here), Lines(before), Lines(theirs))
        var result: [Substring] = []
        for (name, line) in theirs.all {
            switch (here.byName[name], before.byName[name]) {
            // Removed here, or never seen here.
            case (nil, let old): if old == nil { result.append(line) }
            case (let mine?, let old): result.append(mine == old ? line : mine)
            }
        }
        // Made here, or changed here and removed there.
        for (name, line) in here.all where theirs.byName[name] == nil && before.byName[name] != line {
            result.append(line)
        }
        return result.map { $0 + "\n" }.joined()
    }

    private struct Lines {
        var all: [(name: Substring, line: Substring)] = []
        var byName: [Substring: Substring] = [:]

        init(_ text: String) {
            for line in text.split(separator: "\n") {
                let name = line.prefix { $0 != ":" }
                if byName.updateValue(line, forKey: name) == nil { all.append((name, line)) }
            }
        }
    }
}

// MARK: - Reading and writing

extension EtcLayer.Source {
    /// Reads an `/etc`, with the contents of those files that matter.
    init(_ directory: borrowing Descriptor, files: Set<String>? = nil) throws(ControllerError) {
        tree = try filesystem { () throws(FilesystemError) in
            try FileTree.scan(directory, keeping: EtcLayer.opaque)
        }
        for path in tree.paths where files?.contains(path) ?? true {
            guard case .file(.staged(let name, let size)) = tree[path]?.kind else { continue }
            try system { () throws(SystemError) in
                let file = try directory.openBeneath(name)
                digests[path] = try digestOfChunks(count: size) { (offset, count) throws(SystemError) in
                    try file.bytes(at: offset, count: count)
                }
                if EtcLayer.accountFiles.contains(path) {
                    accounts[path] = String(decoding: try file.bytes(at: 0, count: size), as: UTF8.self)
                }
            }
        }
    }
}

extension EtcLayer {
    /// Makes the layer of one generation from that of another.
    ///
    /// - Parameters:
    ///   - old: the directory of the old generation on the data partition, whose layer is `etc` in it.
    ///   - oldRoot: the root of the old generation.
    ///   - new: the directory of the new generation.
    ///   - newRoot: the root of the new generation.
    /// - Returns: what both had changed.
    static func carry(
        from old: String, oldRoot: borrowing Descriptor, to new: String, newRoot: borrowing Descriptor
    ) throws(ControllerError) -> [String] {
        let upper = try system { () throws(SystemError) in try Descriptor.directory("\(old)/etc") }
        let drift = try Source(upper)
        let files = Set(drift.tree.paths)
        let layer = EtcLayer(
            drift: drift, old: try Source(try etc(of: oldRoot), files: files),
            new: try Source(try etc(of: newRoot), files: files))
        let (partial, final) = ("\(new)/etc.partial", "\(new)/etc")
        do throws(ControllerError) { try layer.write(to: partial, source: upper) } catch {
            // What did not fit must not fill the data partition.
            try? removeTree(partial)
            throw error
        }
        try system { () throws(SystemError) in
            try removeTree(final)
            try removeTree("\(final).work")
            let parent = try Descriptor.directory(new)
            try parent.rename("etc.partial", to: "etc")
            try parent.sync()
        }
        return layer.conflicts
    }

    /// Writes the layer to a directory that is made anew, durably.
    private func write(to path: String, source: borrowing Descriptor) throws(ControllerError) {
        try system { () throws(SystemError) in
            try removeTree(path)
            try makeDirectories(path)
        }
        let directory = try system { () throws(SystemError) in try Descriptor.directory(path) }
        try filesystem { () throws(FilesystemError) in
            try DirectoryWriter.write(tree, source: source, to: directory)
        }
        try system { () throws(SystemError) in try directory.syncFilesystem() }
    }

    static func etc(of root: borrowing Descriptor) throws(ControllerError) -> Descriptor {
        do throws(SystemError) { return try root.openBeneath("etc", O_RDONLY | O_DIRECTORY) } catch {
            throw ControllerError(.device, root.name, "\(error)")
        }
    }
}

private func filesystem<Result: ~Copyable>(_ body: () throws(FilesystemError) -> Result) throws(ControllerError)
    -> Result
{
    do throws(FilesystemError) { return try body() } catch { throw ControllerError(.device, "/etc", "\(error)") }
}
