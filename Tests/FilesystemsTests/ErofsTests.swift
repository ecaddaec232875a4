import Filesystems
import Glibc
import LinuxSystem
import Testing

import struct PiscesTesting.SeededGenerator

private let epoch: Int64 = 1_700_000_000
private let options = ErofsWriter.Options(uuid: Array(1...16), label: "pisces-root", epoch: epoch)

/// Writes `tree` to a new image, from data below `source` or without staged data.
private func image(
    of tree: FileTree, in directory: borrowing TemporaryDirectory, source: String = "/", name: String = "image",
    at offset: Int = 0
) throws -> Descriptor {
    let file = try scratch(directory, name)
    let size = try ErofsWriter.write(tree, source: Descriptor.directory(source), to: file, at: offset, options: options)
    #expect(try file.status().size == offset + size)
    return file
}

@Suite struct ErofsTests {
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func whatIsWrittenReadsBackEqual(seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        let tree = FileTree.random(400, using: &generator, epoch: epoch)
        let directory = try TemporaryDirectory()
        let file = try image(of: tree, in: directory, at: 8192)
        let size = try file.status().size - 8192
        #expect(try ErofsWriter.size(of: tree, epoch: epoch) == size)
        let reader = try ErofsReader.open(file, at: 8192)
        #expect(reader.uuid == options.uuid)
        #expect(reader.label == "pisces-root")
        #expect(reader.size == size)
        #expect(try tree.difference(from: reader.tree()) == nil)
        for path in tree.paths {
            if case .file(.bytes(let bytes)) = tree[path]?.kind { #expect(try reader.contents(of: path) == bytes) }
        }
    }

    @Test func imageDependsOnTreeAndOptionsAlone() throws {
        var generator = SeededGenerator(state: 5)
        let tree = FileTree.random(200, using: &generator, epoch: epoch)
        // The same tree made in another order, on a file that held other bytes.
        var again = FileTree()
        for path in tree.paths.reversed() { again[path] = tree[path] }
        let directory = try TemporaryDirectory()
        let first = try image(of: tree, in: directory, name: "first")
        let second = try scratch(directory, "second")
        try second.writeAll([UInt8](repeating: 0xFF, count: first.status().size))
        _ = try ErofsWriter.write(again, source: Descriptor.directory("/"), to: second, at: 0, options: options)
        #expect(try SHA256.hash(first) == SHA256.hash(second))
    }

    @Test func largeDirectoryIsFoundInOrder() throws {
        var tree = FileTree()
        for number in 0..<3000 { tree["/d/\(String(number, radix: 36))-\(number)"] = .file("\(number)") }
        tree["/d"] = .directory()
        let directory = try TemporaryDirectory()
        let file = try image(of: tree, in: directory)
        let reader = try ErofsReader.open(file)
        #expect(try reader.tree().children(of: "/d") == tree.children(of: "/d"))
        #expect(try reader.contents(of: "/d/2bb-2999") == Array("2999".utf8))
        if let check = try run("fsck.erofs", directory.path + "/image") {
            #expect(check.status == 0, "\(check.output)")
        }
    }

    @Test func stagedDataComesFromBelowTheSource() throws {
        let directory = try TemporaryDirectory()
        let source = directory.path + "/source"
        try makeDirectories(source + "/d")
        var generator = SeededGenerator(state: 6)
        let large = generator.bytes(3_000_001)
        try AtomicFile.write(large, to: source + "/d/large")
        try AtomicFile.write(Array("small".utf8), to: source + "/d/small")
        let tree = try FileTree.scan(Descriptor.directory(source))
        let file = try image(of: tree, in: directory, source: source)
        let reader = try ErofsReader.open(file)
        #expect(try reader.contents(of: "/d/large") == large)
        #expect(try reader.contents(of: "d/small") == Array("small".utf8))
        #expect(throws: FilesystemError.self) { try reader.contents(of: "/d/large", limit: 1000) }
        #expect(throws: FilesystemError.self) { try reader.contents(of: "/d") }
        #expect(throws: FilesystemError.self) { try reader.contents(of: "/d/small/x") }
    }

    @Test(arguments: ["longer", "shorter!", "link", "gone", "directory"])
    func stagedFileThatChangedIsAnError(how: String) throws {
        let directory = try TemporaryDirectory()
        let source = try Descriptor.directory(directory.path)
        try AtomicFile.write(Array("eight by".utf8), to: directory.path + "/other")
        try AtomicFile.write(Array("eight by".utf8), to: directory.path + "/file")
        var tree = FileTree()
        tree["/x"] = Node(.file(.staged(path: "file", size: 8)), mode: 0o644)
        let output = try scratch(directory, "image")
        _ = try ErofsWriter.write(tree, source: source, to: output, at: 0, options: options)
        try source.unlink("file")
        switch how {
        case "link": try source.makeSymlink("file", target: "other")
        case "longer": try AtomicFile.write(Array("nine byte".utf8), to: directory.path + "/file")
        case "shorter!": try AtomicFile.write(Array("seven b".utf8), to: directory.path + "/file")
        case "directory": try source.makeDirectory("file")
        default: break
        }
        #expect(throws: FilesystemError.self) {
            try ErofsWriter.write(tree, source: source, to: output, at: 0, options: options)
        }
    }

    @Test func emptyFileThatBecameAnythingElseIsAnError() throws {
        let directory = try TemporaryDirectory()
        var tree = FileTree()
        tree["/x"] = Node(.file(.staged(path: "file", size: 0)), mode: 0o644)
        try AtomicFile.write([], to: directory.path + "/file")
        _ = try image(of: tree, in: directory, source: directory.path)
        try AtomicFile.write([1], to: directory.path + "/file")
        #expect(throws: FilesystemError.self) { _ = try image(of: tree, in: directory, source: directory.path) }
        try Descriptor.directory(directory.path).unlink("file")
        #expect(mkfifo(directory.path + "/file", 0o600) == 0)
        #expect(throws: FilesystemError.self) { _ = try image(of: tree, in: directory, source: directory.path) }
    }

    @Test func whatTheFormatCannotHoldIsAnError() throws {
        let directory = try TemporaryDirectory()
        let bad: [Node] = [
            Node(.characterDevice(major: 4096, minor: 0), mode: 0),
            Node(.blockDevice(major: 0, minor: 1 << 20), mode: 0),
            Node(.fifo, mode: 0, xattrs: ["system.other": []]), Node(.fifo, mode: 0, xattrs: ["user.": []]),
            Node(.fifo, mode: 0, xattrs: ["system.posix_acl_accessory": []]),
            Node(.fifo, mode: 0, xattrs: ["user.a": [UInt8](repeating: 0, count: 65536)]),
            Node(.file(.staged(path: "huge", size: .max)), mode: 0), .symlink(""), .hardlink(to: "/none"),
        ]
        for node in bad {
            var tree = FileTree()
            tree["/x"] = node
            #expect(throws: FilesystemError.self, "\(node)") { _ = try image(of: tree, in: directory) }
        }
        #expect(throws: FilesystemError.self) {
            try ErofsWriter.write(
                FileTree(), source: Descriptor.directory("/"), to: scratch(directory, "i"), at: 0,
                options: .init(uuid: [1], label: "", epoch: 0))
        }
        #expect(throws: FilesystemError.self) {
            try ErofsWriter.write(
                FileTree(), source: Descriptor.directory("/"), to: scratch(directory, "i"), at: 0,
                options: .init(uuid: Array(0..<16), label: "sixteen letters!", epoch: 0))
        }
    }
}

@Suite struct ErofsHostileTests {
    /// A small image with something of everything, as bytes.
    private func sound() throws -> [UInt8] {
        var generator = SeededGenerator(state: 7)
        var tree = FileTree.random(40, using: &generator, epoch: epoch)
        for number in 0..<300 { tree["/many/entry-number-\(number)"] = .hardlink(to: "/one") }
        tree["/many"] = .directory()
        tree["/one"] = .file("one")
        let directory = try TemporaryDirectory()
        let file = try image(of: tree, in: directory)
        return try file.bytes(at: 0, count: file.status().size)
    }

    private func readAll(_ bytes: [UInt8]) throws {
        let directory = try TemporaryDirectory()
        let file = try scratch(directory, "image")
        try file.writeAll(bytes)
        let reader = try ErofsReader.open(file)
        let tree = try reader.tree()
        for path in tree.paths { if case .file = tree[path]?.kind { _ = try reader.contents(of: path) } }
    }

    @Test func flippedBytesNeverTrap() throws {
        var image = try sound()
        try readAll(image)
        // Without the checksum every flip reaches the parser.
        image[1024 + 8] = 0
        var generator = SeededGenerator(state: 8)
        var refused = 0
        for _ in 0..<250 {
            var broken = image
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                let limit = generator.chance(50) ? 8192 : broken.count
                broken[Int.random(in: 1024..<limit, using: &generator)] = generator.pick([
                    0, 0xFF, .random(in: 0...255, using: &generator),
                ])
            }
            do { try readAll(broken) } catch is FilesystemError { refused += 1 }
        }
        #expect(refused > 50)
    }

    @Test func cutImageIsRefused() throws {
        let image = try sound()
        for count in [0, 1023, 1100, 4095, 4096, image.count - 1] {
            #expect(throws: FilesystemError.self) { try readAll(Array(image[..<count])) }
        }
    }

    /// An image of `tree` without its superblock's checksum, so that any byte can be changed.
    private func unchecked(_ tree: FileTree) throws -> [UInt8] {
        let directory = try TemporaryDirectory()
        let file = try image(of: tree, in: directory)
        var bytes = try file.bytes(at: 0, count: file.status().size)
        bytes[1024 + 8] = 0
        return bytes
    }

    @Test func namesOutOfOrderAreRefused() throws {
        var tree = FileTree()
        tree["/name1"] = .fifoForTest
        tree["/name2"] = .fifoForTest
        var bytes = try unchecked(tree)
        try readAll(bytes)
        let names = try #require((0..<bytes.count - 10).first { bytes[$0...].starts(with: "name1name2".utf8) })
        bytes.swapAt(names + 4, names + 9)
        #expect(throws: FilesystemError.self) { try readAll(bytes) }
    }

    @Test func directoriesThatShareDataAreRefused() throws {
        var tree = FileTree()
        tree["/large"] = .directory(mode: 0o701, modified: epoch)
        for number in 0..<300 { tree["/large/\(number)-and-a-few-letters-more"] = .hardlink(to: "/one") }
        tree["/one"] = .file("", modified: epoch)
        for number in 0..<100 { tree["/small\(number)"] = .directory(mode: 0o702, modified: epoch) }
        var bytes = try unchecked(tree)
        try readAll(bytes)
        func slots(mode: UInt8) -> [Int] {
            stride(from: 1152, to: bytes.count, by: 32)
                .filter { bytes[$0 + 4] == 0xC0 + mode && bytes[$0 + 5] == 0x41 && bytes[$0 + 1] == 0 }
        }
        let large = try #require(slots(mode: 1).first)
        #expect(slots(mode: 2).count == 100)
        // Layout, then size and first block.
        for small in slots(mode: 2) {
            for offset in [0, 8, 9, 10, 11, 16, 17, 18, 19] { bytes[small + offset] = bytes[large + offset] }
        }
        #expect(throws: FilesystemError.self) { try readAll(bytes) }
    }

    @Test func changedSuperblockIsRefused() throws {
        var image = try sound()
        image[1024 + 64] ^= 1
        #expect(throws: FilesystemError.self) { try readAll(image) }
    }
}

extension Node {
    fileprivate static let fifoForTest = Node(.fifo, mode: 0o600)
}
