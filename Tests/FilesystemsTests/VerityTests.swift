import Filesystems
import Glibc
import LinuxSystem
import Testing

import struct PiscesTesting.SeededGenerator

private let uuid: [UInt8] = Array(0xA0...0xAF)

/// A file of pseudo-random bytes.
private func data(_ directory: borrowing TemporaryDirectory, blocks: Int) throws -> Descriptor {
    var generator = SeededGenerator(state: UInt64(blocks))
    let file = try scratch(directory, "data")
    try file.writeAll(generator.bytes(blocks * 4096))
    return file
}

@Suite struct VerityTests {
    /// What goes on while the process ends hashes with what libcrypto has freed.
    @Test func hasherThatIsDroppedHasNoThreadLeft() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/data"
        let file = try Descriptor.open(path, O_RDWR | O_CREAT)
        try file.truncate(to: 1 << 30)
        func openings() throws -> Int {
            let descriptors = try Descriptor.directory("/proc/self/fd")
            // Other tests open and close meanwhile.
            return try descriptors.entries().count { (try? descriptors.linkTarget($0)) == path }
        }
        do {
            let hasher = try ImageHasher(file, at: 0, salt: [])
            hasher.advance(1 << 30)
            #expect(try openings() == 2)
        }
        #expect(try openings() == 1)
    }

    @Test func hasherGivesWhatIsReadInOneGo() throws {
        let directory = try TemporaryDirectory()
        let data = try data(directory, blocks: 700)
        let hasher = try ImageHasher(data, at: 4096, salt: [1, 2])
        for blocks in [3, 300] { hasher.advance(blocks * 4096) }
        let (digest, blockDigests) = try hasher.finish(size: 699 * 4096)
        #expect(try digest == SHA256.hash(data, in: 4096..<700 * 4096))
        let ours = try scratch(directory, "ours")
        let built = try VerityTree.build(
            blockDigests: blockDigests, hash: ours, hashOffset: 0, salt: [1, 2], uuid: uuid)
        let whole = try VerityTree.build(
            data: data, dataOffset: 4096, dataSize: 699 * 4096, hash: ours, hashOffset: 0, salt: [1, 2], uuid: uuid)
        #expect(built == whole)
    }

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
        func faults(limit: Int = 16) throws -> [VerityTree.Fault] {
            try VerityTree.faults(
                data: data, dataOffset: 8192, dataSize: blocks * 4096, hash: hash, hashOffset: 4096, rootHash: root,
                limit: limit)
        }
        func flip(_ file: borrowing Descriptor, at offset: Int) throws {
            try file.writeAll([try file.bytes(at: offset, count: 1)[0] ^ 1], at: offset)
        }
        #expect(try faults().isEmpty)
        #expect(try VerityTree.dataSize(hash, at: 4096) == blocks * 4096)
        // What is not covered does not matter.
        try flip(data, at: 8191)
        #expect(try faults().isEmpty)
        for block in [0, 1, 9999, blocks - 1] {
            try flip(data, at: 8192 + block * 4096 + 77)
            let found = try faults()
            #expect(found.map(\.data) == [block * 4096..<(block + 1) * 4096] && found.map(\.tree) == [nil])
            try flip(data, at: 8192 + block * 4096 + 77)
        }
        // Superblock, top, two blocks of the middle, then 157 that cover 128 blocks of data each.
        let places: [(block: Int, data: Range<Int>)] = [
            (1, data: 0..<blocks * 4096), (2, 0..<128 * 128 * 4096), (3, 128 * 128 * 4096..<blocks * 4096),
            (4, 0..<128 * 4096), (160, 156 * 128 * 4096..<blocks * 4096),
        ]
        for place in places {
            try flip(hash, at: 4096 + place.block * 4096 + 3)
            let tree = place.block * 4096..<(place.block + 1) * 4096
            let found = try faults()
            #expect(found.map(\.data) == [place.data] && found.map(\.tree) == [tree])
            try flip(hash, at: 4096 + place.block * 4096 + 3)
        }
    }

    @Test func allChangedBlocksAreNamedButNoneBelowAChangedBlockOfTheTree() throws {
        let directory = try TemporaryDirectory()
        let data = try data(directory, blocks: 1000)
        let hash = try scratch(directory, "hash")
        let (root, _) = try VerityTree.build(
            data: data, dataOffset: 0, dataSize: 1000 * 4096, hash: hash, hashOffset: 0, salt: [7], uuid: uuid)
        for block in [5, 130, 131, 700, 900] { try data.writeAll([0, 1, 2, 3], at: block * 4096) }
        // The second block of the lowest level, at its last digest: of what it stands for nothing is known.
        try hash.writeAll([UInt8](repeating: 9, count: 32), at: 3 * 4096 + 4064)
        func faults(limit: Int) throws -> [Range<Int>] {
            try VerityTree.faults(
                data: data, dataOffset: 0, dataSize: 1000 * 4096, hash: hash, hashOffset: 0, rootHash: root,
                limit: limit
            ).map { $0.tree ?? $0.data.lowerBound / 4096..<$0.data.lowerBound / 4096 + 1 }
        }
        #expect(try faults(limit: 16) == [5..<6, 3 * 4096..<4 * 4096, 700..<701, 900..<901])
        #expect(try faults(limit: 2) == [5..<6, 3 * 4096..<4 * 4096])
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
                try VerityTree.faults(
                    data: data, dataOffset: 0, dataSize: 3 * 4096, hash: hash, hashOffset: 0, rootHash: root)
            }
        }
        try hash.writeAll(sound, at: 0)
        #expect(throws: FilesystemError.self) {
            try VerityTree.faults(
                data: data, dataOffset: 0, dataSize: 2 * 4096, hash: hash, hashOffset: 0, rootHash: root)
        }
        try hash.truncate(to: 4096)
        #expect(throws: FilesystemError.self) {
            try VerityTree.faults(
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
