import Filesystems
import LinuxSystem
import Testing

import struct PiscesTesting.SeededGenerator

private let mebibyte = 1 << 20

/// Everything in a volume: the content of files, nil for directories.
private func read(
    _ image: borrowing Descriptor, at offset: Int = 0, sizeBytes: Int = 64 * mebibyte
) throws -> [String: [UInt8]?] {
    let reader = try Fat32Reader.open(image, at: offset, sizeBytes: sizeBytes)
    var result: [String: [UInt8]?] = [:]
    for entry in try reader.entries() {
        result.updateValue(entry.isDirectory ? nil : try reader.contents(of: entry), forKey: entry.path)
    }
    return result
}

/// The same by mtools.
private func readByTools(_ path: String, _ directory: borrowing TemporaryDirectory) throws -> [String: [UInt8]?] {
    let out = directory.path + "/out"
    try makeDirectories(out)
    let copied = try #require(try run("mcopy", "-s", "-n", "-i", path, "::/", out))
    try #require(copied.status == 0, "\(copied.output)")
    let root = try Descriptor.directory(out)
    var result: [String: [UInt8]?] = [:]
    let tree = try FileTree.scan(root)
    for file in tree.paths {
        let content = tree[file]?.isDirectory == true ? nil : try root.openBeneath(relative(file)).readToEnd()
        result.updateValue(content, forKey: file)
    }
    return result
}

@Suite struct Fat32ReaderTests {
    private static func sampleTree() -> FileTree {
        var generator = SeededGenerator(state: 4)
        var tree = FileTree()
        for path in ["/EFI", "/EFI/BOOT", "/empty dir", "/many"] { tree[path] = .directory() }
        tree["/EFI/BOOT/BOOTX64.EFI"] = .file(generator.bytes(100_001))
        tree["/empty"] = .file("")
        tree["/exactly13char"] = .file("a")
        tree["/exactly26characters-so-lon"] = .file("b")
        tree["/Grüße 日本.txt"] = .file("c")
        tree["/" + String(repeating: "x", count: 251) + ".txt"] = .file("d")
        for number in 0..<200 { tree["/many/a rather long name \(number).text"] = .file("\(number)") }
        return tree
    }

    private static func write(
        _ tree: FileTree, to image: borrowing Descriptor, at offset: Int = 0, sizeBytes: Int = 64 * mebibyte
    ) throws {
        try Fat32Writer.write(
            tree, source: nil, to: image, at: offset, sizeBytes: sizeBytes, label: "ESP", volumeID: 0x1234_ABCD,
            epoch: 1_700_000_000)
    }

    @Test(arguments: [64, 300])
    func whatWasWrittenIsReadBack(mebibytes: Int) throws {
        let directory = try TemporaryDirectory()
        let image = try scratch(directory, "image")
        let tree = Self.sampleTree()
        try Self.write(tree, to: image, at: mebibyte, sizeBytes: mebibytes * mebibyte)
        let seen = try read(image, at: mebibyte, sizeBytes: mebibytes * mebibyte)
        #expect(seen.keys.sorted() == tree.paths.sorted())
        for path in tree.paths {
            if case .file(.bytes(let bytes)) = tree[path]?.kind { #expect(seen[path] == bytes, "\(path)") }
        }
        let reader = try Fat32Reader.open(image, at: mebibyte, sizeBytes: mebibytes * mebibyte)
        #expect(reader.label == "ESP" && reader.volumeID == 0x1234_ABCD)
        let entries = try reader.entries()
        #expect(entries.map(\.path) == tree.paths)
        for entry in entries where entry.size > 0 {
            // In one piece; the extents are whole clusters.
            let extent = try #require(entry.extents.first)
            #expect(entry.extents.count == 1 && extent.count >= entry.size)
            let bytes = try image.bytes(at: mebibyte + extent.lowerBound, count: entry.size)
            #expect(seen[entry.path] == bytes)
        }
    }

    /// Fragments, names by Windows NT's case bits, removed files: what other writers leave.
    @Test(.enabled(if: has("mcopy") && has("mkfs.vfat"), "needs mtools and mkfs.vfat"), arguments: 1..<5)
    func volumesOfOtherWritersAreReadAsTheToolsReadThem(seed: UInt64) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/image"
        _ = try scratch(directory, "image", size: 40 * mebibyte)
        let made = try #require(try run("mkfs.vfat", "-F", "32", "-s", "1", "-n", "OTHER", path))
        try #require(made.status == 0, "\(made.output)")
        var generator = SeededGenerator(state: seed)
        let names = ["a", "LOWER.txt", "lower.TXT", "UPPER.TXT", "Mixed Case name.conf", "Grüße", "b.c.d", "plus+1"]
        var directories = ["::"]
        for step in 0..<60 {
            let parent = generator.pick(directories)
            let name = "\(generator.pick(names))\(generator.chance(50) ? "" : "\(step)")"
            if generator.chance(15) {
                let directory = "\(parent)/\(name) d\(step)"
                _ = try run("mmd", "-i", path, directory)
                directories.append(directory)
            } else if generator.chance(25) {
                _ = try run("mdel", "-i", path, "\(parent)/\(name)")
            } else {
                let source = try scratch(directory, "source")
                try source.writeAll(generator.bytes(Int.random(in: 0...200_000, using: &generator)))
                _ = try run("mcopy", "-o", "-i", path, directory.path + "/source", "\(parent)/\(name)")
            }
        }
        let check = try #require(try run("fsck.vfat", "-n", path))
        try #require(check.status == 0, "\(check.output)")
        let image = try Descriptor.open(path)
        let (seen, wanted) = (try read(image, sizeBytes: 40 * mebibyte), try readByTools(path, directory))
        #expect(seen.count > 20)
        #expect(seen.keys.sorted() == wanted.keys.sorted())
        for (path, content) in wanted { #expect(seen[path] == content, "\(path)") }
        let reader = try Fat32Reader.open(image, at: 0, sizeBytes: 40 * mebibyte)
        #expect(try reader.entries().contains { $0.extents.count > 1 }, "no file is in pieces")
    }

    // MARK: - Broken volumes

    /// A volume with two files, and where its parts are.
    private final class Sample {
        let directory: TemporaryDirectory
        let image: Descriptor
        let table: Int
        let root: Int

        init() throws {
            directory = try TemporaryDirectory()
            image = try scratch(directory, "image")
            var tree = FileTree()
            tree["/DIR"] = .directory()
            tree["/DIR/ONE"] = .file([UInt8](repeating: 1, count: 2000))
            tree["/a long name"] = .file([UInt8](repeating: 2, count: 1000))
            try write(tree, to: image)
            let reader = try Fat32Reader.open(image, at: 0, sizeBytes: 64 * mebibyte)
            let entries = try reader.entries()
            root = entries[0].extents[0].lowerBound
            table = try Int(image.bytes(at: 14, count: 2)[0]) * 512
        }

        func put(_ bytes: [UInt8], at offset: Int) throws { try image.writeAll(bytes, at: offset) }

        func damage() throws -> (range: Range<Int>, problem: String)? {
            do {
                _ = try read(image)
                return nil
            } catch FilesystemError.damage(_, let range, let problem) {
                return (range, problem)
            }
        }
    }

    /// The clusters in order: root 2, /DIR 3, /DIR/ONE 4 to 7, /a long name 8 and 9. The root's slots: volume, DIR, the
    /// long name, its 8.3 name.
    @Test(
        arguments: [
            ("loop", 4 * 7, [4, 0, 0, 0], "longer than it may be"),
            ("early end", 4 * 4, [255, 255, 255, 15], "2000 bytes"),
            ("nowhere", 4 * 5, [0xF0, 0xFF, 0xFF, 0x0F], "which there is not"), ("free", 4 * 5, [0, 0, 0, 0], "not"),
            ("bad", 4 * 5, [0xF7, 0xFF, 0xFF, 0x0F], "which there is not"),
            ("meeting", 4 * 4, [8, 0, 0, 0], "2000 bytes"), ("crossing", 4 * 6, [9, 0, 0, 0], "share clusters"),
            ("directory without end", 4 * 3, [3, 0, 0, 0], "chain"),
        ] as [(String, Int, [UInt8], String)])
    func brokenChainIsAnErrorThatNamesIt(name: String, offset: Int, bytes: [UInt8], words: String) throws {
        let sample = try Sample()
        #expect(try sample.damage() == nil)
        try sample.put(bytes, at: sample.table + offset)
        let damage = try #require(try sample.damage())
        #expect(damage.problem.contains(words), "\(damage)")
        #expect(!damage.range.isEmpty)
    }

    @Test(
        arguments: [
            ("slash in a name", 32 * 1, Array("D/R".utf8), "a broken name"),
            ("lower case in an 8.3 name", 32, Array("dir".utf8), "a broken name"),
            ("checksum of a long name", 32 * 2 + 13, [0], "a broken name"),
            ("number of a long name", 32 * 2, [0x42], "a broken name"),
            ("part of a long name out of turn", 32 * 2, [0x01], "a broken long name"),
            ("long name without a file", 32 * 3, [0xE5], "without its file"),
            ("directory with a size", 32 + 28, [1], "a directory with a size"),
            ("directory in the root", 32 + 26, [2], "not . and .."),
            ("cluster of a file", 32 * 3 + 26, [3], "chain of"),
            ("second label", 32 + 11, [0x08], ""),
        ] as [(String, Int, [UInt8], String)])
    func brokenDirectoryIsAnErrorThatNamesTheSlot(name: String, offset: Int, bytes: [UInt8], words: String) throws {
        let sample = try Sample()
        try sample.put(bytes, at: sample.root + offset)
        if words.isEmpty {
            #expect(try sample.damage() == nil)
        } else {
            let damage = try #require(try sample.damage(), "\(name)")
            #expect(damage.problem.contains(words), "\(damage)")
        }
    }

    @Test func sameNameTwiceIsAnError() throws {
        let sample = try Sample()
        try sample.put(Array("DIR        ".utf8), at: sample.root + 32 * 4)
        try sample.put([0x20], at: sample.root + 32 * 4 + 11)
        #expect(try sample.damage() != nil)
    }

    @Test(
        arguments: [
            (510, [0]), (11, [0, 4]), (13, [0]), (13, [3]), (14, [0, 0]), (16, [0]), (16, [3]), (17, [1]), (19, [1]),
            (22, [1]), (32, [0, 0, 0, 0]), (32, [0xFF, 0xFF, 0xFF, 0xFF]), (36, [0, 0, 0, 0]), (36, [1, 0, 0, 0]),
            (36, [0xFF, 0xFF, 0xFF, 0xFF]), (40, [0x80]), (42, [1]), (44, [0, 0, 0, 0]),
            (44, [0xFF, 0xFF, 0xFF, 0x0F]),
            (13, [128]),
        ] as [(Int, [UInt8])])
    func brokenBootSectorIsAnError(offset: Int, bytes: [UInt8]) throws {
        let sample = try Sample()
        try sample.put(bytes, at: offset)
        let damage = try #require(try sample.damage())
        #expect(damage.range == 0..<512 && damage.problem.hasPrefix("boot sector: "), "\(damage)")
    }

    @Test func noBytesAreFatal() throws {
        let sample = try Sample()
        let sound = try sample.image.bytes(at: 0, count: 1 * mebibyte + 65536)
        var generator = SeededGenerator(state: 11)
        let places = [0..<90, sample.table..<sample.table + 64, sample.root..<sample.root + 2048]
        for _ in 0..<2000 {
            var changed: [Int] = []
            for _ in 0...Int.random(in: 0...3, using: &generator) {
                let offset = Int.random(in: generator.pick(places), using: &generator)
                try sample.put([UInt8.random(in: 0...255, using: &generator)], at: offset)
                changed.append(offset)
            }
            do { _ = try read(sample.image) } catch is FilesystemError {}
            for offset in changed { try sample.put([sound[offset]], at: offset) }
        }
        #expect(try sample.damage() == nil)
        for size in [0, 511, 512, 4096, 1 * mebibyte] {
            #expect(throws: FilesystemError.self) { try read(sample.image, sizeBytes: size) }
        }
        #expect(throws: FilesystemError.self) { try read(sample.image, at: .max) }
        try sample.image.truncate(to: 600_000)
        #expect(throws: FilesystemError.self) { try read(sample.image) }
    }
}

@Suite struct Fat32DifferencesTests {
    @Test func differencesAreTheChangedBytes() throws {
        let directory = try TemporaryDirectory()
        let image = try scratch(directory, "image")
        var tree = FileTree()
        tree["/a"] = .file([UInt8](repeating: 7, count: 3_000_000))
        func differences() throws -> [Range<Int>] {
            try Fat32Writer.differences(
                tree, in: image, at: mebibyte, sizeBytes: 40 * mebibyte, label: "ESP", volumeID: 7, epoch: 1)
        }
        try Fat32Writer.write(
            tree, source: nil, to: image, at: mebibyte, sizeBytes: 40 * mebibyte, label: "ESP", volumeID: 7, epoch: 1)
        #expect(try differences() == [])
        // Outside of it nothing counts.
        try image.writeAll([1], at: mebibyte - 1)
        try image.writeAll([1], at: 41 * mebibyte)
        #expect(try differences() == [])
        var wanted: [Range<Int>] = []
        // Two in one part of the stream, one over the border of two parts, one in a later part, one behind the files.
        for (offset, count) in [(3, 1), (600, 2), (mebibyte - 1, 2), (3 * mebibyte, 4), (39 * mebibyte, 1)] {
            try image.writeAll([UInt8](repeating: 0xAA, count: count), at: mebibyte + offset)
            wanted.append(offset..<offset + count)
        }
        let seen = try differences()
        #expect(seen.map(\.lowerBound) == [3, 600, mebibyte - 1, mebibyte, 3 * mebibyte, 39 * mebibyte], "\(seen)")
        #expect(seen.reduce(0) { $0 + $1.count } == wanted.reduce(0) { $0 + $1.count })
    }
}

@Suite struct Ext4SuperblockTests {
    @Test(.enabled(if: has("mke2fs"), "needs mke2fs"), arguments: [("1024", "8M", 8), ("4096", "20M", 20)])
    func superblockIsReadAsMke2fsWroteIt(block: String, size: String, mebibytes: Int) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/image"
        let made = try #require(
            try run(
                "mke2fs", "-q", "-t", "ext4", "-b", block, "-L", "data", "-U", "a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf",
                path, size))
        try #require(made.status == 0, "\(made.output)")
        let image = try Descriptor.open(path, 2)
        let superblock = try Ext4Superblock.read(image, at: 0)
        #expect(superblock.sizeBytes == mebibytes * mebibyte && superblock.label == "data" && superblock.isClean)
        #expect(superblock.uuid == Array(0xA0...0xAF))
        // debugfs writes a checksum that is right.
        let dirty = try #require(try run("debugfs", "-w", "-R", "ssv state 0", path))
        try #require(dirty.status == 0, "\(dirty.output)")
        #expect(try !Ext4Superblock.read(image, at: 0).isClean)
        for offset in [0x38, 0x3A, 0x100, 0x3FC] {
            let byte = try image.bytes(at: 1024 + offset, count: 1)[0]
            try image.writeAll([byte ^ 1], at: 1024 + offset)
            #expect(throws: FilesystemError.self) { try Ext4Superblock.read(image, at: 0) }
            try image.writeAll([byte], at: 1024 + offset)
        }
        let old = try #require(try run("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^metadata_csum", path, size))
        try #require(old.status == 0, "\(old.output)")
        #expect(throws: FilesystemError.self) { try Ext4Superblock.read(image, at: 0) }
    }

    @Test(.enabled(if: has("mke2fs"), "needs mke2fs"))
    func whatMke2fsWroteIsCountedNowhere() throws {
        let directory = try TemporaryDirectory()
        try makeDirectories(directory.path + "/tree")
        try AtomicFile.write([UInt8](repeating: 1, count: 1 << 20), to: directory.path + "/tree/file")
        let path = directory.path + "/image"
        let made = try #require(
            try run("mke2fs", "-q", "-t", "ext4", "-b", "1024", "-d", directory.path + "/tree", path, "80M"))
        try #require(made.status == 0, "\(made.output)")
        // Of ten groups of 8192 blocks, these have a copy.
        let copies = [1, 8193, 24577, 40961, 57345, 73729]
        func told() throws -> [Bool] {
            try copies.map { block in
                let said = try #require(
                    try run("dumpe2fs", "-h", "-o", "superblock=\(block)", "-o", "blocksize=1024", path))
                try #require(said.status == 0 && !said.output.contains("invalid"), "\(said.output)")
                return said.output.contains("Lifetime writes")
            }
        }
        #expect(try told() == [true, true, true, true, true, true])
        try Ext4Superblock.clearWrites(try Descriptor.open(path, 2), at: 0)
        #expect(try told() == [false, false, false, false, false, false])
        let checked = try #require(try run("e2fsck", "-fn", path))
        #expect(checked.status == 0, "\(checked.output)")
    }
}
