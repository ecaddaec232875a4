import BlueprintModel
import Filesystems
import LinuxSystem

/// What files have beside contents, owner and mode: capabilities, access control lists, attributes of users.
///
/// They are set in the tree, not in the staged root: an ordinary user's kernel would refuse some there, and tie others to
/// the build's user namespace.
struct FileAttributes {
    let accounts: Accounts

    static let capability = "security.capability"
    static let lists = ["system.posix_acl_access", "system.posix_acl_default"]

    /// Sets what the blueprint says, with the numbers that accounts have in the tree.
    func set(_ files: [String: Blueprint.File], in tree: inout FileTree) throws(ConstructorError) {
        for (path, file) in files.sorted(by: { bytesPrecede($0.key, $1.key) }) where file.hasAttributes {
            // The other names of an inode have no attributes of their own.
            var name = path
            if case .hardlink(let first)? = tree[path]?.kind { name = first }
            guard var node = tree[name] else {
                throw ConstructorError(
                    "files: \(path): the image has it under another name",
                    hint: "write the path without symbolic links in it, as in /usr/bin instead of /bin")
            }
            try set(file, path, in: &node)
            tree[name] = node
        }
    }

    private func set(_ file: Blueprint.File, _ path: String, in node: inout Node) throws(ConstructorError) {
        if let capabilities = file.capabilities {
            guard case .file = node.kind else { throw Self.misplaced("capabilities", path, "a regular file") }
            node.xattrs[Self.capability] = capabilities.attribute
        }
        node.xattrs.merge(file.xattrs) { $1 }
        let mode = UInt16(node.mode & 0o7777)
        let isPackaged = file.content == .packaged
        let access = file.acl.filter { !$0.isDefault }
        if !access.isEmpty {
            if case .symlink = node.kind { throw Self.misplaced("acl", path, "a file or directory") }
            let entries = access.completed(mode: mode, isMaskInMode: !isPackaged)
            node.xattrs[Self.lists[0]] = try attribute(entries, path)
            // What stat(2) shows as the group's is the mask (acl(5)).
            let mask = entries.first { $0.tag == .mask }?.permissions ?? 0
            node.mode = node.mode & ~0o070 | UInt32(mask) << 3
        }
        let standard = file.acl.filter(\.isDefault)
        if !standard.isEmpty {
            guard node.isDirectory else { throw Self.misplaced("a default acl", path, "a directory") }
            node.xattrs[Self.lists[1]] = try attribute(standard.completed(mode: mode, isMaskInMode: false), path)
        }
    }

    private func attribute(_ entries: [Blueprint.AccessEntry], _ path: String) throws(ConstructorError) -> [UInt8] {
        switch entries.attribute(user: accounts.uid, group: accounts.gid) {
        case .success(let bytes): return bytes
        case .failure(let unknown):
            throw ConstructorError(
                "files: \(path): acl: no user or group \(unknown.name) in the image",
                hint: "declare it under `users` or `groups`, or install the package that makes it")
        }
    }

    private static func misplaced(_ what: String, _ path: String, _ wanted: String) -> ConstructorError {
        ConstructorError(
            "files: \(path): \(what) needs \(wanted), and the package has something else there",
            hint: "leave the key out, or name another path")
    }

    /// A list with other numbers of accounts.
    static func renumbered(_ list: [UInt8], users: [UInt32: UInt32], groups: [UInt32: UInt32]) -> [UInt8] {
        let accounts = { (changes: [UInt32: UInt32]) in { (number: UInt32) in "\(changes[number] ?? number)" } }
        let entries = [Blueprint.AccessEntry](
            attribute: list, isDefault: false, user: accounts(users), group: accounts(groups))
        guard let entries, case .success(let bytes) = entries.attribute(user: { UInt32($0) }, group: { UInt32($0) })
        else { return list }
        return bytes
    }

    // MARK: - In /var

    /// The tmpfiles.d(5) lines that give a path in `/var` its attributes: what copies the factory's files leaves some
    /// out, and what makes directories leaves out all.
    static func layout(of path: String, _ node: Node) throws(ConstructorError) -> [String] {
        var lines: [String] = []
        guard node.xattrs[capability] == nil else {
            throw ConstructorError(
                "\(path) has file capabilities, which cannot be laid out in /var", hint: "put the program in /usr")
        }
        for (name, value) in node.xattrs.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            if let list = lists.firstIndex(of: name) {
                let number = { (number: UInt32) in "\(number)" }
                let entries = [Blueprint.AccessEntry](
                    attribute: value, isDefault: list == 1, user: number, group: number)
                let words = (entries ?? []).map(\.text)
                lines.append("a+ \(RootTree.quoted(path)) - - - - \(words.joined(separator: ","))")
            } else {
                guard let text = String(validating: value, as: UTF8.self),
                    !text.unicodeScalars.contains(where: { $0.value < 32 })
                else {
                    throw ConstructorError(
                        "\(path) has the attribute \(name) with a value that is no line of text, which cannot be laid out "
                            + "in /var", hint: "leave the attribute out, or put the file in another place")
                }
                lines.append("t \(RootTree.quoted(path)) - - - - \(RootTree.quoted("\(name)=\(text)"))")
            }
        }
        return lines
    }
}
