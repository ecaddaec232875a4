import BlueprintModel
import Disk
import LinuxSystem
import PiscesTesting
import Testing

@testable import Constructor

@Suite struct ImagePlanTests {
    let seed = SHA256.hash(Array("blueprint".utf8))
    let rootHash = SHA256.hash(Array("root".utf8))

    func plan(_ change: (inout Blueprint) -> Void = { _ in }) throws -> ImagePlan {
        var blueprint = Blueprint(name: "test")
        change(&blueprint)
        return try ImagePlan(blueprint: blueprint, seed: seed, layout: try shippedLayout("uefi"))
    }

    @Test func tableOfTheShippedLayoutIsTheGoldenOne() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/disk"
        try PartitionTable.create(path: path, plan: try plan().partitionTable(rootHash: rootHash))
        let dump = try Command("sfdisk", ["-d", path]).run().text.replacing(path, with: "disk")
        #expect(differenceFromGolden(dump, at: "\(repository)/Images/uefi.sfdisk") == nil)
    }

    @Test func uuidsOfSlotAComeFromTheRootHash() throws {
        let table = try plan().partitionTable(rootHash: rootHash)
        let root = try #require(table.partitions.first { $0.name == "root-1" })
        let verity = try #require(table.partitions.first { $0.name == "verity-1" })
        let hex = { (guid: GUID) in guid.description.filter { $0 != "-" } }
        #expect(hex(root.guid) + hex(verity.guid) == rootHash.hex)
        #expect(Set(table.partitions.map(\.guid)).count == table.partitions.count)
    }

    @Test func otherBlueprintsHaveOtherNames() throws {
        let other = try ImagePlan(
            blueprint: Blueprint(name: "test"), seed: rootHash, layout: try shippedLayout("uefi"))
        #expect(try other.guid("data") != plan().guid("data"))
        #expect(try other.salt != plan().salt)
    }

    @Test func slotSizeOfTheBlueprintMovesWhatFollows() throws {
        let larger = try plan { $0.image.slot = 2 << 30 }
        #expect(try larger.place(.root).size == 2 << 30)
        #expect(try larger.place(.verity).size >= (2 << 30) / 128)
        for (one, next) in zip(larger.places, larger.places.dropFirst()) { #expect(one.start + one.size == next.start) }
        #expect(larger.size > (larger.places.last.map { $0.start + $0.size } ?? 0))
    }

    @Test func layoutForAnotherArchitectureIsRefused() throws {
        var layout = try shippedLayout("uefi")
        layout.architectures = [.arm64]
        #expect(throws: ConstructorError.self) {
            _ = try ImagePlan(blueprint: Blueprint(name: "test"), seed: seed, layout: layout)
        }
    }
}
