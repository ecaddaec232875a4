import Filesystems
import Glibc
import LinuxSystem
import Testing

import struct PiscesTesting.SeededGenerator

private let epoch: Int64 = 1_700_000_000

/// A random tree and its image, as fsck, the kernel and others' writer see them.
@Suite final class ErofsOracleTests {
    private let directory: TemporaryDirectory
    private let tree: FileTree
    private let image: Descriptor

    init() throws {
        directory = try TemporaryDirectory()
        var generator = SeededGenerator(state: 11)
        tree = FileTree.random(700, using: &generator, epoch: epoch)
        image = try scratch(directory, "image")
        _ = try ErofsWriter.write(
            tree, source: Descriptor.directory("/"), to: image, at: 0,
            options: .init(uuid: Array(1...16), label: "pisces", epoch: epoch))
    }

    /// Compares a tree on disk with the one that was written, data included.
    private func expectEqual(to root: String, ignoring ignored: Set<String> = []) throws {
        let root = try Descriptor.directory(root)
        let seen = try FileTree.scan(root)
        #expect(tree.difference(from: seen, ignoring: ignored) == nil)
        for path in tree.paths {
            guard case .file(.bytes(let bytes)) = tree[path]?.kind else { continue }
            #expect(try root.openBeneath(relative(path)).readToEnd() == bytes, "\(path)")
        }
    }

    @Test(.enabled(if: has("fsck.erofs"), "needs fsck.erofs (erofs-utils)"))
    func fsckFindsNothing() throws {
        let check = try #require(try run("fsck.erofs", "--extract", directory.path + "/image"))
        #expect(check.status == 0, "\(check.output)")
    }

    @Test(.enabled(if: canMountErofs, "needs root, /dev/loop-control and EROFS in the kernel"))
    func kernelSeesTheSameTree() throws {
        let mountPoint = directory.path + "/mounted"
        try makeDirectories(mountPoint)
        let mounted = try #require(
            try run("mount", "-t", "erofs", "-o", "loop,ro", directory.path + "/image", mountPoint))
        try #require(mounted.status == 0, "\(mounted.output)")
        defer { _ = try? run("umount", mountPoint) }
        try expectEqual(to: mountPoint)
        // Lookup by name is a search in sorted blocks, apart from listing.
        let root = try Descriptor.directory(mountPoint)
        var links: [String: Int] = [:]
        for path in tree.paths {
            switch tree[path]?.kind {
            case .directory:
                let subdirectories = tree.children(of: path).filter { tree["\(path)/\($0)"]?.isDirectory == true }
                links[path] = 2 + subdirectories.count
            case .hardlink(let target): links[target, default: 0] += 1
            default: links[path, default: 0] += 1
            }
        }
        for (path, count) in links { #expect(try root.status(of: "./\(path)").links == count, "\(path)") }
    }

    @Test(.enabled(if: has("blkid"), "needs blkid"))
    func blkidKnowsLabelAndUUID() throws {
        let seen = try #require(try run("blkid", "-p", "-o", "export", directory.path + "/image"))
        #expect(seen.output.contains("TYPE=erofs"))
        #expect(seen.output.contains("UUID=01020304-0506-0708-090a-0b0c0d0e0f10"))
    }

    @Test(.enabled(if: has("mkfs.erofs") && canMountErofs, "needs mkfs.erofs, root and EROFS in the kernel"))
    func imageOfAnotherWriterIsRead() throws {
        let mountPoint = directory.path + "/mounted"
        try makeDirectories(mountPoint)
        let mounted = try #require(
            try run("mount", "-t", "erofs", "-o", "loop,ro", directory.path + "/image", mountPoint))
        try #require(mounted.status == 0, "\(mounted.output)")
        defer { _ = try? run("umount", mountPoint) }
        let made = try #require(try run("mkfs.erofs", "-x1", directory.path + "/other", mountPoint))
        try #require(made.status == 0, "\(made.output)")
        let reader = try ErofsReader.open(Descriptor.open(directory.path + "/other"))
        #expect(try tree.difference(from: reader.tree()) == nil)
        for path in tree.paths {
            if case .file(.bytes(let bytes)) = tree[path]?.kind { #expect(try reader.contents(of: path) == bytes) }
        }
    }
}
