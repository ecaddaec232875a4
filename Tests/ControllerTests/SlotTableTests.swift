import Disk
import Glibc
import LinuxSystem
import PiscesTesting
import SlotMachine
import Testing

@testable import Controller

@Suite struct SlotTableTests {
    let storage: Storage
    let device: WatchedDevice
    let table: SlotTable
    private static let tail = Storage.sizeBytes - 33 * 512

    init() throws {
        storage = try Storage()
        device = try WatchedDevice(path: storage.disk)
        table = SlotTable(device: device)
    }

    private func verify() throws {
        let verdict = try shell("sfdisk --verify \(storage.disk)")
        #expect(verdict.status == 0 && verdict.output.contains("No errors detected"), "\(verdict.output)")
    }

    @Test func passivePairGetsItsNamesAndNothingElseChanges() throws {
        let file = try Descriptor.open(storage.disk, O_RDWR)
        let bootCode = [UInt8](repeating: 0xEB, count: 440)
        try file.writeAll(bootCode, at: 0)
        let hash = SHA256.hash([2])
        try table.name(.b, generation: 12, rootHash: hash)
        var wanted = Storage.plan
        wanted.partitions[3].name = "root-12"
        wanted.partitions[3].guid = GUID.halves(of: hash).data
        wanted.partitions[4].name = "verity-12"
        wanted.partitions[4].guid = GUID.halves(of: hash).hashTree
        #expect(try PartitionTable.read(path: storage.disk).plan == wanted)
        #expect(try file.bytes(at: 0, count: 440) == bootCode)
        #expect(device.writes == [Self.tail, 0])
        try verify()
    }

    @Test func sameSystemInBothSlotsHasNoUUIDTwice() throws {
        try table.name(.b, generation: 2, rootHash: Storage.rootHash)
        let plan = try PartitionTable.read(path: storage.disk).plan
        #expect(Set(plan.partitions.map(\.guid)).count == plan.partitions.count)
        #expect(plan.partitions[3].guid == GUID.derived(from: Storage.rootHash.bytes, name: "root-b"))
        #expect(plan.partitions[4].guid == GUID.derived(from: Storage.rootHash.bytes, name: "verity-b"))
        try verify()
        // Again it is the same, and nothing is written.
        let count = device.writes.count
        try table.name(.b, generation: 2, rootHash: Storage.rootHash)
        #expect(device.writes.count == count)
    }

    @Test func clearedPairIsEmpty() throws {
        try table.name(.b, generation: 2, rootHash: SHA256.hash([2]))
        try table.clear(.b)
        let plan = try PartitionTable.read(path: storage.disk).plan
        #expect(plan.partitions[3...4].map(\.name) == ["_empty", "_empty"])
        #expect(plan.partitions[1].name == "root-1")
        try verify()
    }

    @Test(arguments: [512, 512 + 16, 1024 + 60, (8 << 20) - 33 * 512 + 60, (8 << 20) - 512])
    func tornCopyIsMendedBeforeTheOtherIsTouched(_ offset: Int) throws {
        let file = try Descriptor.open(storage.disk, O_RDWR)
        try file.writeAll([0xFF, 0xFF], at: offset)
        try table.name(.b, generation: 2, rootHash: SHA256.hash([2]))
        let broken = offset < 1 << 20 ? 0 : Self.tail
        #expect(device.writes == [broken, Self.tail, 0])
        #expect(try PartitionTable.read(path: storage.disk).warnings == [])
        try verify()
    }

    @Test func eachCopyIsLookedAtByItself() throws {
        let whole = try table.areBothCopiesWhole()
        #expect(whole.primary && whole.backup)
        try Descriptor.open(storage.disk, O_RDWR).writeAll([0xFF], at: 512 + 16)
        let torn = try table.areBothCopiesWhole()
        #expect(!torn.primary && torn.backup)
    }

    @Test func tornBackupIsSeen() throws {
        try Descriptor.open(storage.disk, O_RDWR).writeAll([0xFF], at: (8 << 20) - 512)
        let torn = try table.areBothCopiesWhole()
        #expect(torn.primary && !torn.backup)
    }

    /// As a power cut between the two leaves them: libfdisk has nothing to say of it.
    @Test func copiesThatDifferBecomeThePrimary() throws {
        let file = try Descriptor.open(storage.disk, O_RDWR)
        let head = try file.bytes(at: 0, count: 34 * 512)
        try table.name(.b, generation: 2, rootHash: SHA256.hash([2]))
        try file.writeAll(head, at: 0)
        #expect(try PartitionTable.read(path: storage.disk).warnings == [])
        let count = device.writes.count
        try table.repair()
        #expect(Array(device.writes[count...]) == [Self.tail])
        #expect(try PartitionTable.read(path: storage.disk).plan == Storage.plan)
        try file.writeAll([0xFF], at: 512)
        #expect(try PartitionTable.read(path: storage.disk).plan == Storage.plan)
    }

    @Test func wholeTableIsLeftAlone() throws {
        try table.repair()
        #expect(device.writes == [])
    }

    @Test func diskWithoutTwoSlotsIsRefused() throws {
        var plan = Storage.plan
        plan.partitions.remove(at: 3)
        try PartitionTable.create(path: storage.disk, plan: plan)
        let error = #expect(throws: ControllerError.self) { try table.clear(.b) }
        #expect(error?.kind == .table)
        #expect(error?.description.contains("two root and two verity") == true)
        try Descriptor.open(storage.disk, O_RDWR).truncate(to: 1000)
        let small = SlotTable(device: try DescriptorDevice(path: storage.disk))
        #expect(throws: ControllerError.self) { try small.repair() }
    }
}
