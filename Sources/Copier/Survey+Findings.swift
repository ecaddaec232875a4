internal import Debian
internal import Glibc

extension Survey {
    /// What there is to say of paths, each directory before what it holds, siblings in byte order of their names. Each
    /// finding is made when the loop comes to it.
    ///
    /// - Parameter causes: which; all but what is pristine by default.
    public func findings(
        _ causes: Set<Finding.Cause> = Set(Finding.Cause.allCases).subtracting([.pristine])
    ) -> some Sequence<Finding> {
        verdicts.order.lazy.filter { causes.contains(verdicts[$0].cause) }.map { finding($0) }
    }

    /// What there is to say of one path; nil if nobody knows it. Symlinks on the way are not followed, but for those
    /// that merge `/usr`.
    public func finding(at path: String) -> Finding? {
        guard let node = tree.find(path), verdicts.isKnown(node) else { return nil }
        return finding(node)
    }

    /// The packages that own a node.
    func owners(_ node: Int32) -> [String] {
        owned.owners(tree[node].ownership).map { dpkg.packages[Int($0.package)].informationName }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private func finding(_ node: Int32) -> Finding {
        let path = tree.path(node)
        let verdict = verdicts[node]
        var tags = verdict.tags
        if String(validating: path, as: UTF8.self) == nil { tags.insert(.notUTF8) }
        if tree.has(node, .hasChanged) { tags.insert(.changedMeanwhile) }
        if tree.has(node, .isUnreadable) { tags.insert(.unreadable) }
        return Finding(
            path: String(decoding: path, as: UTF8.self), rawPath: path, node: facts(node), owners: owners(node),
            cause: verdict.cause, reason: verdict.reason, tags: tags)
    }

    private func facts(_ node: Int32) -> Finding.Node? {
        guard tree.has(node, .isOnDisk) else { return nil }
        let facts = tree[node].facts
        let kind: Finding.Node.Kind
        switch facts.type {
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .symlink(target: Array(tree.target(node)))
        case S_IFIFO: kind = .fifo
        case S_IFSOCK: kind = .socket
        case S_IFCHR: kind = .characterDevice
        case S_IFBLK: kind = .blockDevice
        default: kind = .file
        }
        return Finding.Node(
            kind: kind, mode: facts.mode & 0o7777, uid: facts.uid, gid: facts.gid, size: Int(facts.size),
            modified: facts.modified, links: Int(facts.links), device: facts.device, inode: facts.inode,
            isSparse: tree.has(node, .isSparse), xattrs: xattrs[node] ?? [:])
    }
}

/// What was decided of every path.
struct Verdicts: Sendable {
    struct Verdict: Sendable, Hashable {
        var cause: Finding.Cause
        var reason: String
        var tags: Finding.Tags = []
    }

    /// The paths that there is something to say of, pristine ones included, in path order.
    private(set) var order: [Int32] = []
    private var kinds: [Verdict] = []
    private var places: [Verdict: Int32] = [:]
    private var byNode: ContiguousArray<Int32>
    /// The last one's place: most paths are as the one before.
    private var last: Int32 = -1

    init(count: Int) { byNode = ContiguousArray(repeating: -1, count: count) }

    func isKnown(_ node: Int32) -> Bool { Int(node) < byNode.count && byNode[Int(node)] >= 0 }

    subscript(_ node: Int32) -> Verdict { kinds[Int(byNode[Int(node)])] }

    /// Decides; a path comes into the order the first time.
    mutating func set(_ node: Int32, _ verdict: Verdict) {
        let place: Int32
        if last >= 0, kinds[Int(last)] == verdict {
            place = last
        } else if let known = places[verdict] {
            place = known
        } else {
            place = Int32(kinds.count)
            kinds.append(verdict)
            places[verdict] = place
        }
        last = place
        if byNode[Int(node)] < 0 { order.append(node) }
        byNode[Int(node)] = place
    }
}
