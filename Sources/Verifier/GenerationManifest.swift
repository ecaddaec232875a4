internal import BlueprintModel
public import Disk
public import LinuxSystem

/// What a generation must be: the JSON file beside a disk image, as the constructor writes it.
public struct GenerationManifest: Sendable, Equatable {
    /// A file or file system of the generation.
    public struct Artefact: Sendable, Equatable {
        /// Bytes.
        public var size: Int
        /// SHA-256 of them.
        public var digest: Digest
    }

    /// The form of the data under `/var`.
    public struct DataSchema: Sendable, Equatable {
        /// The version that this system writes.
        public var version: UInt64 = 0
        /// The oldest version of a system that can still work with what this one wrote; at most ``version``.
        public var floor: UInt64 = 0

        /// Makes a form from its numbers.
        public init(version: UInt64 = 0, floor: UInt64 = 0) {
            self.version = version
            self.floor = floor
        }
    }

    /// What messages call the manifest.
    public var file: String
    /// The generation's number.
    public var generation: UInt64
    /// The blueprint's name.
    public var name: String
    /// Debian's name of the architecture.
    public var architecture: String
    /// The time of all files, in seconds since 1970.
    public var epoch: Int64
    /// The number by which downgrades are recognised; 0 where the manifest has none.
    public var release: UInt64
    /// The kernel image's whole command line; nil where the manifest does not tell it.
    public var commandLine: String?
    /// The form of the data under `/var`; both numbers are 0 where the manifest tells nothing.
    public var dataSchema: DataSchema
    /// The root's file system, as the manifest names it; `erofs` where it does not.
    public var rootFilesystem: String
    /// The root hash of the verity tree.
    public var rootHash: Digest
    /// The root file system.
    public var root: Artefact
    /// The hash tree.
    public var hashTree: Artefact
    /// The unified kernel image.
    public var kernelImage: Artefact
    /// The disk's partition table.
    public var table: DiskPlan

    /// The file systems that a root may be.
    public static let rootFilesystems = Blueprint.RootFileSystem.allCases.map(\.rawValue)

    /// Reads a manifest; keys that are not known are passed over.
    ///
    /// - Parameter file: what messages call the document.
    public init(parsing bytes: [UInt8], file: String) throws(VerificationError) {
        let reader: Reader
        do throws(DocumentError) {
            reader = Reader(value: try JSONValue(parsing: bytes, file: file), file: file, place: "")
        } catch {
            throw VerificationError("\(error)")
        }
        guard try reader.integer("manifest") == 1 else {
            throw VerificationError(
                "\(file): a manifest of version \(try reader.integer("manifest")) is not known here")
        }
        self.file = file
        generation = UInt64(try reader.integer("generation"))
        name = try reader.text("name")
        architecture = try reader.text("architecture")
        epoch = Int64(try reader.integer("epoch"))
        release = UInt64(try reader.optional("release") ?? 0)
        commandLine = reader.value["command-line"] == nil ? nil : try reader.text("command-line")
        dataSchema = DataSchema()
        if let object = reader.value["data-schema"] {
            let schema = Reader(value: object, file: file, place: "data-schema: ")
            dataSchema = DataSchema(
                version: UInt64(try schema.optional("version") ?? 0), floor: UInt64(try schema.optional("floor") ?? 0))
            guard object.object != nil, dataSchema.floor <= dataSchema.version else {
                throw VerificationError(
                    "\(file): data-schema is no object with a `floor` of at most its `version`")
            }
        }
        rootHash = try reader.value("root-hash", "a digest") { Digest(hex: $0.string ?? "") }
        let artefacts = try reader.list("artefacts")
        func entry(_ name: String) throws(VerificationError) -> Reader {
            let found = artefacts.filter { $0.value["name"]?.string == name }
            guard let artefact = found.first, found.count == 1 else {
                throw VerificationError("\(file): there must be one artefact \(name)")
            }
            return artefact
        }
        func artefact(_ name: String) throws(VerificationError) -> Artefact {
            let artefact = try entry(name)
            return Artefact(
                size: try artefact.integer("size"),
                digest: try artefact.value("sha256", "a digest") { Digest(hex: $0.string ?? "") })
        }
        root = try artefact("root")
        let rootEntry = try entry("root")
        rootFilesystem = rootEntry.value["filesystem"] == nil ? "erofs" : try rootEntry.text("filesystem")
        hashTree = try artefact("verity")
        kernelImage = try artefact("uki")
        let disk = try reader.value("disk", "an object") {
            $0.object.map { Reader(value: .object($0), file: file, place: "disk: ") }
        }
        table = DiskPlan(
            diskGUID: try disk.guid("uuid"), sizeBytes: UInt64(try disk.integer("size")), partitions: [])
        for partition in try reader.list("partitions") {
            table.partitions.append(
                PlannedPartition(
                    number: try partition.integer("number"), name: try partition.text("name"),
                    type: try partition.guid("type"), guid: try partition.guid("uuid"),
                    startBytes: UInt64(try partition.integer("start")),
                    sizeBytes: UInt64(try partition.integer("size"))))
        }
    }

    /// Gets values out of a JSON object, or says what is wrong with them.
    private struct Reader {
        let value: JSONValue
        let file: String
        let place: String

        func value<Value>(
            _ key: String, _ kind: String, _ read: (JSONValue) -> Value?
        ) throws(VerificationError) -> Value {
            guard let found = value[key] else { throw VerificationError("\(file): \(place)\(key) is missing") }
            guard let result = read(found) else { throw VerificationError("\(file): \(place)\(key) is not \(kind)") }
            return result
        }

        func text(_ key: String) throws(VerificationError) -> String { try value(key, "a text", \.string) }

        func integer(_ key: String) throws(VerificationError) -> Int {
            try value(key, "a whole number from 0 on") { $0.integer.flatMap { $0 < 0 ? nil : $0 } }
        }

        func optional(_ key: String) throws(VerificationError) -> Int? {
            value[key] == nil ? nil : try integer(key)
        }

        func guid(_ key: String) throws(VerificationError) -> GUID {
            try value(key, "a UUID") { GUID($0.string ?? "") }
        }

        func list(_ key: String) throws(VerificationError) -> [Reader] {
            try value(key, "a list", \.array).enumerated().map {
                Reader(value: $0.element, file: file, place: "\(key), element \($0.offset + 1): ")
            }
        }
    }
}

/// Why something could not be verified at all.
public struct VerificationError: Error, Sendable, CustomStringConvertible {
    /// What, where and why.
    public let description: String

    init(_ description: String) { self.description = description }
}
