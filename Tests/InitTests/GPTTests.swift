import CInit
import Glibc
import LinuxSystem
import Testing

/// A table as bytes, whose checksums hold whatever the fields say.
private struct Table {
    var entries: [(type: String, name: String, first: UInt64, last: UInt64)] = []
    var lba: UInt64 = 1, firstUsable: UInt64 = 34, lastUsable: UInt64 = 2000, arrayLBA: UInt64 = 2
    var headerSize: UInt64 = 92, count: UInt64 = 128, entrySize: UInt64 = 128
    static let diskBlocks: UInt64 = 2048

    var array: [UInt8] {
        var bytes: [UInt8] = []
        for (number, entry) in entries.enumerated() {
            let units = entry.name.utf16.flatMap { little(UInt64($0), 2) }
            bytes += guid(entry.type) + [UInt8](repeating: UInt8(number + 1), count: 16)
            bytes += little(entry.first, 8) + little(entry.last, 8) + little(0, 8)
            bytes += units + [UInt8](repeating: 0, count: 72 - units.count)
        }
        return bytes + [UInt8](repeating: 0, count: max(0, Int(count * entrySize) - bytes.count))
    }

    var header: [UInt8] {
        var bytes = Array("EFI PART".utf8) + little(0x10000, 4) + little(headerSize, 4) + little(0, 8)
        bytes += little(lba, 8) + little(2047, 8) + little(firstUsable, 8) + little(lastUsable, 8)
        bytes += [UInt8](repeating: 9, count: 16) + little(arrayLBA, 8) + little(count, 4) + little(entrySize, 4)
        bytes += little(count * entrySize <= 1 << 20 ? UInt64(crc32(array)) : 0, 4)
        bytes += [UInt8](repeating: 0, count: 512 - bytes.count)
        bytes.replaceSubrange(16..<20, with: little(UInt64(crc32(bytes.prefix(Int(min(headerSize, 512))))), 4))
        return bytes
    }

    func refusal() -> String? {
        var gpt = cinit_gpt()
        return cinit_gpt_header(header, 512, 1, Self.diskBlocks, &gpt).map { String(cString: $0) }
    }

    func partitions() -> [cinit_partition] {
        var gpt = cinit_gpt()
        guard cinit_gpt_header(header, 512, lba, Self.diskBlocks, &gpt) == nil else { return [] }
        return CInitTable.partitions(gpt, array) ?? []
    }
}

private enum CInitTable {
    /// nil where the array's checksum is wrong.
    static func partitions(_ gpt: cinit_gpt, _ array: [UInt8]) -> [cinit_partition]? {
        var gpt = gpt
        var found = [cinit_partition](repeating: cinit_partition(), count: Int(CINIT_PARTITIONS))
        let count = cinit_gpt_partitions(&gpt, array, &found, found.count)
        return count < 0 ? nil : Array(found.prefix(Int(count)))
    }
}

@Suite struct GPTTests {
    private static let root = CINIT_TYPE_ROOT, verity = CINIT_TYPE_VERITY

    @Test func bothCopiesThatSfdiskWritesAreRead() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/disk"
        try Descriptor.open(path, O_RDWR | O_CREAT).truncate(to: 64 << 20)
        let id = "01234567-89AB-CDEF-0123-456789ABCDEF"
        let script = """
            label: gpt
            size=8192, type=\(CINIT_TYPE_ESP), uuid=\(id), name=esp
            size=4096, type=\(Self.root), name=root-12
            size=2048, type=\(Self.verity), name="häß"
            """
        try AtomicFile.write(Array(script.utf8), to: directory.path + "/script")
        #expect(system("PATH=/usr/sbin:/sbin:$PATH sfdisk -q '\(path)' < '\(directory.path)/script'") == 0)
        let disk = try Descriptor.open(path)
        for lba in [1, (64 << 11) - 1] {
            var gpt = cinit_gpt()
            let refusal = cinit_gpt_header(try disk.bytes(at: lba * 512, count: 512), 512, UInt64(lba), 64 << 11, &gpt)
            #expect(refusal == nil)
            let array = try disk.bytes(at: Int(gpt.array_lba) * 512, count: cinit_gpt_array_size(&gpt))
            let partitions = try #require(CInitTable.partitions(gpt, array))
            #expect(partitions.map { text($0.name) } == ["esp", "root-12", "h??"])
            #expect(partitions.map { text($0.type) } == [CINIT_TYPE_ESP, Self.root, Self.verity])
            #expect(partitions.map { Int($0.first) } == [2048, 10240, 14336])
            #expect(partitions.map { Int($0.last) } == [10239, 14335, 16383])
            #expect(partitions.first.map { text($0.id) } == id.lowercased())
        }
    }

    @Test func everyFlippedBitIsNoticed() {
        let table = Table(entries: [(Self.root, "root-7", 40, 50)])
        let good = table.header
        for bit in 0..<92 * 8 {
            var header = good
            header[bit / 8] ^= 1 << UInt8(bit % 8)
            var gpt = cinit_gpt()
            #expect(cinit_gpt_header(header, 512, 1, Table.diskBlocks, &gpt) != nil, "bit \(bit)")
        }
        var gpt = cinit_gpt()
        #expect(cinit_gpt_header(good, 512, 1, Table.diskBlocks, &gpt) == nil)
        var array = table.array
        array[16000] ^= 1
        #expect(CInitTable.partitions(gpt, array) == nil)
    }

    @Test func hostileFieldsAreRefusedThoughTheChecksumHolds() {
        #expect(Table().refusal() == nil)
        let hostile: [(String, (inout Table) -> Void)] = [
            ("belongs elsewhere", { $0.lba = 2 }),
            ("impossible size", { $0.headerSize = 0 }),
            ("impossible size", { $0.headerSize = 91 }),
            ("impossible size", { $0.headerSize = 513 }),
            ("impossible size", { $0.headerSize = 0xffff_ffff }),
            ("larger than its disk", { $0.lastUsable = 2048 }),
            ("larger than its disk", { $0.lastUsable = .max }),
            ("larger than its disk", { $0.firstUsable = 2001 }),
            ("array of impossible size", { $0.count = 0 }),
            ("array of impossible size", { $0.count = 0xffff_ffff }),
            ("array of impossible size", { $0.count = 1025 }),
            ("array of impossible size", { $0.entrySize = 0 }),
            ("array of impossible size", { $0.entrySize = 64 }),
            ("array of impossible size", { $0.entrySize = 192 }),
            ("array of impossible size", { $0.entrySize = 0x8000_0000 }),
            ("outside its disk", { $0.arrayLBA = 0 }),
            ("outside its disk", { $0.arrayLBA = 2017 }),
            ("outside its disk", { $0.arrayLBA = .max }),
        ]
        for (reason, change) in hostile {
            var table = Table()
            change(&table)
            #expect(table.refusal()?.contains(reason) == true, "\(reason): \(table)")
        }
    }

    @Test func partitionsOutsideTheUsableBlocksAreNotSeen() {
        let table = Table(entries: [
            (Self.root, "before", 33, 40), (Self.root, "backwards", 50, 49), (Self.root, "after", 60, 2001),
            (Self.root, "huge", 60, .max), (Self.root, "root-7", 34, 2000),
        ])
        #expect(table.partitions().map { text($0.name) } == ["root-7"])
        #expect(table.partitions().map(\.number) == [5])
    }

    @Test func largerEntriesAndManyPartitionsAreRead() {
        var table = Table(entries: (0..<200).map { (Self.root, "root-\($0 + 1)", 40, 41) })
        table.count = 256
        #expect(table.partitions().count == Int(CINIT_PARTITIONS))
        table.entries = [(Self.root, String(repeating: "x", count: 36), 40, 41)]
        table.entrySize = 512
        #expect(table.partitions().map { text($0.name) } == [String(repeating: "x", count: 36)])
    }

    /// Names of the pairs in the order in which they are tried.
    private func order(_ names: [String], preferred: UInt64, room: Int = 8) -> [String] {
        let types = ["r": Self.root, "v": Self.verity]
        let partitions = Table(
            entries: names.map { (types[String($0.prefix(1))] ?? CINIT_TYPE_DATA, $0, 40, 41) }
        ).partitions()
        return partitions.withUnsafeBufferPointer { buffer in
            var pairs = [cinit_pair](repeating: cinit_pair(), count: room)
            let count = cinit_pairs(buffer.baseAddress, buffer.count, preferred, &pairs, room)
            return pairs.prefix(count).map { "\($0.root.pointee.number)/\($0.verity.pointee.number)" }
        }
    }

    @Test func chosenGenerationComesFirstThenTheNewest() {
        let names = ["root-7", "verity-7", "root-9", "verity-9", "root-8", "verity-8"]
        #expect(order(names, preferred: 7) == ["1/2", "3/4", "5/6"])
        #expect(order(names, preferred: 8) == ["5/6", "3/4", "1/2"])
        #expect(order(names, preferred: 0) == ["3/4", "5/6", "1/2"])
        #expect(order(names, preferred: 8, room: 1).count == 1)
    }

    @Test func halfPairsAndOtherNamesAreNoPairs() {
        #expect(order(["root-7", "verity-8", "root-x", "verity-x", "_empty"], preferred: 7) == [])
        #expect(order(["verity-7", "root-7"], preferred: 0) == ["2/1"])
        // A name alone does not make a root partition.
        #expect(order(["xroot-7", "verity-7"], preferred: 0) == [])
    }

    @Test func firstRootPartitionIsSlotA() {
        let partitions = Table(entries: [
            (Self.verity, "verity-7", 40, 41), (Self.root, "_empty", 42, 43), (Self.root, "root-7", 44, 45),
        ]).partitions()
        let slots = partitions.withUnsafeBufferPointer { buffer in
            buffer.indices.dropFirst().map { index in
                cinit_slot(buffer.baseAddress, buffer.count, buffer.baseAddress?.advanced(by: index))
            }
        }
        #expect(slots.map { UInt8(bitPattern: $0) } == Array("ab".utf8))
    }
}
