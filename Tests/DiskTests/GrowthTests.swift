import Disk
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@Suite struct GrowthTests: ~Copyable {
    let directory: TemporaryDirectory
    var image: String { directory.path + "/disk.img" }

    init() throws {
        let made = try TemporaryDirectory()
        try PartitionTable.create(path: made.path + "/disk.img", plan: samplePlan())
        directory = made
    }

    private func enlarge(to size: Int) throws { try Descriptor.open(image, O_RDWR).truncate(to: size) }

    @Test func lastPartitionTakesTheNewSpace() throws {
        // A disk is seldom a whole number of MiB.
        let size = (200 << 20) + 512 * 777
        try enlarge(to: size)
        #expect(try PartitionTable.read(path: image).warnings != [])
        let result = try #require(try PartitionTable.grow(path: image, partition: 6))
        var wanted = try samplePlan(sizeBytes: UInt64(size))
        #expect(result.before == wanted.partitions[5])
        wanted.partitions[5].sizeBytes = 200 * mebibyte - wanted.partitions[5].startBytes
        #expect(result.after == wanted.partitions[5])
        let layout = try PartitionTable.read(path: image)
        #expect(layout.plan == wanted)
        #expect(layout.warnings == [])
        let verdict = try shell("sfdisk -V \(image)")
        #expect(verdict.output.contains("No errors detected"))
        // The same table as one that was made for this size.
        try PartitionTable.create(path: image + "2", plan: wanted)
        #expect(try tableBytes(image) == tableBytes(image + "2"))
    }

    @Test func secondGrowthHasNothingToDo() throws {
        try enlarge(to: 100 << 20)
        #expect(try PartitionTable.grow(path: image, partition: 6) != nil)
        let before = try tableBytes(image)
        #expect(try PartitionTable.grow(path: image, partition: 6) == nil)
        #expect(try tableBytes(image) == before)
    }

    @Test func growthByLessThanAMebibyteMovesTheBackupAlone() throws {
        #expect(try PartitionTable.grow(path: image, partition: 6) != nil)
        let size = (64 << 20) + 4096
        try enlarge(to: size)
        let result = try #require(try PartitionTable.grow(path: image, partition: 6))
        #expect(result.before == result.after)
        #expect(try PartitionTable.read(path: image).warnings == [])
        #expect(try shell("sfdisk -V \(image)").output.contains("No errors detected"))
    }

    @Test func powerCutBetweenBackupAndPrimaryLosesNothing() throws {
        try enlarge(to: 100 << 20)
        let old = try tableBytes(image)
        #expect(try PartitionTable.grow(path: image, partition: 6) != nil)
        // The old primary and the new backup: what is on the disk after the first flush.
        try Descriptor.open(image, O_RDWR).writeAll(old[0], at: 0)
        let plan = try samplePlan(sizeBytes: 100 << 20)
        #expect(try PartitionTable.read(path: image).plan == plan)
        // A torn primary: the new backup alone.
        try Descriptor.open(image, O_RDWR).writeAll([UInt8](repeating: 0, count: 512), at: 512)
        #expect(try PartitionTable.read(path: image).plan.partitions.count == 6)
        #expect(try PartitionTable.grow(path: image, partition: 6) != nil)
        #expect(try shell("sfdisk -V \(image)").output.contains("No errors detected"))
    }

    @Test func partitionBeforeAnotherCannotGrow() throws {
        try enlarge(to: 100 << 20)
        let before = try tableBytes(image)
        #expect { try PartitionTable.grow(path: image, partition: 2) } throws: { "\($0)".contains("lies behind it") }
        #expect(throws: DiskError.self) { try PartitionTable.grow(path: image, partition: 9) }
        #expect(try tableBytes(image) == before)
    }

    @Test func fileSystemThatIsNoExt4IsNotResized() {
        #expect { try resizeExt4(mountPoint: "/proc") } throws: { "\($0)".contains("/proc") }
    }
}
