import Disk
import Filesystems
import Glibc
import LinuxSystem

extension FuzzTarget {
    /// Disks and what is on them.
    static let disks = [gpt, superblock, erofs, verity]

    /// The disk of the seed: 32 MiB, with all that its tables occupy in the first and the last 34 sectors.
    private static let diskSize = 32 << 20
    private static let disk = Result {
        var start: UInt64 = 1 << 20
        var plan = DiskPlan(
            diskGUID: .derived(from: [], name: "disk"), sizeBytes: UInt64(diskSize), partitions: [])
        for (number, name) in ["esp", "root-1", "verity-1", "data"].enumerated() {
            plan.partitions.append(
                PlannedPartition(
                    number: number + 1, name: name, type: .linuxGeneric, guid: .derived(from: [], name: name),
                    startBytes: start, sizeBytes: 1 << 20))
            start += 2 << 20
        }
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/disk"
        try PartitionTable.create(path: path, plan: plan)
        let file = try Descriptor.open(path)
        return (
            head: try file.bytes(at: 0, count: 34 * 512), tail: try file.bytes(at: diskSize - 33 * 512, count: 33 * 512)
        )
    }

    /// Where the parts of an input go: MBR, header, four entries; the backup's four entries and its header.
    private static let pieces = [(0, 512), (512, 92), (1024, 512), (-33 * 512, 512), (-512, 92)]

    /// A first byte with bit 0 has all checksums mended, one with bit 1 has the backup read alone.
    private static let gpt = FuzzTarget(
        "gpt", words: ["EFI PART", "_empty"],
        seeds: {
            let (head, tail) = try disk.get()
            let table = pieces.flatMap { start, count in
                start < 0 ? tail.padded(tail.count + start, count) : head.padded(start, count)
            }
            return [[1] + table, [3] + table, [0] + table]
        },
        read: { input in
            let flags = input.first ?? 0
            var (head, tail) = try disk.get()
            var rest = input.dropFirst()
            for (start, count) in pieces {
                if start < 0 {
                    tail.overwrite(rest.prefix(count), at: tail.count + start)
                } else {
                    head.overwrite(rest.prefix(count), at: start)
                }
                rest = rest.dropFirst(count)
            }
            if flags & 1 != 0 {
                mendChecksums(&head, header: 512, entries: 1024)
                mendChecksums(&tail, header: 32 * 512, entries: 0)
            }
            if flags & 2 != 0 { head.overwrite([UInt8](repeating: 0, count: 8), at: 512) }
            let whole = (head, tail)
            try withFile(whole.0, size: diskSize) { file in
                try file.writeAll(whole.1, at: diskSize - whole.1.count)
                try readTable(file)
            }
        })

    private static func readTable(_ file: borrowing Descriptor) throws {
        let layout = try PartitionTable.read(path: path(of: file))
        for partition in layout.plan.partitions {
            guard partition.endBytes <= diskSize else { throw BrokenLaw("a partition lies on its disk") }
            _ = try Superblock.probe(file, offset: partition.startBytes, size: partition.sizeBytes)
        }
        guard let last = layout.plan.partitions.max(by: { $0.startBytes < $1.startBytes }),
            let result = try PartitionTable.grow(path: path(of: file), partition: last.number)
        else { return }
        var wanted = layout.plan
        for index in wanted.partitions.indices where wanted.partitions[index].number == last.number {
            wanted.partitions[index] = result.after
        }
        try expectSame("a table that was written reads back", wanted) {
            let again = try PartitionTable.read(path: path(of: file))
            if !again.warnings.isEmpty { throw BrokenLaw("there is something to mend: \(again.warnings)") }
            return again.plan
        }
    }

    private static func mendChecksums(_ table: inout [UInt8], header: Int, entries: Int) {
        let size = table.little(header + 80, 4).multipliedReportingOverflow(by: table.little(header + 84, 4))
        if !size.overflow, size.partialValue <= 32 * 512 {
            table.overwrite(
                little(UInt64(~CRC.iso.sum(table.padded(entries, Int(size.partialValue)))), 4), at: header + 88)
        }
        table.overwrite([0, 0, 0, 0], at: header + 16)
        let headerSize = Int(min(table.little(header + 12, 4), 512))
        table.overwrite(little(UInt64(~CRC.iso.sum(table.padded(header, headerSize))), 4), at: header + 16)
    }

    /// The start of a file system of at most 64 MiB.
    private static let superblock = FuzzTarget(
        "superblock", words: ["hsqs", "LUKS\u{ba}\u{be}", "verity\u{0}\u{0}", "SWAPSPACE2", "LABELONE", "FAT32   "],
        seeds: {
            let file = "truncate -s 64M d; "
            let first = "head -c 16384 d > out"
            return [
                try made("\(file)mkfs.ext4 -q -U 01234567-89ab-cdef-0123-456789abcdef -L a d; \(first)"),
                try made("\(file)mkfs.vfat -F 32 -i 12345678 -n A d > /dev/null; \(first)"),
                try made("\(file)mkswap -q -L a d; \(first)"),
                try made("mkdir t; mkfs.erofs d t > /dev/null 2>&1; \(first)"),
                try made("\(file)veritysetup format d h --salt=00 > /dev/null; head -c 4096 h > out"),
            ]
        },
        read: { input in
            try withFile(input, size: 64 << 20) { file in
                let found = try Superblock.probe(file, offset: 0, size: 64 << 20)
                if found == nil { throw FilesystemError.parameter("nothing is there") }
            }
        })

    /// A first byte of 1 has the superblock's checksum mended.
    private static let erofs = FuzzTarget(
        "erofs", words: ["security.", "user.a"],
        seeds: {
            var tree = FileTree()
            tree["/"] = .directory()
            tree["/d"] = .directory()
            tree["/d/a"] = .file("a")
            tree["/d/b"] = .symlink("a")
            tree["/d/c"] = .hardlink(to: "/d/a")
            tree["/e"] = Node(
                .file(.bytes([UInt8](repeating: 7, count: 5000))), mode: 0o755, uid: 0, gid: 0, modified: 1,
                xattrs: ["security.capability": [1, 2, 3], "user.a": []])
            let options = ErofsWriter.Options(uuid: Array(1...16), label: "a", epoch: 1)
            let directory = try TemporaryDirectory()
            let file = try Descriptor.open("\(directory.path)/image", O_RDWR | O_CREAT)
            _ = try ErofsWriter.write(tree, source: Descriptor.directory("/"), to: file, at: 0, options: options)
            let others = try made("mkdir t; echo a > t/a; ln -s a t/b; mkfs.erofs -T1 d t > /dev/null 2>&1; mv d out")
            return [[1] + (try file.bytes(at: 0, count: file.status().size)), [1] + others]
        },
        read: { input in
            var image = Array(input.dropFirst())
            if input.first == 1 {
                image.overwrite([0, 0, 0, 0], at: 1028)
                image.overwrite(little(UInt64(CRC.castagnoli.sum(image.padded(1024, 3072))), 4), at: 1028)
            }
            let bytes = image
            try withFile(bytes) { file in
                let reader = try ErofsReader.open(file)
                let tree = try reader.tree()
                var budget = 16 << 20
                for path in tree.paths {
                    guard case .file(.staged(_, let size)) = tree[path]?.kind, size <= budget else { continue }
                    budget -= size
                    let count = try reader.contents(of: path, limit: 1 << 20).count
                    guard count == size else { throw BrokenLaw("a file has the size that the tree says") }
                }
            }
        })

    /// The first byte is the number of blocks of data, the rest the hash area.
    private static let verity = FuzzTarget(
        "verity", words: ["verity\u{0}\u{0}", "sha256"],
        seeds: {
            try [1, 2, 130].map { blocks in
                try [UInt8(blocks)]
                    + made(
                        """
                        truncate -s \(blocks * 4096) d
                        veritysetup format d out --salt=0102 --uuid=01234567-89ab-cdef-0123-456789abcdef > /dev/null
                        """)
            }
        },
        read: { input in
            let size = Int(input.first ?? 0) * 4096
            try withFile([], size: size) { data in
                try withFile(Array(input.dropFirst()), size: 4 * 4096) { hash in
                    _ = try VerityTree.dataSize(hash, at: 0)
                    let bad = try VerityTree.faults(
                        data: data, dataOffset: 0, dataSize: size, hash: hash, hashOffset: 0, rootHash: SHA256.hash([])
                    ).first?.data
                    guard let bad, bad.lowerBound >= 0, bad.upperBound <= size, !bad.isEmpty else {
                        throw BrokenLaw("no tree vouches with a made-up root hash, and what is bad lies in the data")
                    }
                }
            }
        })
}
