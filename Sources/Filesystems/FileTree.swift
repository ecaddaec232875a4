internal import LinuxSystem

/// A file tree as a value: a flat map from absolute normalised paths (`/`, `/etc/passwd`) to nodes.
///
/// The root is always there. Other invariants (every parent is a directory, every hard link has its file, names fit)
/// hold when a tree is written, not at every step of making one: ``validate()`` checks them. Two paths that are equal
/// for Unicode but not in bytes cannot both be in a tree.
public struct FileTree: Sendable, Equatable {
    private var nodes: [String: Node] = ["/": .directory()]
    /// The names in each directory, kept so that no question about a subtree looks at the whole tree.
    private var names: [String: Set<String>] = [:]
    /// The paths of all hard links: few.
    private var hardlinks: Set<String> = []

    /// A tree with only its root: a directory 0755 of root:root.
    public init() {}

    /// The node at a path, which is normalised lexically first; nil where there is none.
    ///
    /// Setting needs no parent yet. Setting nil removes this name alone; where it was the file of hard links, the first
    /// of them becomes the file. The root can be replaced but not removed.
    public subscript(path: String) -> Node? {
        get { nodes[Self.normalise(path)] }
        set {
            let path = Self.normalise(path)
            if let newValue {
                insert(newValue, at: path)
            } else if path != "/", let old = nodes[path] {
                forget(path)
                adoptLinks(ofRemoved: [path: old])
            }
        }
    }

    /// The number of names, the root included.
    public var count: Int { nodes.count }

    /// All paths, each directory before what it holds, siblings in byte order of their names.
    public var paths: [String] { nodes.keys.sorted(by: Self.pathPrecedes) }

    /// The paths that fulfil a condition, in the order of ``paths``: faster than to look at all in order.
    public func paths(where isWanted: (String) -> Bool) -> [String] {
        nodes.keys.filter(isWanted).sorted(by: Self.pathPrecedes)
    }

    /// Lets `body` change owner, mode or time of each node, in no particular order.
    public mutating func updateAll(_ body: (_ path: String, _ node: inout Node) -> Void) {
        var index = nodes.startIndex
        while index != nodes.endIndex {
            body(nodes.keys[index], &nodes.values[index])
            nodes.formIndex(after: &index)
        }
    }

    /// The names in the directory at `path` in byte order; none where there is no such directory.
    public func children(of path: String) -> [String] {
        (names[Self.normalise(path)] ?? []).sorted(by: bytesPrecede)
    }

    /// Removes a node and all below it; hard links elsewhere to removed files keep their inode. The root stays, empty.
    public mutating func removeSubtree(_ path: String) {
        var removed: [String: Node] = [:]
        for path in subtree(Self.normalise(path)) where path != "/" {
            removed[path] = nodes[path]
            forget(path)
        }
        adoptLinks(ofRemoved: removed)
    }

    /// Moves a node and all below it, replacing what was at `to`; hard links follow.
    ///
    /// Does nothing where `from` is not there or is the root, or where `to` is `from` or below it.
    public mutating func moveSubtree(_ from: String, to: String) {
        let from = Self.normalise(from)
        let to = Self.normalise(to)
        if from == "/" || nodes[from] == nil || Self.contains(from, to) { return }
        if to == "/" || Self.contains(to, from) { return }
        removeSubtree(to)
        func moved(_ path: String) -> String {
            Self.contains(from, path)
                ? to + String(decoding: path.utf8.dropFirst(from.utf8.count), as: UTF8.self) : path
        }
        for path in subtree(from) {
            guard let node = nodes[path] else { continue }
            forget(path)
            insert(node, at: moved(path))
        }
        for path in hardlinks {
            guard var node = nodes[path], case .hardlink(let target) = node.kind else { continue }
            node.kind = .hardlink(to: moved(target))
            nodes[path] = node
        }
    }

    private mutating func insert(_ node: Node, at path: String) {
        if nodes.updateValue(node, forKey: path) == nil {
            let (parent, name) = Self.split(path)
            names[parent, default: []].insert(name)
        }
        if case .hardlink = node.kind { hardlinks.insert(path) } else { hardlinks.remove(path) }
    }

    private mutating func forget(_ path: String) {
        nodes[path] = nil
        hardlinks.remove(path)
        let (parent, name) = Self.split(path)
        names[parent]?.remove(name)
        if names[parent]?.isEmpty == true { names[parent] = nil }
    }

    /// A path and all below it, whether its parents are there or not.
    private func subtree(_ path: String) -> [String] {
        var result = [path]
        var next = 0
        while next < result.count {
            let directory = result[next]
            for name in children(of: directory) { result.append(Self.join(directory, name)) }
            next += 1
        }
        return result.filter { nodes[$0] != nil }
    }

    private mutating func adoptLinks(ofRemoved removed: [String: Node]) {
        if removed.isEmpty || hardlinks.isEmpty { return }
        var heirs: [String: String] = [:]
        for path in hardlinks.sorted(by: Self.pathPrecedes) {
            guard case .hardlink(let target) = nodes[path]?.kind, let node = removed[target] else { continue }
            if let heir = heirs[target] {
                nodes[path]?.kind = .hardlink(to: heir)
            } else {
                heirs[target] = path
                insert(node, at: path)
            }
        }
    }
}

// MARK: - Paths

extension FileTree {
    /// The absolute path without empty, `.` and `..` components; `..` of the root is the root.
    public static func normalise(_ path: String) -> String {
        if isNormal(path) { return path }
        var components: [Substring.UTF8View.SubSequence] = []
        for component in path.utf8.split(separator: UInt8(ascii: "/")) {
            if component.elementsEqual("..".utf8) {
                _ = components.popLast()
            } else if !component.elementsEqual(".".utf8) {
                components.append(component)
            }
        }
        return components.isEmpty ? "/" : components.map { "/" + String(Substring($0)) }.joined()
    }

    /// Whether `path` is in the form the tree keeps; looks only at bytes, so it costs little.
    private static func isNormal(_ path: String) -> Bool {
        var path = path
        return path.withUTF8 { bytes in
            if bytes.first != UInt8(ascii: "/") { return false }
            if bytes.count == 1 { return true }
            var length = 0
            var dots = 0
            for index in 1...bytes.count {
                if index == bytes.count || bytes[index] == UInt8(ascii: "/") {
                    if length == dots && length <= 2 { return false }
                    length = 0
                    dots = 0
                } else {
                    length += 1
                    if bytes[index] == UInt8(ascii: ".") { dots += 1 }
                }
            }
            return true
        }
    }

    /// The parent and the name of a normalised path other than the root.
    static func split(_ path: String) -> (parent: String, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return ("/", path) }
        let parent = slash == path.startIndex ? "/" : String(path[..<slash])
        return (parent, String(path[path.utf8.index(after: slash)...]))
    }

    /// An absolute path without its leading slash. By bytes: a mark that combines with the slash is the name's.
    static func relative(_ path: String) -> String { String(Substring(path.utf8.dropFirst())) }

    /// The path of `name` in `directory`.
    static func join(_ directory: String, _ name: String) -> String {
        directory == "/" ? "/" + name : "\(directory)/\(name)"
    }

    /// Whether `path` is `directory` or below it.
    private static func contains(_ directory: String, _ path: String) -> Bool {
        guard path.utf8.starts(with: directory.utf8) else { return false }
        let rest = path.utf8.dropFirst(directory.utf8.count)
        return directory == "/" || rest.isEmpty || rest.first == UInt8(ascii: "/")
    }

    /// Byte order component by component: the slash sorts below every byte a name can have.
    static func pathPrecedes(_ left: String, _ right: String) -> Bool {
        var left = left
        var right = right
        return left.withUTF8 { left in
            right.withUTF8 { right in
                for index in 0..<min(left.count, right.count) where left[index] != right[index] {
                    if left[index] == UInt8(ascii: "/") { return true }
                    if right[index] == UInt8(ascii: "/") { return false }
                    return left[index] < right[index]
                }
                return left.count < right.count
            }
        }
    }
}

// MARK: - Invariants

extension FileTree {
    /// Checks what every writer relies on: parents are directories, names are 1 to 255 bytes without NUL, symlink
    /// targets are 1 to 4095, hard links name an inode of their own, sizes are not negative.
    public func validate() throws(FilesystemError) { _ = try validatedPaths() }

    /// All paths in order, once ``validate()`` has nothing to say.
    func validatedPaths() throws(FilesystemError) -> [String] {
        let paths = paths
        for path in paths {
            guard let node = nodes[path] else { continue }
            if path == "/" {
                if !node.isDirectory { throw .tree(path: path, problem: "the root is not a directory") }
                continue
            }
            let (parent, name) = Self.split(path)
            if nodes[parent]?.isDirectory != true {
                throw .tree(path: path, problem: "its parent \(parent) is not a directory of the tree")
            }
            if name.utf8.count > 255 || name.utf8.contains(0) {
                throw .tree(path: path, problem: "a name has at most 255 bytes and no NUL")
            }
            try validate(node.kind, at: path)
        }
        return paths
    }

    private func validate(_ kind: Node.Kind, at path: String) throws(FilesystemError) {
        switch kind {
        case .symlink(let target):
            if target.isEmpty || target.utf8.count > 4095 || target.utf8.contains(0) {
                throw .tree(path: path, problem: "a symlink's target has 1 to 4095 bytes and no NUL")
            }
        case .hardlink(let target):
            switch nodes[target]?.kind {
            case nil: throw .tree(path: path, problem: "hard link to \(target), which the tree does not have")
            case .directory, .hardlink:
                throw .tree(path: path, problem: "hard link to \(target), which is a directory or a hard link itself")
            default: break
            }
        case .file(let content):
            if content.size < 0 { throw .tree(path: path, problem: "negative size") }
        default: break
        }
    }
}
