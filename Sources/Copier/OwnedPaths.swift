internal import Debian
internal import Glibc
internal import LinuxSystem

/// Which packages own which paths, and what they shipped there.
struct OwnedPaths: Sendable {
    /// What is known of a path as one package has it.
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt8
        /// `digest` holds what was shipped.
        static let hasDigest = Flags(rawValue: 1)
        static let isConffile = Flags(rawValue: 2)
        /// The package no longer ships it.
        static let isObsolete = Flags(rawValue: 4)
        static let isRemovedOnUpgrade = Flags(rawValue: 8)
        /// The package ships it under another name.
        static let isDiverted = Flags(rawValue: 16)
    }

    struct Ownership: Sendable {
        var package: Int32
        /// The next owner of the same path; -1 for none.
        var next: Int32
        var flags: Flags
        var digest: MD5Digest
    }

    private(set) var entries = ContiguousArray<Ownership>()

    /// The owners of a path, the last one read first.
    func owners(_ first: Int32) -> [Ownership] {
        var owners: [Ownership] = []
        var next = first
        while next >= 0 {
            owners.append(entries[Int(next)])
            next = entries[Int(next)].next
        }
        return owners
    }

    /// Makes a package an owner of a path; gives its place, new or old.
    mutating func add(_ package: Int32, _ node: Int32, in tree: inout PathTree) -> Int {
        var next = tree[node].ownership
        while next >= 0 {
            if entries[Int(next)].package == package { return Int(next) }
            next = entries[Int(next)].next
        }
        entries.append(
            Ownership(
                package: package, next: tree[node].ownership, flags: [], digest: MD5Digest(high: 0, low: 0)))
        tree[node].ownership = Int32(entries.count - 1)
        return entries.count - 1
    }

    /// Gives the owners of a path to the path where it really is.
    mutating func move(_ node: Int32, to place: Int32, in tree: inout PathTree) {
        for owner in owners(tree[node].ownership) {
            let index = add(owner.package, place, in: &tree)
            entries[index].flags.formUnion(owner.flags)
            if owner.flags.contains(.hasDigest) { entries[index].digest = owner.digest }
        }
        tree[node].ownership = -1
        tree[node].flags.insert(.isElsewhere)
    }
}

// MARK: - What dpkg has written down

extension OwnedPaths {
    /// Reads the file list, the sums and the conffiles of one package.
    ///
    /// - Parameter diverted: where a path really is that this package ships under another name.
    mutating func read(
        _ package: Int32, list: [UInt8], sums: [UInt8], conffiles: [DpkgDatabase.Conffile], diverted: [Int32: Int32],
        into tree: inout PathTree
    ) {
        var lines = PathLines(diverted: diverted)
        list.withUnsafeBufferPointer { list in
            for line in list.split(separator: UInt8(ascii: "\n")) {
                let (node, isDiverted) = lines.node(PathTree.Bytes(rebasing: line), &tree)
                let index = addLast(package, node, &tree)
                if isDiverted { entries[index].flags.insert(.isDiverted) }
            }
        }
        for conffile in conffiles {
            var path = conffile.path
            let (node, isDiverted) = path.withUTF8 { lines.node($0, &tree) }
            let index = add(package, node, in: &tree)
            entries[index].flags.insert(.isConffile)
            if isDiverted { entries[index].flags.insert(.isDiverted) }
            if conffile.isObsolete { entries[index].flags.insert(.isObsolete) }
            if conffile.isRemovedOnUpgrade { entries[index].flags.insert(.isRemovedOnUpgrade) }
            if let digest = conffile.md5.flatMap({ MD5Digest(hex: Array($0.utf8)) }) {
                entries[index].digest = digest
                entries[index].flags.insert(.hasDigest)
            }
        }
        sums.withUnsafeBufferPointer { sums in
            for line in sums.split(separator: UInt8(ascii: "\n")) where line.count > 34 {
                guard let digest = MD5Digest(hex: line.prefix(32)) else { continue }
                let (node, _) = lines.node(PathTree.Bytes(rebasing: line.dropFirst(34)), &tree)
                // A sum for what the list has not is nobody's file, and a conffile's sum is in the status.
                guard let index = place(of: package, tree[node].ownership),
                    !entries[index].flags.contains(.isConffile)
                else { continue }
                entries[index].digest = digest
                entries[index].flags.insert(.hasDigest)
            }
        }
    }

    /// A list has each path once, so only the last owner can be the package itself.
    private mutating func addLast(_ package: Int32, _ node: Int32, _ tree: inout PathTree) -> Int {
        let first = tree[node].ownership
        if first >= 0 && entries[Int(first)].package == package { return Int(first) }
        entries.append(
            Ownership(package: package, next: first, flags: [], digest: MD5Digest(high: 0, low: 0)))
        tree[node].ownership = Int32(entries.count - 1)
        return entries.count - 1
    }

    private func place(of package: Int32, _ first: Int32) -> Int? {
        var next = first
        while next >= 0 {
            if entries[Int(next)].package == package { return Int(next) }
            next = entries[Int(next)].next
        }
        return nil
    }
}

/// Finds the nodes of paths that follow each other: most are in the directory of the one before.
private struct PathLines {
    let diverted: [Int32: Int32]
    private var directory: [UInt8] = []
    private var node = PathTree.root

    init(diverted: [Int32: Int32]) { self.diverted = diverted }

    mutating func node(_ path: PathTree.Bytes, _ tree: inout PathTree) -> (node: Int32, isDiverted: Bool) {
        var found: Int32
        if let slash = path.lastIndex(of: UInt8(ascii: "/")) {
            let parent = path[..<slash]
            let name = PathTree.Bytes(rebasing: path[(slash + 1)...])
            if name.isEmpty || name.elementsEqual(".".utf8) {
                found = tree.makePath(path)
            } else {
                if directory.isEmpty || !isSame(PathTree.Bytes(rebasing: parent)) {
                    let made = tree.makePath(PathTree.Bytes(rebasing: parent))
                    node = tree.aliases[made] ?? made
                    directory = Array(parent)
                }
                found = tree.makeChild(node, name)
            }
        } else {
            found = tree.makePath(path)
        }
        guard let place = diverted[found] else { return (found, false) }
        found = place
        return (found, true)
    }

    private func isSame(_ parent: PathTree.Bytes) -> Bool {
        guard parent.count == directory.count, let base = parent.baseAddress else { return false }
        return directory.withUnsafeBytes { known in
            known.baseAddress.map { memcmp($0, base, parent.count) == 0 } ?? true
        }
    }
}
