import Archive
import BlueprintModel
import ContentStore
import Debian
import Filesystems
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Constructor

/// Images from layouts, through the store, into the tree that becomes part of the root.
@Suite struct ImageStorageTests {
    /// Capabilities as `setcap cap_net_bind_service=ep` writes them.
    static let capability: [UInt8] = [1, 0, 0, 2, 0, 4] + [UInt8](repeating: 0, count: 14)

    /// An image with a bit of everything; with `describesAll` its layers leave out no directory.
    static func someImage(
        in layout: ContainerImageLayout, describesAll: Bool = false
    ) throws -> ContainerImageLayout.Blob {
        var capable = TarArchive.Member.file("bin/capable", "cap", mode: 0o755)
        capable.xattrs = [("security.capability", capability), ("user.note", [0, 255]), ("security.selinux", [1])]
        var owned = TarArchive.Member.file("home/user/x", "mine", mode: 0o600)
        owned.owner = (1000, 70000)
        var device = TarArchive.Member(name: "dev/null", type: "3")
        (device.mode, device.device) = (0o666, (1, 3))
        // A hard link repeats what the file is.
        var again = TarArchive.Member.link("bin/again", to: "bin/tool", type: "1")
        again.mode = 0o755
        func described(_ names: String...) -> [TarArchive.Member] {
            describesAll ? names.map { .directory($0, mode: 0o751) } : []
        }
        let below = described("dev", "etc/d", "etc/d/sub", "home", "home/user", "var", "var/was-directory")
        let base = TarArchive(
            below + [
                .directory("./", mode: 0o711), .directory("bin/"), .file("bin/tool", "tool", mode: 0o755), capable,
                .file("bin/su", "su", mode: 0o4755), again,
                .link("bin/sh", to: "tool"), owned, device, .directory("etc", mode: 0o750), .file("etc/gone", "1"),
                .file("etc/stays", "2"), .file("etc/d/a"), .file("etc/d/sub/b"), .file("var/was-file"),
                .file("var/was-directory/x"),
            ])
        let upper = TarArchive(
            described("./", "etc", "etc/d", "etc/d/sub", "var") + [
                .file("etc/.wh.gone"), .file("etc/d/.wh..wh..opq"), .file("etc/d/sub/c"), .file("etc/.wh.never-was"),
                .directory("var/was-file"), .file("var/was-file/y"), .file("var/was-directory", "now a file"),
                .file("new", "new"),
            ])
        return try layout.addImage(layers: [base, upper])
    }

    /// An image of a layout on its way into a tree.
    struct Site: ~Copyable {
        let directory: TemporaryDirectory
        let layout: ContainerImageLayout
        let store: ObjectStore
        let root: StagedRoot

        init() throws {
            let directory = try TemporaryDirectory()
            let layout = try ContainerImageLayout(at: "\(directory.path)/layout")
            let store = try ObjectStore("\(directory.path)/store")
            try makeDirectories("\(directory.path)/root/run")
            root = try StagedRoot(path: "\(directory.path)/root")
            (self.layout, self.store) = (layout, store)
            self.directory = directory
        }

        func fetcher() -> ImageFetcher {
            ImageFetcher(store: store, architecture: "amd64", isOffline: true, run: runTool)
        }

        func lock(_ name: String) throws -> LockedImage {
            let reference = try #require(ImageReference(name))
            let image = try fetcher().lock(reference, layout: layout.path)
            try fetcher().fetch(image, layout: layout.path)
            return image
        }

        func tree(_ images: [LockedImage]) throws -> FileTree {
            var tree = FileTree()
            try ImageStorage.add(
                images, to: &tree, store: store, root: root, architecture: "amd64", epoch: 1_700_000_000)
            return tree
        }
    }

    @Test func layersBecomeLowerDirectoriesOfOverlayfs() throws {
        let site = try Site()
        let manifest = try Self.someImage(in: site.layout)
        try site.layout.list([(manifest, nil)])
        let image = try site.lock("localhost/some")
        #expect(image.digest == manifest.digest)
        let tree = try site.tree([image])
        try tree.validate()
        let diffs = tree.children(of: "/usr/lib/containers/storage/overlay").filter { $0 != "l" }
        #expect(diffs.count == 2)
        let top = try #require(
            diffs.first { tree["/usr/lib/containers/storage/overlay/\($0)/lower"] != nil })
        let base = try #require(diffs.first { $0 != top })
        func lines(_ id: String) -> [String] {
            let folder = "/usr/lib/containers/storage/overlay/\(id)/diff"
            return tree.paths.filter { $0.hasPrefix(folder) }.map { path in
                let node = tree[path] ?? Node(.fifo, mode: 0)
                let name = path.dropFirst(folder.utf8.count)
                return "\(name) \(describe(node)) \(String(node.mode, radix: 8)) \(node.uid):\(node.gid)"
            }
        }
        func describe(_ node: Node) -> String {
            switch node.kind {
            case .directory: "directory"
            case .file(let content): "file \(content.size)"
            case .symlink(let target): "-> \(target)"
            case .hardlink(let target): "= \(target.split(separator: "/diff").last ?? "")"
            case .characterDevice(let major, let minor): "c \(major):\(minor)"
            default: "\(node.kind)"
            }
        }
        #expect(
            lines(base) == [
                " directory 711 0:0", "/bin directory 755 0:0", "/bin/again = /bin/tool 755 0:0",
                "/bin/capable file 3 755 0:0", "/bin/sh -> tool 777 0:0", "/bin/su file 2 4755 0:0",
                "/bin/tool file 4 755 0:0", "/dev directory 755 0:0", "/dev/null c 1:3 666 0:0",
                "/etc directory 750 0:0", "/etc/d directory 755 0:0", "/etc/d/a file 0 644 0:0",
                "/etc/d/sub directory 755 0:0", "/etc/d/sub/b file 0 644 0:0", "/etc/gone file 1 644 0:0",
                "/etc/stays file 1 644 0:0", "/home directory 755 0:0", "/home/user directory 755 0:0",
                "/home/user/x file 4 600 1000:70000", "/var directory 755 0:0", "/var/was-directory directory 755 0:0",
                "/var/was-directory/x file 0 644 0:0", "/var/was-file file 0 644 0:0",
            ])
        #expect(
            lines(top) == [
                " directory 711 0:0", "/etc directory 750 0:0", "/etc/d directory 755 0:0", "/etc/d/a c 0:0 0 0:0",
                "/etc/d/sub directory 755 0:0", "/etc/d/sub/b c 0:0 0 0:0", "/etc/d/sub/c file 0 644 0:0",
                "/etc/gone c 0:0 0 0:0", "/new file 3 644 0:0", "/var directory 755 0:0",
                "/var/was-directory file 10 644 0:0", "/var/was-file directory 755 0:0",
                "/var/was-file/y file 0 644 0:0",
            ])
        let capable = tree["/usr/lib/containers/storage/overlay/\(base)/diff/bin/capable"]
        #expect(capable?.xattrs == ["security.capability": Self.capability, "user.note": [0, 255]])
    }

    @Test func theTreeDependsOnTheImagesAlone() throws {
        var trees: [FileTree] = []
        for order in [[0, 1], [1, 0]] {
            let site = try Site()
            let images = try [
                Self.someImage(in: site.layout), site.layout.addImage(layers: [TarArchive([.file("x")])]),
            ]
            try site.layout.list([(images[0], "one"), (images[1], "two")])
            let names = ["localhost/a:one", "localhost/b:two"]
            _ = try order.map { try site.lock(names[$0]) }
            trees.append(try site.tree(try names.map { try site.lock($0) }))
        }
        #expect(trees[0] == trees[1])
    }

    @Test func imagesShareLayersAndNames() throws {
        let site = try Site()
        let base = TarArchive([.file("base", "1")])
        let one = try site.layout.addImage(layers: [base, TarArchive([.file("one", "1")])])
        let two = try site.layout.addImage(layers: [base, TarArchive([.file("two", "1")])])
        try site.layout.list([(one, "1"), (two, "2")])
        let tree = try site.tree(
            ["localhost/a:1", "localhost/a:2", "registry.example/b@sha256:\(one.digest)"].map { try site.lock($0) })
        #expect(tree.children(of: "\(ImageStorage.path)/overlay").count == 4)
        #expect(tree.children(of: "\(ImageStorage.path)/overlay-images").count == 4)
        let images = try json(tree, "overlay-images/images.json").array ?? []
        let names = images.map { ($0["names"]?.array ?? []).compactMap(\.string) }
        let expected = [
            ["localhost/a@sha256:\(one.digest)", "localhost/a:1", "registry.example/b@sha256:\(one.digest)"],
            ["localhost/a@sha256:\(two.digest)", "localhost/a:2"],
        ]
        #expect(names.sorted { $0.count > $1.count } == expected)
    }

    private func json(_ tree: FileTree, _ name: String) throws -> JSONValue {
        guard case .file(.bytes(let bytes)) = tree["\(ImageStorage.path)/\(name)"]?.kind else { return .null }
        return try JSONValue(parsing: bytes, file: name)
    }

    @Test func aLockThatSaysOtherwiseThanTheImageIsRefused() throws {
        let site = try Site()
        try site.layout.list([(try Self.someImage(in: site.layout), nil)])
        let image = try site.lock("localhost/some")
        var fewer = image
        fewer.layers.removeLast()
        #expect(throws: ConstructorError.self) { _ = try site.tree([fewer]) }
        var swapped = image
        swapped.layers.reverse()
        #expect(throws: ConstructorError.self) { _ = try site.tree([swapped]) }
        _ = try site.tree([image])
        #expect(throws: ConstructorError.self) {
            var tree = FileTree()
            try ImageStorage.add(
                [image], to: &tree, store: site.store, root: site.root, architecture: "arm64", epoch: 0)
        }
        let missing = try ObjectStore("\(site.directory.path)/empty")
        #expect(throws: ConstructorError.self) {
            var tree = FileTree()
            try ImageStorage.add([image], to: &tree, store: missing, root: site.root, architecture: "amd64", epoch: 0)
        }
    }

    @Test func aLayerThatIsNotWhatTheConfigurationSaysIsRefused() throws {
        let site = try Site()
        let layer = try site.layout.put(
            TarArchive([.file("x")]).bytes, type: "application/vnd.oci.image.layer.v1.tar")
        let digest = SHA256.hash(TarArchive([.file("y")]).bytes)
        let config = try site.layout.put(
            Array(
                #"{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":["sha256:\#(digest)"]}}"#.utf8), type: "c")
        let manifest = try site.layout.put(
            Array(
                (#"{"config":{"digest":"sha256:\#(config.digest)","size":\#(config.size)},"layers":[{"digest":"#
                    + #""sha256:\#(layer.digest)","size":\#(layer.size)}]}"#).utf8), type: "m")
        try site.layout.list([(manifest, nil)])
        let image = try site.lock("localhost/x")
        let error = #expect(throws: ConstructorError.self) { _ = try site.tree([image]) }
        #expect(error?.message.contains("not what the image says") == true)
    }

    @Test func layersThatLeadOutOrNowhereAreRefused() throws {
        let hostile: [[TarArchive.Member]] = [
            [.file("../x")], [.file("a/../../x")], [.file("a"), .file("a/b")], [.link("a", to: "b", type: "1")],
            [.directory("d"), .link("a", to: "d", type: "1")], [.link("a", to: "../x", type: "1")],
            [.link("l", to: "l"), .file("l/x")], [.file(".wh.")], [.file(".wh...")], [.file(".wh..")],
            [.link("./", to: "x")],
        ]
        for members in hostile {
            #expect(throws: ConstructorError.self, "\(members)") { _ = try layer(members) }
        }
    }

    @Test func symbolicLinksOfALayerAreFollowedWithinIt() throws {
        let tree = try layer([
            .directory("usr/lib"), .link("lib", to: "usr/lib"), .file("lib/a"), .link("up", to: "../../../usr"),
            .file("up/b"), .link("abs", to: "/usr/lib"), .file("abs/c"), .link("again", to: "lib/a", type: "1"),
            .file("usr/lib/a", "later"), .directory("usr/lib", mode: 0o700),
        ]).tree
        #expect(
            tree.paths == [
                "/", "/abs", "/again", "/lib", "/up", "/usr", "/usr/b", "/usr/lib", "/usr/lib/a", "/usr/lib/c",
            ])
        #expect(tree["/usr/lib"]?.mode == 0o700)
        // The file that took a name leaves the other names their inode.
        #expect(tree["/again"]?.kind == .file(.staged(path: "\(ImageStorage.staging)/layer/1", size: 0)))
        #expect(tree["/usr/lib/a"]?.kind == .file(.staged(path: "\(ImageStorage.staging)/layer/4", size: 5)))
    }

    private func layer(_ members: [TarArchive.Member]) throws -> ImageLayer {
        let site = try Site()
        var layer = ImageLayer(name: "layer")
        let bytes = TarArchive(members).bytes
        try bytes.withUnsafeBytes { bytes in
            try layer.read(
                try ArchiveReader.tar(bytes, name: "layer"), into: site.root, folder: "\(ImageStorage.staging)/layer")
        }
        return layer
    }
}
