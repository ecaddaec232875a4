import Filesystems
import Glibc
import LinuxSystem
import Testing

import struct PiscesTesting.SeededGenerator

private let epoch: Int64 = 1_700_000_000

@Suite struct TarWriterTests {
    /// An archive in memory.
    private func archive(_ tree: FileTree) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try TarWriter.write(tree, source: Descriptor.directory("/")) { bytes += $0 }
        return bytes
    }

    @Test func archiveIsTheSameBitsOnEveryHost() throws {
        var generator = SeededGenerator(state: 5)
        let bytes = try archive(FileTree.random(300, using: &generator, epoch: epoch).withoutSockets)
        #expect(bytes.count % 512 == 0)
        #expect(SHA256.hash(bytes).hex == "6f15766e61f008ef499654bb3d118ec501defc18864b7e02aa0b4b4ebd5a3dfe")
    }

    @Test func fileAndCallbackGetTheSameBytes() throws {
        let directory = try TemporaryDirectory()
        var generator = SeededGenerator(state: 6)
        let tree = FileTree.random(100, using: &generator, epoch: epoch).withoutSockets
        let file = try scratch(directory, "archive")
        let size = try TarWriter.write(tree, source: Descriptor.directory("/"), to: file, at: 1000)
        #expect(try file.bytes(at: 1000, count: size) == archive(tree))
        #expect(try file.status().size == 1000 + size)
    }

    @Test func plainMembersNeedNoExtendedHeader() throws {
        var tree = FileTree()
        tree["/"] = .directory(modified: epoch)
        tree["/" + String(repeating: "n", count: 100)] = .file("data", uid: 0o7777777, modified: 0o77777777777)
        let bytes = try archive(tree)
        // Root, file, one block of data, the end.
        #expect(bytes.count == 5 * 512)
        #expect(bytes.starts(with: "./\0".utf8))
    }

    @Test func fileGoesBeforeItsLinksWhateverTheTreeCallsTheFile() throws {
        var tree = FileTree()
        tree["/z"] = .file("data", uid: 7)
        tree["/a"] = .hardlink(to: "/z")
        tree["/b"] = .hardlink(to: "/z")
        var canonical = FileTree()
        canonical["/a"] = .file("data", uid: 7)
        canonical["/b"] = .hardlink(to: "/a")
        canonical["/z"] = .hardlink(to: "/a")
        #expect(try archive(tree) == archive(canonical))
    }

    @Test func whatTarHasNoFormForIsAnError() throws {
        for node in [
            Node(.socket, mode: 0o600), Node(.file(.bytes([])), mode: 0o600, xattrs: ["user.a=b": [1]]),
            Node(.blockDevice(major: 1 << 21, minor: 0), mode: 0o600), .hardlink(to: "/none"),
            Node(.file(.staged(path: "none/at/all", size: 1)), mode: 0o600),
        ] {
            var tree = FileTree()
            tree["/x"] = node
            #expect(throws: FilesystemError.self, "\(node)") { try archive(tree) }
        }
    }

    @Test func errorOfTheReceiverEndsTheWriting() throws {
        struct Full: Error {}
        var calls = 0
        #expect(throws: Full.self) {
            try TarWriter.write(FileTree(), source: Descriptor.directory("/")) { _ in
                calls += 1
                throw Full()
            }
        }
        #expect(calls == 1)
    }
}

/// A random tree's archive, as other readers of tar see it.
@Suite final class TarOracleTests {
    private let directory: TemporaryDirectory
    private let tree: FileTree
    private let path: String

    init() throws {
        directory = try TemporaryDirectory()
        var generator = SeededGenerator(state: 12)
        var tree = FileTree.random(700, using: &generator, epoch: epoch).withoutSockets
        // Where the length of a record gains a digit that counts itself.
        for size in Array(65...75) + Array(965...975) {
            tree["/record \(size)"] = Node(
                .file(.bytes([])), mode: 0o644, xattrs: ["user.x": [UInt8](repeating: 0x61, count: size)])
        }
        self.tree = tree
        path = directory.path + "/archive"
        let file = try scratch(directory, "archive")
        _ = try TarWriter.write(tree, source: Descriptor.directory("/"), to: file, at: 0)
    }

    /// What Python's tarfile says of every member, in the words of ``Node/described`` and ``TarOracleTests/words(of:)``.
    private static let listing = """
        import hashlib, sys, tarfile
        raw = lambda text: text.encode("utf-8", "surrogateescape")
        out = sys.stdout.buffer
        archive = tarfile.open(sys.argv[1], "r:")
        for member in archive:
            kind = {b"0": "file", b"1": "link", b"2": "symlink", b"3": "character", b"4": "block", b"5": "directory",
                    b"6": "fifo"}[member.type]
            device = f" {member.devmajor}:{member.devminor}" if kind in ("character", "block") else ""
            data = archive.extractfile(member).read() if kind == "file" else b""
            prefix = "SCHILY.xattr."
            attributes = sorted((raw(k[len(prefix):]), raw(v)) for k, v in member.pax_headers.items() if prefix in k)
            out.write(raw("/" + ("" if member.name == "." else member.name)) + b"\\0" + kind.encode() + device.encode() + b"\\0")
            out.write(raw(member.linkname) + b"\\0" + hashlib.sha256(data).hexdigest().encode() + b"\\0")
            out.write(f"{member.mode:o} {member.uid}:{member.gid} {int(member.mtime)} [{member.uname}]".encode())
            out.write(b"".join(b" %s=%s" % (k, v.hex().encode()) for k, v in attributes) + b"\\n\\0")
        """

    private func words(of path: String) throws -> String {
        let node = try #require(tree[path])
        var (link, data, attributes) = ("", [UInt8](), node.xattrs)
        let kind: String
        switch node.kind {
        case .directory: kind = "directory"
        case .file(.bytes(let bytes)): (kind, data) = ("file", bytes)
        case .symlink(let target): (kind, link) = ("symlink", target)
        case .hardlink(let target): (kind, link, attributes) = ("link", relative(target), [:])
        case .characterDevice(let major, let minor): kind = "character \(major):\(minor)"
        case .blockDevice(let major, let minor): kind = "block \(major):\(minor)"
        case .fifo: kind = "fifo"
        default: throw FilesystemError.tree(path: path, problem: "not expected")
        }
        let names = attributes.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return "\(path)\0\(kind)\0\(link)\0\(SHA256.hash(data).hex)\0"
            + "\(String(node.mode, radix: 8)) \(node.uid):\(node.gid) \(node.modified) []"
            + names.map { " \($0)=\((attributes[$0] ?? []).hex)" }.joined() + "\n\0"
    }

    @Test(.enabled(if: has("python3"), "needs python3"))
    func pythonReadsEveryMember() throws {
        let seen = try #require(try run("python3", "-c", Self.listing, path))
        try #require(seen.status == 0, "\(seen.output)")
        let lines = seen.output.split(separator: "\n\0")
        let expected = try tree.paths.map { try words(of: $0) }.joined().split(separator: "\n\0")
        #expect(lines.count == expected.count)
        let wrong = zip(lines, expected).first { !$0.utf8.elementsEqual($1.utf8) }
        #expect(wrong == nil)
    }

    /// Has a tool extract an archive of the tree, and compares what it made with the tree, data included.
    private func expectEqual(
        extractedBy tool: String..., ignoring ignored: Set<String> = [],
        changing change: (inout Node) -> Void = { _ in }
    ) throws {
        var wanted = tree
        for path in wanted.paths {
            guard var node = wanted[path] else { continue }
            // Not all file systems keep more: ext4 ends in 2446 and has attributes of one block.
            node.modified = min(max(node.modified, -1 << 31), 1 << 33)
            node.xattrs["user.big"] = node.xattrs["user.big"].map { Array($0.prefix(3000)) }
            wanted[path] = node
        }
        let archive = try scratch(directory, "extractable")
        _ = try TarWriter.write(wanted, source: Descriptor.directory("/"), to: archive, at: 0)
        try makeDirectories(directory.path + "/x")
        let result = try #require(
            try run(tool + ["-xpf", archive.name, "--numeric-owner", "--xattrs", "-C", directory.path + "/x"]))
        try #require(result.status == 0, "\(result.output)")
        let root = try Descriptor.directory(directory.path + "/x")
        for path in wanted.paths {
            guard var node = wanted[path] else { continue }
            change(&node)
            wanted[path] = node
        }
        let difference = try wanted.difference(from: FileTree.scan(root), ignoring: ignored)
        #expect(difference == nil)
        for path in tree.paths {
            guard case .file(.bytes(let bytes)) = tree[path]?.kind else { continue }
            #expect(try root.openBeneath(relative(path)).readToEnd() == bytes, "\(path)")
        }
    }

    @Test(.enabled(if: isRoot && has("tar"), "needs root and GNU tar"))
    func gnuTarExtractsTheSameTree() throws { try expectEqual(extractedBy: "tar", "--xattrs-include=*") }

    @Test(.enabled(if: isRoot && has("bsdtar"), "needs root and bsdtar (libarchive-tools)"))
    func libarchiveExtractsTheSameTree() throws {
        // libarchive takes ACLs only as text, and leaves the directory that it works in as it is.
        try expectEqual(extractedBy: "bsdtar", ignoring: ["/"]) { node in
            node.xattrs = node.xattrs.filter { !$0.key.hasPrefix("system.") }
        }
    }
}

extension FileTree {
    /// The tree without what tar has no form for.
    var withoutSockets: FileTree {
        var tree = self
        for path in tree.paths where tree[path]?.kind == .socket { tree.removeSubtree(path) }
        return tree.canonical
    }
}
