internal import Glibc
internal import LinuxSystem

extension PathTree {
    /// Learns which directories at the top are symlinks into `/usr` (the file system hierarchy since Debian 12): dpkg
    /// knows paths by both names.
    mutating func addAliases(of root: SourceRoot) {
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32"] {
            guard let target = try? root.directory.linkTarget(name) else { continue }
            let path = target.utf8.drop { $0 == UInt8(ascii: "/") }
            guard path.elementsEqual("usr/\(name)".utf8) else { continue }
            aliases[makePath("/\(name)")] = makePath("/usr/\(name)")
        }
    }

    /// Reads the attributes of all paths that have some, and forgets of the others that they might; what could not be
    /// read is in the second result.
    mutating func readXattrs(_ root: borrowing Descriptor) -> ([Int32: [String: [UInt8]]], [String]) {
        var result: [Int32: [String: [UInt8]]] = [:]
        var problems: [String] = []
        for index in nodes.indices where nodes[index].flags.contains(.hasXattrs) {
            let node = Int32(index)
            guard let path = String(validating: path(node).dropFirst(), as: UTF8.self) else { continue }
            do throws(SystemError) {
                let found = try root.xattrs(of: path.isEmpty ? "." : path) { name in
                    name == "security.capability" || name == "system.posix_acl_access"
                        || name == "system.posix_acl_default" || name.utf8.starts(with: "user.".utf8)
                }
                if !found.isEmpty { result[node] = found }
            } catch {
                if !error.isNotFound { problems.append("the attributes could not be read: \(error)") }
            }
        }
        return (result, problems)
    }
}

extension OwnedPaths {
    /// Finds paths that are known by a name that leads through a symlink, and gives their owners to where they are.
    mutating func resolve(in tree: inout PathTree) {
        for index in tree.nodes.indices where tree.nodes[index].ownership >= 0 {
            let node = Int32(index)
            if tree.has(node, .isOnDisk) { continue }
            // The common case, nothing there at all, costs one look at the parent.
            let parent = tree[node].parent
            if tree.has(parent, .isOnDisk) && tree[parent].facts.isDirectory { continue }
            guard let place = tree.resolve(node), place != node else { continue }
            if tree.has(place, .isNotEntered) {
                tree[node].flags.insert(.isElsewhere)
            } else {
                move(node, to: place, in: &tree)
            }
        }
    }

    /// The regular files of which it is known what was shipped.
    func comparable(in tree: PathTree) -> [Int32] {
        tree.nodes.indices.compactMap { index in
            let node = tree.nodes[index]
            guard node.ownership >= 0, node.flags.contains(.isOnDisk), node.facts.isFile else { return nil }
            var next = node.ownership
            while next >= 0 {
                if entries[Int(next)].flags.contains(.hasDigest) { return Int32(index) }
                next = entries[Int(next)].next
            }
            return nil
        }
    }
}
