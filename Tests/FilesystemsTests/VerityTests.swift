import Filesystems
import LinuxSystem
import Testing

private let uuid: [UInt8] = Array(0xA0...0xAF)

/// A file of pseudo-random bytes.
private func data(_ directory: borrowing TemporaryDirectory, blocks: Int) throws -> Descriptor {
    var generator = SeededGenerator(state: UInt64(blocks))
    let file = try scratch(directory, "data")
    try file.writeAll(generator.bytes(blocks * 4096))
    return file
}

@Suite struct VerityTests {
    @Test(
        .enabled(if: has("veritysetup"), "needs veritysetup (cryptsetup-bin)"),
        arguments: [(1, 0), (2, 32), (128, 32), (129, 256), (700, 0), (16384, 32), (16385, 32)])
    func treeIsBitForBitThatOfVeritysetup(blocks: Int, saltSize: Int) throws {
        let directory = try TemporaryDirectory()
        let data = try data(directory, blocks: blocks)
        let salt = (0..<saltSize).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
        let ours = try scratch(directory, "ours")
        let (root, size) = try VerityTree.build(
            data: data, dataOffset: 0, dataSize: blocks * 4096, hash: ours, hashOffset: 0, salt: salt, uuid: uuid)
        let made = try #require(
            try run(
                "veritysetup", "format", directory.path + "/data", directory.path + "/theirs",
                "--salt=\(salt.isEmpty ? "-" : salt.hex)", "--uuid=a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf",
                "--root-hash-file=\(directory.path)/root"))
        try #require(made.status == 0, "\(made.output)")
        let theirs = try Descriptor.open(directory.path + "/theirs")
        #expect(try String(decoding: Descriptor.open(directory.path + "/root").readToEnd(), as: UTF8.self) == root.hex)
        #expect(try theirs.status().size == size)
        #expect(VerityTree.size(dataSize: blocks * 4096) == size)
        #expect(try SHA256.hash(theirs) == SHA256.hash(ours))
        let check = try #require(
            try run("veritysetup", "verify", directory.path + "/data", directory.path + "/ours", root.hex))
        #expect(check.status == 0, "\(check.output)")
    }

    @Test func eachChangedBlockIsFound() throws {
        let directory = try TemporaryDirectory()
        let blocks = 20000
        let data = try scratch(directory, "data", size: 8192 + blocks * 4096)
        try data.writeAll(Array("something".utf8), at: 8192 + 12345)
        let hash = try scratch(directory, "hash")
        let (root, _) = try VerityTree.build(
            data: data, dataOffset: 8192, dataSize: blocks * 4096, hash: hash, hashOffset: 4096, salt: [1, 2],
            uuid: uuid)
        func bad() throws -> Range<Int>? {
            try VerityTree.verify(
                data: data, dataOffset: 8192, dataSize: blocks * 4096, hash: hash, hashOffset: 4096, rootHash: root)
        }
        func flip(_ file: borrowing Descriptor, at offset: Int) throws {
            try file.writeAll([try file.bytes(at: offset, count: 1)[0] ^ 1], at: offset)
        }
        #expect(try bad() == nil)
        // What is not covered does not matter.
        try flip(data, at: 8191)
        #expect(try bad() == nil)
        for block in [0, 1, 9999, blocks - 1] {
            try flip(data, at: 8192 + block * 4096 + 77)
            #expect(try bad() == block * 4096..<(block + 1) * 4096)
            try flip(data, at: 8192 + block * 4096 + 77)
        }
        // Superblock, top, two blocks of the middle, then 157 that cover 128 blocks of data each.
        try flip(hash, at: 4096 + 4 * 4096 + 3)
        #expect(try bad() == 0..<128 * 4096)
        try flip(hash, at: 4096 + 4 * 4096 + 3)
        try flip(hash, at: 4096 + 3 * 4096 + 3)
        #expect(try bad() == 128 * 128 * 4096..<blocks * 4096)
        try flip(hash, at: 4096 + 3 * 4096 + 3)
        try flip(hash, at: 4096 + 4096)
        #expect(try bad() == 0..<blocks * 4096)
    }

    @Test func foreignSuperblockIsAnError() throws {
        let directory = try TemporaryDirectory()
        let data = try data(directory, blocks: 3)
        let hash = try scratch(directory, "hash")
        let (root, size) = try VerityTree.build(
            data: data, dataOffset: 0, dataSize: 3 * 4096, hash: hash, hashOffset: 0, salt: [], uuid: uuid)
        let sound = try hash.bytes(at: 0, count: size)
        // Signature, version, type, algorithm, block sizes, number of blocks, size of the salt.
        for offset in [0, 8, 12, 32, 64, 69, 72, 79, 81] {
            var broken = sound
            broken[offset] ^= 0x80
            try hash.writeAll(broken, at: 0)
            #expect(throws: FilesystemError.self, "byte \(offset)") {
                try VerityTree.verify(
                    data: data, dataOffset: 0, dataSize: 3 * 4096, hash: hash, hashOffset: 0, rootHash: root)
            }
        }
        try hash.writeAll(sound, at: 0)
        #expect(throws: FilesystemError.self) {
            try VerityTree.verify(
                data: data, dataOffset: 0, dataSize: 2 * 4096, hash: hash, hashOffset: 0, rootHash: root)
        }
        try hash.truncate(to: 4096)
        #expect(throws: FilesystemError.self) {
            try VerityTree.verify(
                data: data, dataOffset: 0, dataSize: 3 * 4096, hash: hash, hashOffset: 0, rootHash: root)
        }
    }

    @Test func impossibleParametersAreErrors() throws {
        let directory = try TemporaryDirectory()
        let data = try data(directory, blocks: 1)
        let hash = try scratch(directory, "hash")
        for (size, salt, uuid) in [
            (0, [], uuid), (4095, [], uuid), (-4096, [], uuid), (8192, [], uuid), (4096, [], [1]),
            (4096, [UInt8](repeating: 0, count: 257), uuid),
        ] as [(Int, [UInt8], [UInt8])] {
            #expect(throws: FilesystemError.self) {
                try VerityTree.build(
                    data: data, dataOffset: 0, dataSize: size, hash: hash, hashOffset: 0, salt: salt, uuid: uuid)
            }
        }
    }
}
