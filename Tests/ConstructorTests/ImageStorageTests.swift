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

    static func someImage(in layout: ContainerImageLayout) throws -> ContainerImageLayout.Blob {
        var capable = TarArchive.Member.file("bin/capable", "cap", mode: 0o755)
        capable.xattrs = [("security.capability", capability), ("user.note", [0, 255]), ("security.selinux", [1])]
        var owned = TarArchive.Member.file("home/user/x", "mine", mode: 0o600)
        owned.owner = (1000, 70000)
        var device = TarArchive.Member(name: "dev/null", type: "3")
        (device.mode, device.device) = (0o666, (1, 3))
        let base = TarArchive([
            .directory("./", mode: 0o711), .directory("bin/"), .file("bin/tool", "tool", mode: 0o755), capable,
            .file("bin/su", "su", mode: 0o4755), .link("bin/again", to: "bin/tool", type: "1"),
            .link("bin/sh", to: "tool"), owned, device, .directory("etc", mode: 0o750), .file("etc/gone", "1"),
            .file("etc/stays", "2"), .file("etc/d/a"), .file("etc/d/sub/b"), .file("var/was-file"),
            .file("var/was-directory/x"),
        ])
        let upper = TarArchive([
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
                " directory 711 0:0", "/bin directory 755 0:0", "/bin/again = /bin/tool 644 0:0",
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

    /// podman(1) reads the store as the root's file system has it, below a read-only mount, as root.
    @Test(.enabled(if: getuid() == 0 && access("/usr/bin/podman", X_OK) == 0, "needs root and podman"))
    func podmanFindsAndMountsTheImages() throws {
        let site = try Site()
        let some = try Self.someImage(in: site.layout)
        let other = try site.layout.addImage(layers: [TarArchive([.file("other", "o")])])
        let index = try site.layout.addIndex([("linux/arm64", other), ("linux/amd64", some)])
        try site.layout.list([(index, nil)])
        let images = try [site.lock("registry.example/a/some:2@sha256:\(index.digest)"), site.lock("localhost/some")]
        let tree = try site.tree(images)
        let image = "\(site.directory.path)/root.erofs"
        let file = try Descriptor.open(image, O_RDWR | O_CREAT)
        _ = try ErofsWriter.write(
            tree, source: site.root.directory, to: file, at: 0,
            options: .init(uuid: [UInt8](repeating: 7, count: 16), label: "root", epoch: 1_700_000_000))
        let result = try shell(
            """
            cd \(site.directory.path) && cat > podman.sh << 'END'
            set -e
            mkdir -p run graph lower mnt
            mount -t tmpfs none mnt
            mkdir mnt/run mnt/graph mnt/lower
            mount -o loop,ro root.erofs mnt/lower
            cat > storage.conf << CONF
            [storage]
            driver = "overlay"
            graphroot = "$PWD/mnt/graph"
            runroot = "$PWD/mnt/run"
            [storage.options]
            additionalimagestores = ["$PWD/mnt/lower/usr/lib/containers/storage"]
            CONF
            export CONTAINERS_STORAGE_CONF=$PWD/storage.conf
            podman images --format '{{.Names}} {{.Digest}} {{.ReadOnly}}'
            for name in localhost/some registry.example/a/some:2 registry.example/a/some@sha256:\(index.digest) \\
                localhost/some@sha256:\(index.digest); do
                podman image inspect --format '{{.Id}} {{.Digest}}' $name
            done
            # podman 4 mounts no image of a read-only store by itself, but a container of it.
            podman create --name made --network none localhost/some x > made
            podman save --format oci-dir -o saved localhost/some
            sha256sum saved/*
            place=$(podman mount made)
            cd "$place"
            find . -printf '%P %y %m %U:%G %n %l %s\\n' | LC_ALL=C sort
            getcap bin/capable
            getfattr -n user.note --only-values bin/capable | od -An -tx1
            END
            unshare -m sh podman.sh 2>&1; cp -a . /var/tmp/ctr/site
            """)
        #expect(result.output == "")
    }
}
