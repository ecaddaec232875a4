import Filesystems

import struct PiscesTesting.SeededGenerator

extension FileTree {
    /// A tree of about `count` nodes of every kind, sizes and times, with what is hard about each.
    static func random(_ count: Int, using generator: inout SeededGenerator, epoch: Int64) -> FileTree {
        var tree = FileTree()
        var directories = ["/"]
        var files: [String] = []
        for number in 0..<count {
            let parent = generator.pick(directories)
            let path = (parent == "/" ? "" : parent) + "/" + name(number, using: &generator)
            if generator.chance(8), !files.isEmpty {
                let target = generator.pick(files)
                tree[path] = Node.hardlink(to: target)
                continue
            }
            tree[path] = node(using: &generator, epoch: epoch)
            if case .directory = tree[path]?.kind { directories.append(path) } else { files.append(path) }
        }
        return tree.canonical
    }

    private static func name(_ number: Int, using generator: inout SeededGenerator) -> String {
        let decoration = generator.pick(["", "-", "!", ".", "..", "é", "日本語", "\u{301}", " ", "~", "+x"])
        return decoration + "\(number)" + String(repeating: "n", count: generator.chance(5) ? 200 : 0)
    }

    private static func node(using generator: inout SeededGenerator, epoch: Int64) -> Node {
        let size = generator.pick([0, 1, 100, 4000, 4063, 4064, 4065, 4095, 4096, 4097, 8192, 20000])
        let kinds: [Node.Kind] = [
            .directory, .directory, .file(.bytes(generator.bytes(size))), .file(.bytes(generator.bytes(size / 3))),
            .file(.bytes(generator.bytes(size / 7))), .symlink(String(repeating: "t/", count: 1 + size % 2000)),
            .symlink("../é"), .fifo, .socket, .characterDevice(major: 4095, minor: 0xFFFFF),
            .blockDevice(major: 8, minor: 17),
        ]
        var node = Node(generator.pick(kinds), mode: UInt32.random(in: 0...0o7777, using: &generator))
        node.modified = generator.chance(80) ? epoch : Int64.random(in: -1 << 32...1 << 40, using: &generator)
        if generator.chance(30) {
            node.uid = UInt32.random(in: 0...70000, using: &generator)
            node.gid = generator.pick([0, 65535, 65536, .max - 1])
        }
        if case .symlink = node.kind { node.mode = 0o777 }
        if generator.chance(15) {
            node.xattrs["security.capability"] = [1, 0, 0, 2, 0, 4, 0, 0] + [UInt8](repeating: 0, count: 12)
        }
        if case .file = node.kind, generator.chance(15) {
            node.xattrs["user.e"] = []
            node.xattrs["user.big"] = generator.bytes(generator.pick([1, 7, 3000, 5000]))
        }
        if case .directory = node.kind, generator.chance(30) {
            node.mode = 0o750
            node.xattrs["system.posix_acl_access"] = acl
            node.xattrs["system.posix_acl_default"] = acl
        }
        return node
    }

    /// `u::rwx,u:1000:rw-,g::r-x,m::r-x,o::---` as acl(5) is kept in an attribute: version, then tag, permission, id.
    private static let acl: [UInt8] =
        [2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 6, 0, 0xE8, 3, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255]
        + [16, 0, 5, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255]

    /// The same tree with each inode's first name in path order as its file, and its fields on its hard links, as
    /// readers report it.
    var canonical: FileTree {
        var names: [String: [String]] = [:]
        for path in paths {
            if case .hardlink(let target) = self[path]?.kind {
                names[target, default: []].append(path)
            } else {
                names[path, default: []].append(path)
            }
        }
        var tree = self
        for (target, paths) in names where paths.count > 1 {
            guard var node = self[target] else { continue }
            tree[paths[0]] = node
            node.kind = .hardlink(to: paths[0])
            for path in paths.dropFirst() { tree[path] = node }
        }
        return tree
    }
}

extension FileTree {
    /// The first way in which two trees differ, contents apart where one of them is staged; nil if none.
    func difference(from other: FileTree, ignoring ignored: Set<String> = []) -> String? {
        if paths != other.paths {
            return "paths: \(Set(paths).symmetricDifference(other.paths).sorted().prefix(5))"
        }
        for path in paths where !ignored.contains(path) {
            guard let left = self[path], let right = other[path] else { return path }
            if left.described != right.described { return "\(path): \(left.described) and \(right.described)" }
        }
        return nil
    }
}

/// An absolute path without its slash, which may combine with the name.
func relative(_ path: String) -> String { String(decoding: path.utf8.dropFirst(), as: UTF8.self) }

extension Node {
    /// Everything but file data.
    var described: String {
        let what =
            if case .file(let content) = kind { "file of \(content.size)" } else { "\(kind)" }
        let attributes = xattrs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return "\(what) \(String(mode, radix: 8)) \(uid):\(gid) \(modified) \(attributes)"
    }
}
