import Filesystems
import Glibc
import LinuxSystem
import Testing

import struct PiscesTesting.SeededGenerator

@Suite final class DirectoryWriterTests {
    private let scratch: TemporaryDirectory
    private let source: Descriptor

    init() throws {
        scratch = try TemporaryDirectory()
        try makeDirectories("\(scratch.path)/source")
        source = try Descriptor.directory("\(scratch.path)/source")
    }

    /// Writes a tree, and reads it again.
    private func written(_ tree: FileTree, _ name: String = "target") throws -> FileTree {
        try makeDirectories("\(scratch.path)/\(name)")
        let target = try Descriptor.directory("\(scratch.path)/\(name)")
        try DirectoryWriter.write(tree, source: source, to: target)
        return try FileTree.scan(target)
    }

    private func mine(_ kind: Node.Kind, mode: UInt32 = 0o644) -> Node {
        Node(kind, mode: mode, uid: geteuid(), gid: getegid(), modified: 1_000_000_000)
    }

    /// Data is where the tree says, as bytes.
    private func withBytes(_ tree: FileTree, _ name: String = "target") throws -> FileTree {
        var tree = tree
        let directory = try Descriptor.directory("\(scratch.path)/\(name)")
        for path in tree.paths {
            guard let node = tree[path], case .file(.staged(let staged, _)) = node.kind else { continue }
            var copy = node
            copy.kind = .file(.bytes(try directory.openBeneath(staged, O_RDONLY).readToEnd()))
            tree[path] = copy
        }
        return tree
    }

    @Test(.enabled(if: isRoot, "gives files away"), arguments: 1...8)
    func anyTreeIsReadBackEqual(_ seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        var tree = FileTree.random(200, using: &generator, epoch: 1_700_000_000)
        for path in tree.paths {
            // What ext4 can hold: times from 1901 to 2446, attributes of about 4 KiB.
            guard var node = tree[path] else { continue }
            node.modified = min(max(node.modified, -1 << 31), 1 << 33)
            node.xattrs = node.xattrs.mapValues { Array($0.prefix(1000)) }
            tree[path] = node
        }
        #expect(try withBytes(written(tree)).canonical == tree.canonical)
    }

    @Test func hardLinkBeforeItsFileIsTheSameInode() throws {
        var tree = FileTree()
        tree["/"] = mine(.directory, mode: 0o755)
        tree["/b"] = mine(.directory, mode: 0o500)
        tree["/b/file"] = mine(.file(.bytes([1, 2, 3])), mode: 0o400)
        tree["/a"] = .hardlink(to: "/b/file")
        _ = try written(tree)
        let target = try Descriptor.directory("\(scratch.path)/target")
        #expect(try target.status(of: "a").inode == target.status(of: "b/file").inode)
        #expect(try target.status(of: "b").modified == 1_000_000_000)
        #expect(try target.status(of: "b").mode & 0o7777 == 0o500)
    }

    @Test func holesOfStagedFilesStayHoles() throws {
        let file = try source.makeFile("sparse")
        try file.truncate(to: 16 << 20)
        try file.writeAll([1], at: 8 << 20)
        var tree = FileTree()
        tree["/"] = mine(.directory, mode: 0o755)
        tree["/sparse"] = mine(.file(.staged(path: "sparse", size: 16 << 20)))
        _ = try written(tree)
        var status = stat()
        #expect(stat("\(scratch.path)/target/sparse", &status) == 0)
        #expect(status.st_size == 16 << 20 && status.st_blocks * 512 < 1 << 20)
        #expect(try Descriptor.open("\(scratch.path)/target/sparse").bytes(at: 8 << 20, count: 1) == [1])
    }

    @Test func stagedFileThatChangedIsRefused() throws {
        try source.makeFile("short").writeAll("12")
        try source.makeSymlink("link", target: "/etc/hostname")
        for staged in ["short", "link", "missing"] {
            var tree = FileTree()
            tree["/"] = mine(.directory, mode: 0o755)
            tree["/file"] = mine(.file(.staged(path: staged, size: 3)))
            #expect(throws: FilesystemError.self) { try written(tree, staged) }
        }
    }

    /// A directory that is not empty could have a symlink where a directory is to be.
    @Test func whatIsThereIsNeitherReplacedNorFollowed() throws {
        try makeDirectories("\(scratch.path)/target")
        try makeDirectories("\(scratch.path)/elsewhere")
        let target = try Descriptor.directory("\(scratch.path)/target")
        try target.makeSymlink("etc", target: "../elsewhere")
        var tree = FileTree()
        tree["/"] = mine(.directory, mode: 0o755)
        tree["/etc"] = mine(.directory, mode: 0o755)
        tree["/etc/file"] = mine(.file(.bytes([])))
        #expect(throws: FilesystemError.self) { try DirectoryWriter.write(tree, source: source, to: target) }
        #expect(try Descriptor.directory("\(scratch.path)/elsewhere").entries() == [])
    }
}
