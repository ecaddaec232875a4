import CInit
import Glibc
import LinuxSystem
import Testing

@Suite struct VerityTests {
    private static let blocks = 300
    private static let salt = String(repeating: "c3", count: 32)

    /// A superblock, its top block and the root hash as veritysetup makes them.
    private func format(salt: String = Self.salt, options: String = "") throws -> (tree: [UInt8], root: [UInt8]) {
        let directory = try TemporaryDirectory()
        let path = directory.path
        let data = (0..<Self.blocks).flatMap { [UInt8](repeating: UInt8($0 % 251), count: 4096) }
        try AtomicFile.write(data, to: path + "/data")
        let command =
            "PATH=/usr/sbin:/sbin:$PATH veritysetup format '\(path)/data' '\(path)/tree' --salt=\(salt) \(options) "
            + "--uuid=00112233-4455-6677-8899-aabbccddeeff --root-hash-file='\(path)/hash' > '\(path)/log'"
        #expect(system(command) == 0)
        let hash = String(decoding: try Descriptor.open(path + "/hash").readToEnd(), as: UTF8.self)
        return (try Descriptor.open(path + "/tree").readToEnd(), try #require([UInt8](hex: hash.prefix(64))))
    }

    private func superblock(
        _ tree: [UInt8], data: Int = blocks * 4096, hash: Int = 5 * 4096
    ) -> (verity: cinit_verity, refusal: String?) {
        var verity = cinit_verity()
        let refusal = cinit_verity_superblock(tree, UInt64(data), UInt64(hash), &verity)
        return (verity, refusal.map { String(cString: $0) })
    }

    private func matches(_ verity: cinit_verity, _ tree: [UInt8], _ root: [UInt8]) -> Bool {
        var verity = verity
        return cinit_verity_matches(&verity, Array(tree[4096..<8192]), root)
    }

    @Test(arguments: [salt, "-", String(repeating: "07", count: 256)])
    func treeOfVeritysetupMatchesItsRootHashAlone(salt: String) throws {
        let (tree, root) = try format(salt: salt)
        let (verity, refusal) = superblock(tree)
        #expect(refusal == nil)
        #expect(verity.data_blocks == UInt64(Self.blocks))
        #expect(text(verity.uuid) == "00112233445566778899aabbccddeeff")
        // Not inside the macro: a failure would print the whole tree.
        let good = matches(verity, tree, root)
        #expect(good)
        for place in [4096, 8191] {
            var other = tree
            other[place] ^= 1
            let changed = matches(verity, other, root)
            #expect(!changed, "byte \(place)")
        }
        var otherRoot = root
        otherRoot[31] ^= 0x80
        let misled = matches(verity, tree, otherRoot)
        #expect(!misled)
    }

    @Test func tableIsThatOfTheKernel() throws {
        var verity = superblock(try format().tree).verity
        let root = [UInt8](repeating: 0xab, count: 32)
        var buffer = [CChar](repeating: 0, count: 1024)
        #expect(cinit_verity_table(&verity, "254:2", "254:3", root, &buffer, buffer.count))
        let table = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        #expect(table == "1 254:2 254:3 4096 4096 300 1 sha256 \(root.hex) \(Self.salt) 1 restart_on_corruption")
        verity.salt_size = 0
        #expect(cinit_verity_table(&verity, "254:2", "254:3", root, &buffer, buffer.count))
        #expect(!cinit_verity_table(&verity, "254:2", "254:3", root, &buffer, table.utf8.count / 2))
    }

    @Test(arguments: ["--hash=sha512", "--format=0", "--data-block-size=1024", "--hash-block-size=1024", "--hash=sha1"])
    func otherFormatsAreRefused(options: String) throws {
        #expect(superblock(try format(options: options).tree).refusal != nil)
    }

    @Test func hostileSuperblocksAreRefused() throws {
        let tree = try format().tree
        let hostile: [(Int, [UInt8], String)] = [
            (0, [0], "no verity superblock"), (8, [2], "unknown version"), (12, [0], "unknown version"),
            (32, Array("sha256x".utf8), "another hash"), (64, little(0, 4), "another size"),
            (68, little(8192, 4), "another size"),
            (72, little(0, 8), "more data"), (72, little(1, 8), "more data"), (72, little(301, 8), "more data"),
            (72, little(.max, 8), "more data"), (80, little(257, 2), "salt"), (80, little(65535, 2), "salt"),
        ]
        for (offset, bytes, reason) in hostile {
            var bad = tree
            bad.replaceSubrange(offset..<offset + bytes.count, with: bytes)
            #expect(superblock(bad).refusal?.contains(reason) == true, "\(offset): \(reason)")
        }
        // Superblock, top block and three blocks of leaves.
        #expect(superblock(tree, hash: 5 * 4096 - 1).refusal?.contains("larger than its partition") == true)
        #expect(superblock(tree, data: 300 * 4096 - 1).refusal?.contains("more data") == true)
    }
}
