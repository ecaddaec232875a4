import BlueprintModel
import Filesystems
import Testing

@testable import Constructor

@Suite struct FileAttributesTests {
    private let attributes = FileAttributes(
        accounts: Accounts(passwd: "root:x:0:0::/:/x\nops:x:1000:1000::/:/x\n", group: "root:x:0:\nweb:x:900:\n"))

    private func file(_ content: Blueprint.File.Content, _ acl: [String]) -> Blueprint.File {
        var file = Blueprint.File(content)
        file.acl = acl.compactMap { Blueprint.AccessEntry($0) }
        return file
    }

    private func list(_ node: Node?, _ name: String) -> [String]? {
        node?.xattrs[name].flatMap { bytes in
            [Blueprint.AccessEntry](attribute: bytes, isDefault: false, user: { "\($0)" }, group: { "\($0)" })
        }?.map(\.text)
    }

    /// A tree with a program, another name of it, and a directory.
    private func tree() -> FileTree {
        var tree = FileTree()
        for path in ["/etc", "/usr", "/usr/bin"] { tree[path] = .directory() }
        tree["/usr/bin/a"] = .file("x", mode: 0o755)
        tree["/usr/bin/b"] = .hardlink(to: "/usr/bin/a")
        tree["/etc/app"] = .directory(mode: 0o750)
        return tree
    }

    @Test func whatTheBlueprintSaysIsInTheTree() throws {
        var tree = tree()
        var program = file(.packaged, ["user:ops:rw-"])
        (program.capabilities, program.xattrs) = (Blueprint.Capabilities("cap_kill=ep"), ["user.a": [0]])
        try attributes.set(
            [
                "/usr/bin/b": program,
                "/etc/app": file(.directory, ["group:web:r-x", "group::---", "default:user:ops:rwx"]),
            ], in: &tree)
        let node = tree["/usr/bin/a"]
        #expect(node?.xattrs["security.capability"] == program.capabilities?.attribute)
        #expect(node?.xattrs["user.a"] == [0])
        // The mask lets all through that an entry gives, and shows as the group's bits.
        #expect(node?.mode == 0o775)
        let access = ["user::rwx", "user:1000:rw-", "group::r-x", "mask::rwx", "other::r-x"]
        #expect(list(node, "system.posix_acl_access") == access)
        // Of what the blueprint makes, the mode has the mask.
        #expect(tree["/etc/app"]?.mode == 0o750)
        #expect(
            list(tree["/etc/app"], "system.posix_acl_access") == [
                "user::rwx", "group::---", "group:900:r-x", "mask::r-x", "other::---",
            ])
        #expect(
            list(tree["/etc/app"], "system.posix_acl_default") == [
                "user::rwx", "user:1000:rwx", "group::r-x", "mask::rwx", "other::---",
            ])
    }

    @Test func whatCannotBeSaysWhy() {
        var tree = tree()
        tree["/etc/link"] = .symlink("app")
        var program = Blueprint.File(.packaged)
        program.capabilities = Blueprint.Capabilities("cap_kill=ep")
        for (path, file, said) in [
            ("/bin/a", program, "under another name"), ("/etc/app", program, "needs a regular file"),
            ("/etc/link", file(.packaged, ["user:ops:r--"]), "needs a file or directory"),
            ("/usr/bin/a", file(.packaged, ["default:user:ops:r--"]), "needs a directory"),
            ("/usr/bin/a", file(.packaged, ["user:nobody:r--"]), "no user or group nobody"),
        ] {
            var changed = tree
            do {
                try attributes.set([path: file], in: &changed)
                Issue.record("\(path): nothing is thrown")
            } catch {
                #expect(error.message.contains(path) && error.message.contains(said) && error.hint != nil)
            }
        }
    }

    @Test func listsAreRenumberedWithTheirAccounts() throws {
        var tree = tree()
        try attributes.set(["/usr/bin/a": file(.packaged, ["user:ops:rw-", "group:web:r--"])], in: &tree)
        let seen = Identities(users: ["ops": 1000], groups: ["web": 900])
        seen.renumber(&tree, to: Identities(users: ["ops": 1001], groups: ["web": 901]), passwd: "", group: "")
        let list = list(tree["/usr/bin/a"], "system.posix_acl_access")
        #expect(list?.contains("user:1001:rw-") == true && list?.contains("group:901:r--") == true)
    }

    @Test func inVarTheyAreLaidOutAtBoot() throws {
        var tree = FileTree()
        for path in ["/var", "/var/lib"] { tree[path] = .directory() }
        tree["/var/lib/app"] = .directory()
        var folder = file(.directory, ["user:ops:rwx", "default:group:web:r-x"])
        folder.xattrs = ["user.a": Array("50% \"off\"".utf8)]
        try attributes.set(["/var/lib/app": folder], in: &tree)
        let made = try RootTree.readOnly(from: tree, epoch: 0)
        guard case .file(.bytes(let bytes))? = made["/usr/lib/pisces/system/var.conf"]?.kind else {
            Issue.record("no layout")
            return
        }
        let lines = String(decoding: bytes, as: UTF8.self)
        for line in [
            "a+ \"/var/lib/app\" - - - - user::rwx,user:1000:rwx,group::r-x,mask::r-x,other::r-x\n",
            "a+ \"/var/lib/app\" - - - - default:user::rwx,default:group::r-x,default:group:900:r-x,default:mask::r-x,"
                + "default:other::r-x\n",
            #"t "/var/lib/app" - - - - "user.a=50%% \"off\""\#n"#,
        ] {
            #expect(lines.contains(line), "\(lines)")
        }
        var node = Node.file("x")
        node.xattrs = ["user.a": [0]]
        #expect(throws: ConstructorError.self) { try FileAttributes.layout(of: "/var/x", node) }
        node.xattrs = ["security.capability": []]
        #expect(throws: ConstructorError.self) { try FileAttributes.layout(of: "/var/x", node) }
    }
}
