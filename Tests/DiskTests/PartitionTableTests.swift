import Disk
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@Suite struct PartitionTableTests: ~Copyable {
    let directory: TemporaryDirectory
    var image: String { directory.path + "/disk.img" }

    init() throws { directory = try TemporaryDirectory() }

    @Test func tableHasTheGoldenDump() throws {
        try PartitionTable.create(path: image, plan: samplePlan())
        let dump = try shell("sfdisk -d \(image)").output.split(separator: directory.path).joined()
        #expect(differenceFromGolden(dump, "sample.sfdisk") == nil)
        let verdict = try shell("sfdisk -V \(image)")
        #expect(verdict.output.contains("No errors detected"))
        #expect(verdict.status == 0)
    }

    @Test func sameTableHasTheSameBits() throws {
        try PartitionTable.create(path: image, plan: samplePlan())
        try PartitionTable.create(path: image + "2", plan: samplePlan())
        #expect(try shell("cmp \(image) \(image)2").status == 0)
    }

    @Test func whatWasPlannedIsReadBack() throws {
        var generator = SeededGenerator(state: 7)
        for _ in 0..<20 {
            let plan = randomPlan(&generator)
            try removeTree(image)
            try PartitionTable.create(path: image, plan: plan)
            let layout = try PartitionTable.read(path: image)
            #expect(layout.plan == plan)
            #expect(layout.warnings == [])
        }
    }

    @Test func sfdiskMakesTheSameBytes() throws {
        var generator = SeededGenerator(state: 11)
        for round in 0..<6 {
            let plan = round == 0 ? try samplePlan() : randomPlan(&generator)
            try removeTree(image)
            try PartitionTable.create(path: image, plan: plan)
            let other = "\(directory.path)/other.img"
            try AtomicFile.write(Array(sfdiskScript(plan).utf8), to: directory.path + "/script")
            let made = try shell(
                "rm -f \(other); truncate -s \(plan.sizeBytes) \(other); sfdisk \(other) < \(directory.path)/script")
            #expect(made.status == 0, "\(made.output)")
            #expect(try tableBytes(image) == tableBytes(other))
            #expect(try PartitionTable.read(path: other).plan == plan)
        }
    }

    @Test func oldContentBeforeTheFirstPartitionIsCleared() throws {
        let file = try Descriptor.open(image, O_RDWR | O_CREAT)
        try file.writeAll([UInt8](repeating: 0xA5, count: 64 << 20))
        try PartitionTable.create(path: image, plan: samplePlan())
        try PartitionTable.create(path: image + "2", plan: samplePlan())
        #expect(try tableBytes(image) == tableBytes(image + "2"))
        // The partitions' own content is not the table's.
        #expect(try file.bytes(at: 1 << 20, count: 1) == [0xA5])
    }

    @Test func diskOfAnotherSizeThanPlannedIsRefused() throws {
        try PartitionTable.create(path: image, plan: samplePlan())
        let before = try tableBytes(image)
        let larger = try samplePlan(sizeBytes: 128 << 20)
        #expect(throws: DiskError.self) { try PartitionTable.create(path: image, plan: larger) }
        #expect(try tableBytes(image) == before)
    }

    @Test func updateChangesWhatItSaysAndNothingElse() throws {
        try PartitionTable.create(path: image, plan: samplePlan())
        let file = try Descriptor.open(image, O_RDWR)
        let bootCode = [UInt8](repeating: 0xEB, count: 440)
        try file.writeAll(bootCode, at: 0)
        var wanted = try samplePlan()
        wanted.partitions[3].name = "root-2"
        wanted.partitions[3].guid = guid(77)
        let written = try PartitionTable.update(path: image) { plan in
            plan.partitions[3].name = "root-2"
            plan.partitions[3].guid = guid(77)
        }
        #expect(written.plan == wanted)
        #expect(try PartitionTable.read(path: image).plan == wanted)
        #expect(try file.bytes(at: 0, count: 440) == bootCode)
        #expect(try shell("sfdisk -V \(image)").status == 0)
    }

    @Test func tableOfOthersCanBeUpdated() throws {
        // Partitions at any sector, in any order.
        let script =
            "label: gpt\\nfirst-lba: 34\\n14: start=34, size=7, name=bios\\n1: start=4097, size=999, name=odd\\n"
        let made = try shell("truncate -s 64M \(image); printf '\(script)' | sfdisk \(image)")
        #expect(made.status == 0, "\(made.output)")
        let before = try PartitionTable.read(path: image)
        #expect(before.partition(14)?.startBytes == 34 * 512)
        let after = try PartitionTable.update(path: image) { plan in plan.partitions[0].name = "new" }
        #expect(after.partition(1)?.name == "new")
        #expect(after.partition(14) == before.partition(14))
        #expect(try shell("sfdisk -V \(image)").output.contains("No errors detected"))
    }

    @Test func updateThatThrowsLeavesTheDiskAsItWas() throws {
        try PartitionTable.create(path: image, plan: samplePlan())
        let before = try tableBytes(image)
        #expect(throws: DiskError.self) {
            try PartitionTable.update(path: image) { plan in plan.partitions[1].guid = plan.partitions[0].guid }
        }
        #expect(throws: DiskError.self) { try PartitionTable.update(path: image) { plan in plan.sizeBytes += 512 } }
        #expect(try tableBytes(image) == before)
    }
}

/// Disks that are broken in one way each.
@Suite struct BrokenDiskTests: ~Copyable {
    let directory: TemporaryDirectory
    var image: String { directory.path + "/disk.img" }

    init() throws {
        let made = try TemporaryDirectory()
        try PartitionTable.create(path: made.path + "/disk.img", plan: samplePlan())
        directory = made
    }

    private func overwrite(_ bytes: [UInt8], at offset: Int) throws {
        try Descriptor.open(image, O_RDWR).writeAll(bytes, at: offset)
    }

    @Test(arguments: [
        ("primary signature", 512), ("primary checksum", 512 + 16), ("primary entry", 1024 + 60),
        ("backup signature", (64 << 20) - 512), ("backup entry", (64 << 20) - 33 * 512 + 60),
    ])
    func oneBrokenCopyIsReportedAndMended(_ name: String, _ offset: Int) throws {
        try overwrite([0xFF, 0xFF], at: offset)
        let layout = try PartitionTable.read(path: image)
        #expect(layout.plan == (try samplePlan()))
        #expect(layout.warnings != [])
        #expect(try PartitionTable.update(path: image) { _ in }.warnings == [])
        #expect(try PartitionTable.read(path: image).warnings == [])
        try PartitionTable.create(path: image + "2", plan: samplePlan())
        #expect(try tableBytes(image) == tableBytes(image + "2"))
    }

    @Test func twoBrokenCopiesAreAnError() throws {
        try overwrite([0xFF], at: 512)
        try overwrite([0xFF], at: (64 << 20) - 512)
        #expect(throws: DiskError.self) { try PartitionTable.read(path: image) }
    }

    @Test(arguments: [0, 1, 511, 512, 600, 1024, 17408, 17409, 1 << 20, 33 << 20])
    func truncatedImageNeverTraps(_ size: Int) throws {
        try Descriptor.open(image, O_RDWR).truncate(to: size)
        do {
            let layout = try PartitionTable.read(path: image)
            Issue.record("a disk whose partitions lie beyond its end was read: \(layout)")
        } catch { #expect(error.subject == image) }
    }

    @Test func garbageHasNoTable() throws {
        var generator = SeededGenerator(state: 3)
        try overwrite((0..<20_000).map { _ in UInt8.random(in: 0...255, using: &generator) }, at: 0)
        try overwrite((0..<20_000).map { _ in UInt8.random(in: 0...255, using: &generator) }, at: (64 << 20) - 20_000)
        #expect(throws: DiskError.self) { try PartitionTable.read(path: image) }
    }

    @Test func anyFlippedByteIsReadOrRefusedButNeverTraps() throws {
        var generator = SeededGenerator(state: 5)
        let plan = try samplePlan()
        let file = try Descriptor.open(image, O_RDWR)
        for _ in 0..<150 {
            let offset = Int.random(in: 440..<2048, using: &generator)
            let old = try file.bytes(at: offset, count: 1)
            try file.writeAll([UInt8.random(in: 0...255, using: &generator)], at: offset)
            // The backup is whole: what is read is either refused or right.
            if let layout = try? PartitionTable.read(path: image) { #expect(layout.plan == plan) }
            try file.writeAll(old, at: offset)
        }
    }

    @Test func nameThatCannotBeReadIsNeverRewritten() throws {
        // Half a surrogate pair and a letter.
        try forgeEntries(image) { entries in entries.replaceSubrange(56..<60, with: [0x3D, 0xD8, 0x61, 0]) }
        let before = try tableBytes(image)
        let layout = try PartitionTable.read(path: image)
        #expect(layout.warnings == [])
        #expect(layout.partition(1)?.name.contains("esp") == false)
        #expect(throws: DiskError.self) {
            try PartitionTable.update(path: image) { plan in plan.partitions[1].name = "new" }
        }
        #expect(try tableBytes(image) == before)
    }

    @Test(
        arguments: [
            ("overlap", 128 + 32, [0, 8, 0, 0, 0, 0, 0, 0]), ("start after end", 32, [0, 0, 8, 0, 0, 0, 0, 0]),
            ("end far away", 40, [255, 255, 255, 255, 255, 255, 255, 255]),
            ("end beyond all numbers", 40, [255, 255, 255, 255, 255, 255, 255, 127]),
            ("start and end far away", 32, [UInt8](repeating: 255, count: 16)),
            ("start 0", 32, [UInt8](repeating: 0, count: 8)),
        ] as [(String, Int, [UInt8])])
    func impossibleEntryWithRightChecksumsIsRefused(_ name: String, _ offset: Int, _ bytes: [UInt8]) throws {
        try forgeEntries(image) { entries in entries.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
        #expect(throws: DiskError.self, "\(name)") { try PartitionTable.read(path: image) }
    }

    @Test(
        arguments: [
            ("header size 0", 12, [0, 0, 0, 0]), ("header size 4 GiB", 12, [255, 255, 255, 255]),
            ("no entries", 80, [0, 0, 0, 0]), ("4 G entries", 80, [255, 255, 255, 255]),
            ("no entry size", 84, [0, 0, 0, 0]),
            ("entry of 4 GiB", 84, [255, 255, 255, 255]), ("entries far away", 72, [UInt8](repeating: 255, count: 8)),
            ("entries at the header", 72, [1, 0, 0, 0, 0, 0, 0, 0]),
            ("first usable far away", 40, [255, 255, 255, 255, 255, 255, 255, 255]),
            ("backup at the primary", 32, [1, 0, 0, 0, 0, 0, 0, 0]),
            ("backup far away", 32, [UInt8](repeating: 255, count: 8)),
        ] as [(String, Int, [UInt8])])
    func impossibleHeaderWithRightChecksumIsMendedOrRefused(_ name: String, _ offset: Int, _ bytes: [UInt8]) throws {
        try forgeHeader(image) { header in header.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
        guard let layout = try? PartitionTable.read(path: image) else { return }
        #expect(layout.plan == (try samplePlan()), "\(name)")
    }

    /// libfdisk would take as much memory as a header claims to need.
    @Test(arguments: [512, 0]) func headerOfMoreEntriesThanMemoryIsRefused(_ offset: Int) throws {
        let place = offset == 0 ? Int(try samplePlan().sizeBytes) - 512 : offset
        try forgeHeader(image, at: place) { header in header.replaceSubrange(80..<84, with: [0, 0, 0, 8]) }
        let error = #expect(throws: DiskError.self) { try PartitionTable.read(path: image) }
        #expect(error?.message.contains("sector \(place / 512) claims 134217728 entries of 128 bytes") == true)
        // A header that is no more than broken is mended from the other.
        try Descriptor.open(image, O_RDWR).writeAll([1], at: place + 40)
        #expect(try PartitionTable.read(path: image).plan == samplePlan())
    }

    @Test func hybridTableIsRefused() throws {
        // A second MBR entry of type 0x83.
        try overwrite([0, 0, 2, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0], at: 446 + 16)
        #expect(throws: DiskError.self) { try PartitionTable.read(path: image) }
    }

    @Test func tableOfAnotherKindIsRefused() throws {
        #expect(try shell("echo 'label: dos' | sfdisk --wipe always \(image)").status == 0)
        #expect(throws: DiskError.self) { try PartitionTable.read(path: image) }
    }

    @Test func directoryIsNoDisk() { #expect(throws: DiskError.self) { try PartitionTable.read(path: directory.path) } }

    @Test func missingFileIsNamed() {
        #expect { try PartitionTable.read(path: image + ".none") } throws: { "\($0)".contains("disk.img.none") }
    }
}

/// Plans that cannot be: each is the sample with one change.
@Suite struct DiskPlanTests {
    static let changes: [(String, @Sendable (inout DiskPlan) -> Void)] = [
        ("overlaps", { $0.partitions[2].startBytes -= mebibyte }),
        ("same place", { $0.partitions[2].startBytes = $0.partitions[1].startBytes }),
        ("beyond the end", { $0.partitions[5].sizeBytes += 64 << 20 }),
        ("over the backup table", { $0.partitions[5].sizeBytes = (64 << 20) - $0.partitions[5].startBytes }),
        ("overflows", { $0.partitions[5].sizeBytes = .max & ~4095 }),
        ("start overflows", { $0.partitions[5].startBytes = .max & ~(mebibyte - 1) }),
        ("zero size", { $0.partitions[3].sizeBytes = 0 }),
        ("misaligned start", { $0.partitions[5].startBytes += 4096 }),
        ("misaligned size", { $0.partitions[5].sizeBytes -= 512 }),
        ("half a sector", { $0.partitions[5].sizeBytes -= 1 }),
        ("inside the table", { $0.partitions[0].startBytes = 0 }),
        ("number 0", { $0.partitions[0].number = 0 }),
        ("number 129", { $0.partitions[0].number = 129 }),
        ("number twice", { $0.partitions[0].number = 2 }),
        ("GUID twice", { $0.partitions[0].guid = $0.partitions[1].guid }),
        ("GUID of the disk", { $0.partitions[0].guid = $0.diskGUID }),
        ("37 letters", { $0.partitions[0].name = String(repeating: "x", count: 37) }),
        ("newline in the name", { $0.partitions[0].name = "a\nb" }),
        ("NUL in the name", { $0.partitions[0].name = "a\0b" }),
        ("name outside UCS-2", { $0.partitions[0].name = "🐟" }),
        ("no type", { plan in GUID(bytes: [UInt8](repeating: 0, count: 16)).map { plan.partitions[0].type = $0 } }),
        ("no space at all", { $0.sizeBytes = 0 }),
        ("smaller than the tables", { $0.sizeBytes = 20_480 }),
        ("odd disk", { $0.sizeBytes += 1 }),
        ("impossible disk", { $0.sizeBytes = .max - 511 }),
    ]

    @Test(arguments: changes.indices) func impossiblePlanIsRefused(_ index: Int) throws {
        let (name, change) = Self.changes[index]
        var plan = try samplePlan()
        try plan.check()
        change(&plan)
        #expect(throws: DiskError.self, "\(name)") { try plan.check() }
        let directory = try TemporaryDirectory()
        #expect(throws: DiskError.self, "\(name)") {
            try PartitionTable.create(path: directory.path + "/disk.img", plan: plan)
        }
        #expect(try Descriptor.directory(directory.path).entries() == [])
    }

    @Test func errorNamesDiskPartitionAndFigure() throws {
        var plan = try samplePlan()
        plan.partitions[2].startBytes -= mebibyte
        #expect { try plan.check("disk.img") } throws: {
            "\($0)"
                == "disk.img: partition 3 \"root-1-verity\" starts at byte 25165824, inside partition 2 \"root-1\", "
                + "which ends at 26214400"
        }
    }

    @Test func smallestDiskHoldsAPartition() throws {
        let size = 2 * mebibyte + 33 * 512
        let partition = PlannedPartition(
            number: 1, name: "", type: .linuxGeneric, guid: guid(1), startBytes: mebibyte, sizeBytes: mebibyte)
        let plan = DiskPlan(diskGUID: guid(0), sizeBytes: size, partitions: [partition])
        let directory = try TemporaryDirectory()
        try PartitionTable.create(path: directory.path + "/disk.img", plan: plan)
        #expect(try PartitionTable.read(path: directory.path + "/disk.img").plan == plan)
    }
}
