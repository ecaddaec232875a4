import BlueprintModel
import Filesystems
import Glibc
import LinuxSystem
import Testing

@testable import Constructor

@Suite struct RootFilesystemTests {
    private func write(_ tree: FileTree, root: Blueprint.RootFileSystem) throws {
        var blueprint = Blueprint(name: "test")
        blueprint.image.root = root
        let directory = try TemporaryDirectory()
        let filesystem = RootFilesystem(
            image: blueprint.image,
            plan: try ImagePlan(
                blueprint: blueprint, seed: SHA256.hash([1]), layout: try shippedLayout("uefi")),
            epoch: 1_700_000_000, scratch: directory.path)
        let target = try AtomicFile.create("\(directory.path)/target")
        struct NoTools: Error {}
        _ = try filesystem.write(
            tree, source: Descriptor.directory("/"), tools: { throw NoTools() }, to: target.descriptor, at: 0
        ) { _ in }
    }

    private func tree(_ change: (inout Node) -> Void) -> FileTree {
        var tree = FileTree()
        var node = Node.file("data")
        change(&node)
        tree["/file"] = node
        return tree
    }

    @Test func whatAFileSystemWouldLoseIsRefused() throws {
        let refused: [(Blueprint.RootFileSystem, FileTree)] = [
            (.squashfs, tree { $0.xattrs["system.posix_acl_access"] = [2, 0, 0, 0] }),
            (.squashfs, tree { $0.modified = -1 }), (.squashfs, tree { $0.modified = 1 << 32 }),
            (.ext4, tree { $0.xattrs["user.note"] = [1] }),
            (.ext4, tree { $0.xattrs["system.posix_acl_access"] = [2, 0, 0, 0] }),
            (.ext4, tree { $0.modified = -1 }),
        ]
        for (root, tree) in refused {
            let error = #expect(throws: ConstructorError.self) { try write(tree, root: root) }
            #expect(error?.message.hasPrefix("/file has the ") == true)
            #expect(error?.message.contains("type \(root.rawValue)") == true)
            try write(tree, root: .erofs)
        }
        var attributeOfTheRoot = FileTree()
        attributeOfTheRoot["/"]?.xattrs["user.note"] = [1]
        #expect(throws: ConstructorError.self) { try write(attributeOfTheRoot, root: .squashfs) }
        // Nothing is wrong with these but that there are no tools.
        for (root, tree) in [
            (.squashfs, tree { $0.xattrs["user.note"] = [1] }),
            (.ext4, tree { $0.xattrs["security.capability"] = [1] }),
        ] as [(Blueprint.RootFileSystem, FileTree)] {
            let error = #expect(throws: (any Error).self) { try write(tree, root: root) }
            #expect(!(error is ConstructorError))
        }
    }

    @Test func onlyWhatNeedsToolsAsksForThem() {
        var image = Blueprint.Image()
        #expect(image.toolPackages == [])
        image.compression = .fast
        #expect(image.toolPackages == ["erofs-utils"])
        image.root = .squashfs
        #expect(image.toolPackages == ["squashfs-tools"])
        image = Blueprint.Image()
        image.root = .ext4
        #expect(image.toolPackages.contains("e2fsprogs"))
    }
}

/// Trees of one extreme each must fit where mke2fs is told that they fit.
@Suite struct Ext4LayoutTests {
    private func bytes(_ count: Int) -> Node { .file([UInt8](repeating: 1, count: count)) }

    private func tree(_ kind: String) -> FileTree {
        var tree = FileTree()
        switch kind {
        case "small files": for number in 0..<4000 { tree["/\(number)"] = bytes(number % 300) }
        case "long names":
            for number in 0..<2000 { tree["/\(number)" + String(repeating: "n", count: 240)] = bytes(1) }
        case "directories":
            for number in 0..<3000 { tree["/\(number)"] = .directory() }
        case "symlinks":
            for number in 0..<2000 { tree["/\(number)"] = .symlink(String(repeating: "t", count: 60)) }
        case "links":
            tree["/file"] = bytes(5000)
            for number in 0..<3000 { tree["/\(number)"] = .hardlink(to: "/file") }
        case "a large file": tree["/file"] = bytes(140 << 20)
        case "attributes":
            for number in 0..<3000 {
                tree["/\(number)"] = bytes(1)
                tree["/\(number)"]?.xattrs["user.note"] = [UInt8](repeating: 1, count: 200)
            }
        default: break
        }
        return tree
    }

    @Test(
        arguments: [
            "empty", "small files", "long names", "directories", "symlinks", "links", "a large file", "attributes",
        ])
    func treeFits(kind: String) throws {
        let directory = try TemporaryDirectory()
        let tree = tree(kind)
        let archive = try Descriptor.open("\(directory.path)/archive", O_RDWR | O_CREAT)
        _ = try TarWriter.write(tree, source: Descriptor.directory("/"), to: archive, at: 0)
        let layout = Ext4Layout(of: tree)
        let script = """
            PATH=$PATH:/usr/sbin:/sbin; cd \(directory.path); mkdir tree
            tar --extract --file archive --xattrs --directory tree
            mke2fs -q -t ext4 -b 4096 -m 0 -N \(layout.inodes) -O ^has_journal,^resize_inode -d tree made \
            \(layout.size / 1024)k
            dumpe2fs -h made 2> /dev/null | sed -n 's/^Free blocks: *//p'
            """
        let result = try Command("sh", ["-euc", script]).run()
        let free = try #require(Int(result.text.split(separator: "\n").last ?? ""))
        // No more is wasted than the margin, and the attributes that fit into inodes after all.
        #expect(free * Ext4Layout.blockSize < layout.size / 10 + (4 << 20), "\(free) blocks of \(layout.size) bytes")
    }
}
