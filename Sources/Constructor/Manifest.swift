import BlueprintModel
import Debian
import Disk
import LinuxSystem

/// The generation manifest: what a generation is made of and what its artefacts must be.
struct Manifest {
    let blueprint: Blueprint
    let lock: Lock
    let plan: ImagePlan
    let rootHash: Digest
    let artefacts: [ImageBuilder.Artefact]
    /// The kernel image's command line.
    let commandLine: String
    /// The number by which downgrades are recognised. nil leaves it out: in the image itself, whose bits do not depend on
    /// the number under which it is published.
    let release: Int?

    /// The canonical form; it holds nothing of the host or the time of the build.
    var json: JSONValue {
        get throws {
            let table = try plan.partitionTable(rootHash: rootHash)
            var members: [String: JSONValue] = [
                "manifest": .integer(1),
                "generation": .integer(Int(ImagePlan.firstGeneration)),
                "name": .string(blueprint.name),
                "architecture": .string(blueprint.distribution.architecture.rawValue),
                "blueprint": .string(lock.blueprint.hex),
                "lock": .string(SHA256.hash(Array(lock.text.utf8)).hex),
                "epoch": .integer(Int(lock.epoch)),
                "root-hash": .string(rootHash.hex),
                "command-line": .string(commandLine),
                "artefacts": .array(artefacts.map(json)),
                "disk": .object([
                    "uuid": .string(table.diskGUID.description), "size": .integer(Int(table.sizeBytes)),
                ]),
                "partitions": .array(table.partitions.map(json)),
            ]
            members["release"] = release.map { .integer($0) }
            let schema = blueprint.image.dataSchema
            if schema != Blueprint.DataSchema() {
                members["data-schema"] = .object([
                    "version": .integer(schema.version), "floor": .integer(schema.floor),
                ])
            }
            return .object(members)
        }
    }

    private func json(_ artefact: ImageBuilder.Artefact) -> JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(artefact.name), "size": .integer(artefact.size), "sha256": .string(artefact.digest.hex),
        ]
        if artefact.name == "root" { members["filesystem"] = .string(blueprint.image.root.rawValue) }
        return .object(members)
    }

    private func json(_ partition: PlannedPartition) -> JSONValue {
        .object([
            "number": .integer(partition.number), "name": .string(partition.name),
            "type": .string(partition.type.description), "uuid": .string(partition.guid.description),
            "start": .integer(Int(partition.startBytes)), "size": .integer(Int(partition.sizeBytes)),
        ])
    }
}
