import Filesystems
import Glibc
import LinuxSystem
import Testing

@Suite struct FileTreeTests {
    @Test func newTreeHasItsRoot() {
        let tree = FileTree()
        #expect(tree.paths == ["/"])
        #expect(tree["/"] == .directory(mode: 0o755))
    }

    @Test(arguments: [
        ("/etc/passwd", "/etc/passwd"), ("etc//passwd/", "/etc/passwd"), ("/./etc/../usr/.", "/usr"), ("", "/"),
        ("/../../x", "/x"), ("/...", "/..."), ("/.a/..b", "/.a/..b"), ("//", "/"), ("/a/.", "/a"), ("/a/..", "/"),
    ])
    func pathsAreNormalised(given: String, normal: String) {
        #expect(FileTree.normalise(given) == normal)
        var tree = FileTree()
        tree[given] = .directory(mode: 0o700)
        #expect(tree[normal]?.mode == 0o700)
    }

    @Test func parentsComeFirstAndSiblingsInByteOrder() {
        var tree = FileTree()
        for path in ["/b", "/a.d", "/a/z", "/a", "/é", "/a-b", "/Z"] { tree[path] = .directory() }
        #expect(tree.paths == ["/", "/Z", "/a", "/a/z", "/a-b", "/a.d", "/b", "/é"])
        #expect(tree.children(of: "/") == ["Z", "a", "a-b", "a.d", "b", "é"])
        #expect(tree.children(of: "/a") == ["z"])
        #expect(tree.children(of: "/none") == [])
    }

    @Test func removedSubtreeLeavesNothingBehind() {
        var tree = FileTree()
        for path in ["/a", "/a/b", "/a/b/c", "/ab"] { tree[path] = .directory() }
        tree.removeSubtree("/a")
        #expect(tree.paths == ["/", "/ab"])
        tree["/"] = nil
        tree.removeSubtree("/")
        #expect(tree == FileTree())
    }

    @Test func hardLinkOfARemovedFileBecomesTheFile() {
        var tree = FileTree()
        tree["/d"] = .directory()
        tree["/d/file"] = .file("data")
        tree["/x"] = .hardlink(to: "/d/file")
        tree["/y"] = .hardlink(to: "/d/file")
        tree.removeSubtree("/d")
        #expect(tree["/x"] == .file("data"))
        #expect(tree["/y"]?.kind == .hardlink(to: "/x"))
        tree["/x"] = nil
        #expect(tree["/y"] == .file("data"))
    }

    @Test func movedSubtreeTakesHardLinksAlong() throws {
        var tree = FileTree()
        for path in ["/d", "/d/e", "/new", "/new/d"] { tree[path] = .directory() }
        tree["/d/e/file"] = .file("data")
        tree["/d/link"] = .hardlink(to: "/d/e/file")
        tree["/outside"] = .hardlink(to: "/d/e/file")
        tree["/new/d/old"] = .file("replaced")
        tree.moveSubtree("/d", to: "/new/d")
        #expect(tree.paths == ["/", "/new", "/new/d", "/new/d/e", "/new/d/e/file", "/new/d/link", "/outside"])
        #expect(tree["/outside"]?.kind == .hardlink(to: "/new/d/e/file"))
        #expect(tree["/new/d/link"]?.kind == .hardlink(to: "/new/d/e/file"))
        try tree.validate()
        let before = tree
        tree.moveSubtree("/new", to: "/new/d/e")
        tree.moveSubtree("/none", to: "/outside")
        tree.moveSubtree("/new/d", to: "/new")
        tree.moveSubtree("/", to: "/x")
        #expect(tree == before)
    }

    @Test func brokenTreesAreNotValid() {
        let broken: [[(String, Node)]] = [
            [("/a/b", .file(""))], [("/a", .file("")), ("/a/b", .file(""))], [("/", .file(""))],
            [("/a", .hardlink(to: "/none"))], [("/a", .hardlink(to: "/"))],
            [("/a", .file("")), ("/b", .hardlink(to: "/a")), ("/c", .hardlink(to: "/b"))],
            [("/" + String(repeating: "n", count: 256), .file(""))], [("/a\0b", .file(""))],
            [("/a", .symlink(""))], [("/a", .symlink("x\0"))],
            [("/a", Node(.file(.staged(path: "a", size: -1)), mode: 0))],
        ]
        for nodes in broken {
            var tree = FileTree()
            for (path, node) in nodes { tree[path] = node }
            #expect(throws: FilesystemError.self, "\(nodes)") { try tree.validate() }
        }
    }

    @Test func nodesThatDifferOnlyForBytesDiffer() {
        #expect(Node.symlink("e\u{301}") != Node.symlink("\u{E9}"))
        #expect(Node.symlink("\u{E9}") == Node.symlink("\u{E9}"))
    }
}

@Suite struct FileTreeScanTests {
    @Test func everyKindOfNodeIsSeen() throws {
        let directory = try TemporaryDirectory()
        let root = try Descriptor.directory(directory.path)
        try root.makeDirectory("d")
        try AtomicFile.write(Array("data".utf8), to: directory.path + "/d/file", mode: 0o640)
        try root.makeSymlink("link", target: "/nowhere/é")
        #expect(link(directory.path + "/d/file", directory.path + "/a-first") == 0)
        #expect(mkfifo(directory.path + "/pipe", 0o600) == 0)
        let tree = try FileTree.scan(root)
        #expect(tree.paths == ["/", "/a-first", "/d", "/d/file", "/link", "/pipe"])
        #expect(tree["/a-first"]?.kind == .file(.staged(path: "a-first", size: 4)))
        #expect(tree["/a-first"]?.mode == 0o640)
        #expect(tree["/d/file"]?.kind == .hardlink(to: "/a-first"))
        #expect(tree["/link"]?.kind == .symlink("/nowhere/é"))
        #expect(tree["/pipe"]?.kind == .fifo)
        #expect(try tree["/d"]?.modified == root.status(of: "d").modified)
    }

    @Test(.enabled(if: isRoot && has("setcap"), "needs root and setcap (libcap2-bin)"))
    func capabilitiesAreKept() throws {
        let directory = try TemporaryDirectory()
        try AtomicFile.write([], to: directory.path + "/ping", mode: 0o755)
        let set = try #require(try run("setcap", "cap_net_raw+ep", directory.path + "/ping"))
        try #require(set.status == 0, "\(set.output)")
        let value = try FileTree.scan(Descriptor.directory(directory.path))["/ping"]?.xattrs["security.capability"]
        #expect(value?.count == 20)
    }

    @Test func namesThatOnlyUnicodeCallsEqualAreAnError() throws {
        let directory = try TemporaryDirectory()
        let root = try Descriptor.directory(directory.path)
        try root.makeDirectory("e\u{301}")
        _ = try FileTree.scan(root)
        try root.makeDirectory("\u{E9}")
        #expect(throws: FilesystemError.self) { try FileTree.scan(root) }
    }

    @Test func markThatCombinesWithTheSlashBelongsToTheName() throws {
        let directory = try TemporaryDirectory()
        try AtomicFile.write([1], to: directory.path + "/\u{301}x")
        let tree = try FileTree.scan(Descriptor.directory(directory.path))
        #expect(tree.children(of: "/") == ["\u{301}x"])
        #expect(tree["/\u{301}x"]?.kind == .file(.staged(path: "\u{301}x", size: 1)))
    }

    @Test func bytesThatAreNotUTF8AreAnError() throws {
        let directory = try TemporaryDirectory()
        let root = try Descriptor.directory(directory.path)
        let bytes: [CChar] = [0x61, -1, 0]
        #expect(symlinkat(bytes, root.rawValue, "link") == 0)
        #expect(throws: FilesystemError.self) { try FileTree.scan(root) }
        try root.unlink("link")
        #expect(mkdirat(root.rawValue, bytes, 0o755) == 0)
        #expect(throws: FilesystemError.self) { try FileTree.scan(root) }
    }
}
