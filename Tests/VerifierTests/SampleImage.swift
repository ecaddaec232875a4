import BlueprintModel
import BootArtefacts
import Disk
import Filesystems
import Glibc
import LinuxSystem
import PiscesTesting
import Testing
import Verifier

private let mebibyte = 1 << 20

/// A disk image in small: everything that a real one has, written by the same code, and its manifest.
final class SampleImage: Sendable {
    /// Where the parts are, in bytes.
    enum Place {
        static let systemPartition = 1 * mebibyte..<65 * mebibyte
        static let root = 65 * mebibyte..<69 * mebibyte
        static let tree = 69 * mebibyte..<70 * mebibyte
        static let emptyRoot = 70 * mebibyte..<74 * mebibyte
        static let emptyTree = 74 * mebibyte..<75 * mebibyte
        static let data = 75 * mebibyte..<83 * mebibyte
        static let disk = 0..<84 * mebibyte
    }

    static let epoch: Int64 = 1_700_000_000
    static let small = "a text beside its inode\n"
    static let shared = Result { try SampleImage(name: "sample") }
    static let other = Result { try SampleImage(name: "other") }
    /// Its boot loader and kernel image have a signature.
    static let signed = Result { try SampleImage(name: "signed", key: try TestKey("Pisces test").signingKey()) }

    /// Roots of other kinds, by the tools that make them from a directory: `mkfs FILE DIRECTORY`.
    static let otherRoots = [
        "ext4": "mke2fs -q -t ext4 -b 4096 -d $2 $1 2M", "compressed EROFS": "mkfs.erofs -zlz4hc -T1700000000 $1 $2",
        "squashfs": "mksquashfs $2 $1 -quiet -no-progress",
    ]

    let file: Descriptor
    let manifest: JSONValue
    let rootSize: Int
    let treeSize: Int
    let kernelImagePath: String

    /// Where a byte of a large file of the root is.
    func place(of name: String, _ offset: Int) -> Int {
        let content = name == "large" ? Self.large : Self.second
        let root = (try? file.bytes(at: Place.root.lowerBound, count: rootSize)) ?? []
        return Place.root.lowerBound + (position(of: Array(content.prefix(64)), in: root) ?? 0) + offset
    }

    private static let large = content(5, 1_500_000)
    private static let second = content(6, 70_000)
    private static func content(_ seed: UInt64, _ count: Int) -> [UInt8] {
        var generator = SeededGenerator(state: seed)
        return generator.bytes(count)
    }

    init(name: String, key: SigningKey? = nil, rootTool: String? = nil) throws {
        let directory = try TemporaryDirectory()
        file = try Descriptor.open("\(directory.path)/image", O_RDWR | O_CREAT)
        try file.truncate(to: Place.disk.count)
        let loader = try UnifiedKernelImage.assemble(
            stub: emptyProgram, sections: [(".loader", [UInt8](repeating: 0x4C, count: 10_000))])
        func sign(_ program: [UInt8]) throws -> [UInt8] {
            try key.map { try Authenticode.sign(program, named: "program", with: $0) } ?? program
        }
        if let rootTool {
            rootSize = try Self.makeRoot(rootTool, loader, to: file)
        } else {
            rootSize = try Self.writeRoot(name, loader, to: file)
        }
        let tree = try VerityTree.build(
            data: file, dataOffset: Place.root.lowerBound, dataSize: rootSize, hash: file,
            hashOffset: Place.tree.lowerBound, salt: Array(name.utf8), uuid: [UInt8](repeating: 7, count: 16))
        treeSize = tree.size
        let table = Self.table(name, tree.rootHash)
        let image = try sign(try Self.kernelImage(name, tree.rootHash))
        let entry = try LoaderEntry(
            generation: 1, title: SystemPartition.title(name, generation: 1), image: SHA256.hash(image))
        kernelImagePath = LoaderEntry.imagePath(entry.image)
        let partition = SystemPartition(architecture: "amd64", entry: entry)
        try Self.write(partition, try sign(loader), image, id: table.partitions[0].guid, to: file)
        try run("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-L", "data", "\(directory.path)/data", "8M")
        try file.copy(
            from: try Descriptor.open("\(directory.path)/data"), at: 0, length: Place.data.count,
            to: Place.data.lowerBound)
        try PartitionTable.create(path: "\(directory.path)/image", plan: table)
        func artefact(_ name: String, _ size: Int, _ digest: Digest) -> JSONValue {
            .object(["name": .string(name), "size": .integer(size), "sha256": .string(digest.hex)])
        }
        let (rootStart, treeStart) = (Place.root.lowerBound, Place.tree.lowerBound)
        manifest = .object([
            "manifest": .integer(1), "generation": .integer(1), "name": .string(name),
            "architecture": .string("amd64"), "epoch": .integer(Int(Self.epoch)),
            "root-hash": .string(tree.rootHash.hex),
            "disk": .object(["uuid": .string(table.diskGUID.description), "size": .integer(Int(table.sizeBytes))]),
            "artefacts": .array([
                artefact("root", rootSize, try SHA256.hash(file, in: rootStart..<rootStart + rootSize)),
                artefact("verity", treeSize, try SHA256.hash(file, in: treeStart..<treeStart + treeSize)),
                artefact("uki", image.count, SHA256.hash(image)),
            ]),
            "partitions": .array(table.partitions.map(Self.json)),
        ])
    }

    private static func json(_ partition: PlannedPartition) -> JSONValue {
        .object([
            "number": .integer(partition.number), "name": .string(partition.name),
            "type": .string(partition.type.description), "uuid": .string(partition.guid.description),
            "start": .integer(Int(partition.startBytes)), "size": .integer(Int(partition.sizeBytes)),
        ])
    }

    private static func writeRoot(_ name: String, _ loader: [UInt8], to file: borrowing Descriptor) throws -> Int {
        var tree = FileTree()
        for path in ["/etc", "/usr", "/usr/bin", "/usr/lib"] { tree[path] = .directory(modified: epoch) }
        tree["/etc/hostname"] = .file("\(name)\n", modified: epoch)
        tree["/etc/motd"] = .file(small, modified: epoch)
        tree["/usr/bin/large"] = .file(large, modified: epoch)
        tree["/usr/bin/second"] = .file(second, modified: epoch)
        for path in ["systemd", "systemd/boot", "systemd/boot/efi"] {
            tree["/usr/lib/\(path)"] = .directory(modified: epoch)
        }
        tree["/usr/lib/systemd/boot/efi/systemd-bootx64.efi"] = .file(loader, modified: epoch)
        return try ErofsWriter.write(
            tree, source: try Descriptor.directory("/"), to: file, at: Place.root.lowerBound,
            options: .init(uuid: [UInt8](repeating: 1, count: 16), label: "root", epoch: epoch))
    }

    private static func makeRoot(_ tool: String, _ loader: [UInt8], to file: borrowing Descriptor) throws -> Int {
        let scratch = try TemporaryDirectory()
        let place = "\(scratch.path)/root/usr/lib/systemd/boot/efi"
        try makeDirectories(place)
        try AtomicFile.write(loader, to: "\(place)/systemd-bootx64.efi")
        try AtomicFile.write(large, to: "\(scratch.path)/root/large")
        try run("sh", "-euc", tool, "sh", "\(scratch.path)/image", "\(scratch.path)/root")
        let made = try Descriptor.open("\(scratch.path)/image")
        let size = try made.status().size
        try file.copy(from: made, at: 0, length: size, to: Place.root.lowerBound)
        return (size + 4095) / 4096 * 4096
    }

    private static func table(_ name: String, _ rootHash: Digest) -> DiskPlan {
        let pair = GUID.halves(of: rootHash)
        let guid = { (part: String) in GUID.derived(from: Array(name.utf8), name: part) }
        let root = GUID.root(architecture: "amd64") ?? .linuxGeneric
        let tree = GUID.rootVerity(architecture: "amd64") ?? .linuxGeneric
        let parts: [(String, GUID, GUID, Range<Int>)] = [
            ("esp", .efiSystem, guid("esp"), Place.systemPartition), ("root-1", root, pair.data, Place.root),
            ("verity-1", tree, pair.hashTree, Place.tree), ("_empty", root, guid("root-b"), Place.emptyRoot),
            ("_empty", tree, guid("verity-b"), Place.emptyTree), ("data", .variableData, guid("data"), Place.data),
        ]
        return DiskPlan(
            diskGUID: guid("disk"), sizeBytes: UInt64(Place.disk.count),
            partitions: parts.enumerated().map { number, part in
                PlannedPartition(
                    number: number + 1, name: part.0, type: part.1, guid: part.2, startBytes: UInt64(part.3.lowerBound),
                    sizeBytes: UInt64(part.3.count))
            })
    }

    private static func kernelImage(_ name: String, _ rootHash: Digest) throws -> [UInt8] {
        try UnifiedKernelImage.assemble(
            stub: emptyProgram,
            sections: [
                (".cmdline", Array("roothash=\(rootHash.hex) ro".utf8)), (".linux", content(9, 300_000)),
            ])
    }

    private static func write(
        _ partition: SystemPartition, _ loader: [UInt8], _ image: [UInt8], id: GUID, to file: borrowing Descriptor
    ) throws {
        var tree = FileTree()
        for path in ["/EFI", "/EFI/BOOT", "/EFI/systemd", "/EFI/pisces", "/loader", "/loader/entries"] {
            tree[path] = .directory(modified: epoch)
        }
        for path in partition.loaderPaths { tree[path] = .file(loader, modified: epoch) }
        for (path, text) in partition.texts { tree[path] = .file(text, modified: epoch) }
        tree[partition.kernelImagePath] = .file(image, modified: epoch)
        try Fat32Writer.write(
            tree, source: nil, to: file, at: Place.systemPartition.lowerBound, sizeBytes: Place.systemPartition.count,
            label: SystemPartition.label, volumeID: id.bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) },
            epoch: epoch)
    }
}

/// The index at which `part` begins; nil if it is not there.
func position(of part: [UInt8], in bytes: [UInt8]) -> Int? {
    bytes.withUnsafeBytes { bytes in
        part.withUnsafeBytes { part in
            guard let base = bytes.baseAddress, let first = part.baseAddress else { return nil }
            var index = 0
            while index + part.count <= bytes.count,
                let found = memchr(base + index, Int32(part[0]), bytes.count - part.count + 1 - index)
            {
                index = UnsafeRawPointer(found) - base
                if memcmp(base + index, first, part.count) == 0 { return index }
                index += 1
            }
            return nil
        }
    }
}
