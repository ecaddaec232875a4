import Controller
import Disk
import Glibc
import LinuxSystem
import SlotMachine
import Testing

@Suite struct ControllerTests {
    let storage: Storage

    init() throws {
        storage = try Storage()
        try storage.addEntry("pisces-1.conf", image: SHA256.hash([1]))
    }

    private func bytes() throws -> Digest { try SHA256.hash(Descriptor.open(storage.disk)) }

    @Test func upgradeIsStagedThenArmed() throws {
        var controller = try storage.controller()
        #expect(try controller.start() == [])
        #expect(try controller.upgrade(try upgrade()) == [])
        #expect(controller.record.phase == .staged)
        #expect(try storage.names("loader/entries") == ["pisces-1.conf"])
        // Flipped by another process, which knows no more than the record.
        controller = try storage.controller()
        #expect(try controller.start() == [] && controller.flip() == [])
        #expect(try storage.names("loader/entries") == ["pisces-1.conf", "pisces-2+3.conf"])
        let plan = try PartitionTable.read(path: storage.disk).plan
        #expect(plan.partitions[3].name == "root-2" && plan.partitions[4].name == "verity-2")
        let tree = try upgrade().read(.hashTree, 0, 8192)
        #expect(tree.count == 8192)
        #expect(try Descriptor.open(storage.disk).bytes(at: 5 << 20, count: 8192) == tree)
        #expect(try controller.cancel() == [])
        #expect(try storage.names("loader/entries") == ["pisces-1.conf"])
        #expect(try storage.controller().record.phase == .idle)
    }

    @Test func whatDoesNotFitIsRefusedWithNumbersBeforeAnythingChanges() throws {
        let before = try bytes()
        var controller = try storage.controller()
        let error = #expect(throws: ControllerError.self) {
            try controller.upgrade(try upgrade(rootBytes: (1 << 20) + 4096))
        }
        #expect(error?.kind == .space)
        #expect(error?.message.contains("1052672 bytes") == true && error?.message.contains("has 1048576") == true)
        var empty = try upgrade()
        empty.root.sizeBytes = 0
        #expect(throws: ControllerError.self) { try controller.upgrade(empty) }
        #expect(throws: ControllerError.self) { try controller.upgrade(try upgrade(String(repeating: "n", count: 65))) }
        var large = try upgrade()
        large.kernelImage.sizeBytes = 1 << 50
        #expect(throws: ControllerError.self) { try controller.upgrade(large) }
        #expect(try bytes() == before)
        #expect(try Descriptor.directory(storage.state).entries() == [])
    }

    @Test func sourceThatEndsEarlyCanGoOnLater() throws {
        var cut = try upgrade()
        let read = cut.read
        cut.read = { artefact, offset, count in
            artefact == .hashTree ? [] : try read(artefact, offset, count)
        }
        var controller = try storage.controller(flushBytes: 8192)
        let error = #expect(throws: ControllerError.self) { try controller.upgrade(cut) }
        #expect(error?.kind == .source)
        #expect(error?.message.contains("ends at byte 0, but the manifest tells of more") == true)
        let device = try WatchedDevice(path: storage.disk)
        controller = try storage.controller(disk: device)
        #expect(try controller.start() == [])
        #expect(controller.record.phase == .interrupted && controller.record.written == 16384)
        #expect(try controller.upgrade(try upgrade()) == [])
        #expect(controller.record.phase == .staged)
        // The first 16 KiB are not written again.
        #expect(device.writes.filter { (4 << 20..<5 << 20).contains($0) } == [(4 << 20) + 16384])
    }

    @Test func whatTheDiskSpoilsIsFoundOut() throws {
        let device = try WatchedDevice(path: storage.disk)
        device.isSpoiling = true
        var controller = try storage.controller(disk: device)
        #expect(try controller.upgrade(try upgrade()) == [.alarm(.corrupt(2))])
        #expect(controller.record.phase == .interrupted && controller.record.written == 0)
        #expect(try controller.flip() == [.refused(.nothingStaged)])
        device.isSpoiling = false
        #expect(try controller.upgrade(try upgrade()) == [])
        #expect(controller.record.phase == .staged)
    }

    @Test func withoutAnEntryToFallBackToNothingIsInstalled() throws {
        try Descriptor.directory(storage.esp + "/loader/entries").unlink("pisces-1.conf")
        let before = try bytes()
        var controller = try storage.controller()
        #expect(try controller.upgrade(try upgrade()) == [.refused(.noFallback)])
        #expect(try bytes() == before)
    }

    @Test func recordOfANewerPiscesStopsThisOne() throws {
        var controller = try storage.controller()
        #expect(try controller.upgrade(try upgrade()) == [])
        let body = Array("pisces-record 2\nsequence 99\n".utf8)
        let padded = body + [UInt8](repeating: 0, count: RecordCopy.sizeBytes - 74 - body.count)
        try AtomicFile.write(
            Array("checksum \(SHA256.hash(padded))\n".utf8) + padded, to: storage.state + "/record-0")
        let error = #expect(throws: ControllerError.self) { try storage.controller() }
        #expect(error?.kind == .record)
    }

    /// What a dishonest or careless builder can make: all digests fit, but the tree does not vouch for the root.
    @Test func rootThatItsHashDoesNotVouchForIsNotArmed() throws {
        var controller = try storage.controller()
        var foreign = try upgrade()
        foreign.rootHash = SHA256.hash([9])
        #expect(try controller.upgrade(foreign) == [.alarm(.corrupt(2))])
        #expect(controller.record.phase == .interrupted)
        #expect(try controller.flip() == [.refused(.nothingStaged)])
    }

    @Test func newestWholeCopyOfTheRecordWins() throws {
        var controller = try storage.controller()
        #expect(try controller.upgrade(try upgrade()) == [] && controller.flip() == [])
        let files = try ["record-0", "record-1"].map { try Descriptor.open("\(storage.state)/\($0)").readToEnd() }
        let copies = try files.map { try RecordCopy(parsing: $0) }
        let newest = copies[0].sequence > copies[1].sequence ? 0 : 1
        #expect(copies[newest].record.phase == .armed && copies[1 - newest].record.phase == .staged)
        #expect(copies[newest].sequence == copies[1 - newest].sequence + 1)
        try Descriptor.open("\(storage.state)/record-\(newest)", O_RDWR).writeAll([0], at: 100)
        #expect(try storage.controller().record.phase == .staged)
        try Descriptor.open("\(storage.state)/record-\(1 - newest)", O_RDWR).truncate(to: 300)
        #expect(try storage.controller().record.phase == .idle)
    }
}
