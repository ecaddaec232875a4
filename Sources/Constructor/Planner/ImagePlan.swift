import BlueprintModel
import Disk
import LinuxSystem

/// Where everything goes on the disk and what everything is called: decided before a byte is written.
///
/// Pure and total: blueprint, layout and, for the names that follow from it, the root hash. The builder has no choices.
struct ImagePlan: Equatable {
    /// A place on the disk, in bytes.
    struct Place: Equatable {
        var number: Int
        var role: ImageLayout.Role
        var slot: ImageLayout.Slot?
        var start: Int
        var size: Int
    }

    /// The generation that a new image holds in slot A; the slot machine counts on from it.
    static let firstGeneration: UInt64 = 1

    /// The least that holds an ext4 with a journal, and a /var that deserves the name.
    private static let smallestData = 16 << 20

    let architecture: Blueprint.Architecture
    let places: [Place]
    /// Size of the whole disk in bytes.
    let size: Int
    /// What every random-looking name is derived from: the blueprint's digest.
    let seed: Digest

    init(blueprint: Blueprint, seed: Digest, layout: ImageLayout) throws {
        architecture = blueprint.distribution.architecture
        guard layout.architectures.contains(architecture) else {
            throw ConstructorError(
                "layout \(layout.name) is not for \(architecture.rawValue)",
                hint: "choose another under `image: layout`")
        }
        self.seed = seed
        var places: [Place] = []
        var offset = layout.alignment
        for (index, partition) in layout.resized(for: blueprint.image).partitions.enumerated() {
            guard partition.role != .data || partition.size >= Self.smallestData else {
                throw ConstructorError(
                    "the data partition would have \(humanSize(partition.size)): /var needs "
                        + "\(humanSize(Self.smallestData)) or more", hint: "set `image: data` to a larger size")
            }
            places.append(
                Place(
                    number: index + 1, role: partition.role, slot: partition.slot, start: offset,
                    size: partition.size))
            // With room for the backup table, which takes the last 33 sectors.
            let (end, isTooLarge) = offset.addingReportingOverflow(partition.size)
            guard !isTooLarge, end <= Int.max - layout.alignment else {
                throw ConstructorError(
                    "the partitions would be larger than any disk",
                    hint: "set smaller sizes by `image: slot` and `image: data`")
            }
            offset = end
        }
        self.places = places
        size = offset + layout.alignment
    }

    /// The place of a role, in slot A where there are two.
    func place(_ role: ImageLayout.Role) throws -> Place {
        guard let place = places.first(where: { $0.role == role && $0.slot != .b }) else {
            throw ConstructorError("the layout has no \(role.rawValue) partition")
        }
        return place
    }

    // MARK: - Names

    /// A file system's or hash tree's UUID, or the like.
    func guid(_ name: String) -> GUID { GUID.derived(from: seed.bytes, name: name) }

    /// The salt of the verity tree: fixed, since a random one would make every build differ.
    var salt: [UInt8] { SHA256.hash(seed.bytes + Array("verity salt".utf8)).bytes }

    /// The partition table once the root hash is known: the pair of slot A bears the UUIDs that the Discoverable
    /// Partitions Specification derives from it, slot B is empty.
    func partitionTable(rootHash: Digest) throws -> DiskPlan {
        let pair = GUID.halves(of: rootHash)
        let generation = Self.firstGeneration
        guard let root = GUID.root(architecture: architecture.rawValue),
            let verity = GUID.rootVerity(architecture: architecture.rawValue)
        else { throw ConstructorError("no partition types are known for \(architecture.rawValue)") }
        let partitions = places.map { place in
            let (name, type, guid): (String, GUID, GUID) =
                switch (place.role, place.slot) {
                case (.esp, _): ("esp", .efiSystem, self.guid("esp"))
                case (.data, _): ("data", .variableData, self.guid("data"))
                case (.root, .b): ("_empty", root, self.guid("root-b"))
                case (.verity, .b): ("_empty", verity, self.guid("verity-b"))
                case (.root, _): ("root-\(generation)", root, pair.data)
                case (.verity, _): ("verity-\(generation)", verity, pair.hashTree)
                }
            return PlannedPartition(
                number: place.number, name: name, type: type, guid: guid, startBytes: UInt64(place.start),
                sizeBytes: UInt64(place.size), attributes: 0)
        }
        return DiskPlan(diskGUID: guid("disk"), sizeBytes: UInt64(size), partitions: partitions)
    }
}
