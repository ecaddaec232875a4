import Filesystems
import LinuxSystem
import Testing

import struct PiscesTesting.SeededGenerator

private let mebibyte = 1 << 20

/// A tree like that of an EFI system partition, with hard names.
private func partition() -> FileTree {
    var generator = SeededGenerator(state: 21)
    var tree = FileTree()
    for directory in ["/EFI", "/EFI/BOOT", "/EFI/pisces", "/loader", "/loader/entries", "/empty dir"] {
        tree[directory] = .directory()
    }
    tree["/EFI/BOOT/BOOTX64.EFI"] = .file(generator.bytes(143_361))
    tree["/EFI/pisces/\(SHA256.hash([]).hex).efi"] = .file(generator.bytes(mebibyte + 1))
    tree["/loader/loader.conf"] = .file("timeout 0\n")
    tree["/loader/entries.srel"] = .file("type1\n")
    tree["/loader/entries/pisces-7+3.conf"] = .file("title Pisces\n")
    tree["/loader/entries/pisces-6+3-1.conf"] = .file("title Pisces\n")
    tree["/empty"] = .file("")
    tree["/exactly13char"] = .file("a")
    tree["/exactly26characters-so-lon"] = .file("b")
    tree["/.hidden"] = .file("c")
    tree["/a.b.c"] = .file("d")
    tree["/Grüße 日本.txt"] = .file("e")
    tree["/ED~1.C"] = .file("f")
    tree["/" + String(repeating: "x", count: 251) + ".txt"] = .file("g")
    tree["/many"] = .directory()
    for number in 0..<200 { tree["/many/a rather long name \(number).text"] = .file("\(number)") }
    return tree
}

private func write(
    _ tree: FileTree, to image: borrowing Descriptor, at offset: Int = 0, sizeBytes: Int = 64 * mebibyte,
    label: String = "ESP"
) throws {
    try Fat32Writer.write(
        tree, source: nil, to: image, at: offset, sizeBytes: sizeBytes, label: label, volumeID: 0x1234_ABCD,
        epoch: 1_700_000_001)
}

@Suite struct Fat32OracleTests {
    @Test(
        .enabled(if: has("fsck.vfat") && has("blkid"), "needs fsck.vfat (dosfstools) and blkid"),
        arguments: [34, 64, 65, 100, 127, 129, 256, 300, 512, 1024], [0, 512])
    func fsckFindsNothingAndBlkidKnowsIt(mebibytes: Int, less: Int) throws {
        let directory = try TemporaryDirectory()
        let image = try scratch(directory, "image")
        let tree = partition()
        try write(tree, to: image, sizeBytes: mebibytes * mebibyte - less)
        #expect(try image.status().size == mebibytes * mebibyte - less)
        let check = try #require(try run("fsck.vfat", "-n", "-v", directory.path + "/image"))
        #expect(check.status == 0, "\(check.output)")
        #expect(check.output.contains("32 bit"), "\(check.output)")
        #expect(check.output.contains(" \(tree.count) files"), "\(check.output)")
        let seen = try #require(try run("blkid", "-p", "-o", "export", directory.path + "/image"))
        for line in ["TYPE=vfat", "VERSION=FAT32", "LABEL=ESP", "UUID=1234-ABCD"] {
            #expect(seen.output.contains(line), "\(seen.output)")
        }
    }

    @Test(.enabled(if: has("mcopy"), "needs mtools"))
    func mtoolsReadsEveryFileBack() throws {
        let directory = try TemporaryDirectory()
        let image = try scratch(directory, "image", size: 80 * mebibyte)
        let tree = partition()
        try write(tree, to: image, at: mebibyte)
        try makeDirectories(directory.path + "/out")
        let copied = try #require(
            try run("mcopy", "-s", "-m", "-i", "\(directory.path)/image@@1M", "::/", directory.path + "/out"))
        #expect(copied.status == 0, "\(copied.output)")
        let out = try Descriptor.directory(directory.path + "/out")
        #expect(try FileTree.scan(out).paths == tree.paths)
        for path in tree.paths {
            guard case .file(.bytes(let bytes)) = tree[path]?.kind else { continue }
            let file = try out.openBeneath(relative(path))
            #expect(try file.readToEnd() == bytes, "\(path)")
            // Two seconds fine.
            let modified = try file.status().modified
            #expect(modified == 1_700_000_000)
        }
    }

    @Test(
        .enabled(if: has("mcopy"), "needs mtools"),
        arguments: [
            (0, 315_532_800), (951_825_599, 951_825_598), (951_868_800, 951_868_800), (1_709_251_199, 1_709_251_198),
            (4_102_444_800, 4_102_444_800),
        ] as [(Int64, Int64)])
    func timesAreUTCWithinWhatFatCanSay(epoch: Int64, seen: Int64) throws {
        let directory = try TemporaryDirectory()
        let image = try scratch(directory, "image")
        var tree = FileTree()
        tree["/file"] = .file("x")
        try Fat32Writer.write(
            tree, source: nil, to: image, at: 0, sizeBytes: 64 * mebibyte, label: "ESP", volumeID: 1, epoch: epoch)
        let copied = try #require(
            try run("mcopy", "-m", "-i", directory.path + "/image", "::/file", directory.path + "/file"))
        #expect(copied.status == 0, "\(copied.output)")
        let modified = try Descriptor.open(directory.path + "/file").status().modified
        #expect(modified == seen)
    }

    @Test(.enabled(if: has("mdir"), "needs mtools"))
    func timesEndWith2107() throws {
        let directory = try TemporaryDirectory()
        var tree = FileTree()
        tree["/FILE"] = .file("x")
        try Fat32Writer.write(
            tree, source: nil, to: scratch(directory, "image"), at: 0, sizeBytes: 64 * mebibyte, label: "ESP",
            volumeID: 1, epoch: .max)
        let list = try #require(try run("mdir", "-i", directory.path + "/image", "::/"))
        #expect(list.output.contains("2107-12-31  23:59"), "\(list.output)")
    }

    @Test(.enabled(if: has("mdir"), "needs mtools"))
    func shortNamesAreWhatReadersExpect() throws {
        let directory = try TemporaryDirectory()
        try write(partition(), to: scratch(directory, "image"))
        let list = try #require(
            try run("mdir", "-i", directory.path + "/image", "::/", "::/EFI/BOOT", "::/loader/entries"))
        #expect(list.status == 0, "\(list.output)")
        for line in [
            "Volume in drive : is ESP", "BOOTX64  EFI", "PISCES~1 CON", "PISCES~2 CON", "HIDDEN~1  ", "AB~1     C",
            "ED~1     C", "EXACTL~1  ", "EXACTL~2  ", "EMPTYD~1  ", "2023-11-14",
        ] {
            #expect(list.output.contains(line), "\(line)\n\(list.output)")
        }
    }
}

@Suite struct Fat32Tests {
    @Test func imageDependsOnArgumentsAlone() throws {
        let directory = try TemporaryDirectory()
        let first = try scratch(directory, "first")
        let second = try scratch(directory, "second")
        let tree = partition()
        try write(tree, to: first)
        var again = FileTree()
        for path in tree.paths.reversed() { again[path] = tree[path] }
        try write(again, to: second)
        #expect(try SHA256.hash(first) == SHA256.hash(second))
    }

    @Test func freeClustersAreFoundWhereTheInformationSectorSays() throws {
        let directory = try TemporaryDirectory()
        let image = try scratch(directory, "image")
        try write(partition(), to: image)
        func field(_ offset: Int) throws -> Int {
            try image.bytes(at: offset, count: 4).reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        let next = try field(512 + 492)
        let table = try image.bytes(at: 14, count: 2).reversed().reduce(0) { $0 << 8 | Int($1) } * 512
        #expect(try field(table + 4 * next) == 0)
        #expect(try field(table + 4 * (next - 1)) != 0)
    }

    @Test func stagedDataIsReadBelowTheSource() throws {
        let directory = try TemporaryDirectory()
        try AtomicFile.write(Array("kernel".utf8), to: directory.path + "/uki")
        var tree = FileTree()
        tree["/uki"] = Node(.file(.staged(path: "uki", size: 6)), mode: 0o644)
        var bytes = FileTree()
        bytes["/uki"] = .file("kernel")
        let staged = try scratch(directory, "staged")
        let direct = try scratch(directory, "direct")
        try write(bytes, to: direct)
        try Fat32Writer.write(
            tree, source: try Descriptor.directory(directory.path), to: staged, at: 0, sizeBytes: 64 * mebibyte,
            label: "ESP", volumeID: 0x1234_ABCD, epoch: 1_700_000_001)
        #expect(try SHA256.hash(staged) == SHA256.hash(direct))
        #expect(throws: FilesystemError.self) { try write(tree, to: staged) }
    }

    @Test(arguments: [
        ["/a", "/A"], ["/straße", "/STRASSE"], ["/a:b"], ["/a\u{1}"], ["/back\\slash"], ["/dot."], ["/space "],
        ["/what?"],
        ["/" + String(repeating: "é", count: 127) + "."],
    ])
    func namesThatFatCannotHoldAreErrors(paths: [String]) throws {
        var tree = FileTree()
        for path in paths { tree[path] = .file("") }
        let directory = try TemporaryDirectory()
        #expect(throws: FilesystemError.self) { try write(tree, to: scratch(directory, "image")) }
    }

    @Test func whatDoesNotFitIsAnError() throws {
        let directory = try TemporaryDirectory()
        let image = try scratch(directory, "image")
        var tree = FileTree()
        for kind in [.symlink("a"), Node(.fifo, mode: 0), Node(.file(.staged(path: "x", size: 1 << 32)), mode: 0)] {
            tree["/x"] = kind
            #expect(throws: FilesystemError.self) { try write(tree, to: image) }
        }
        tree["/x"] = Node(.file(.staged(path: "x", size: 64 * mebibyte)), mode: 0)
        #expect(throws: FilesystemError.self) { try write(tree, to: image) }
        for size in [0, 4096, 32 * mebibyte, 64 * mebibyte + 1, -512, .max, 2 << 40] {
            #expect(throws: FilesystemError.self) { try write(FileTree(), to: image, sizeBytes: size) }
        }
        for label in ["", "lower", "TWELVELETTER", "ÉSP", " X", "A/B"] {
            #expect(throws: FilesystemError.self) { try write(FileTree(), to: image, label: label) }
        }
        for offset in [-512, 100, 512 << 32] {
            #expect(throws: FilesystemError.self) { try write(FileTree(), to: image, at: offset) }
        }
    }
}
