import Controller
import Disk
import Filesystems
import Glibc
import LinuxSystem
import PiscesTesting
import SlotMachine

/// A small system with all that a boot looks at: a root, its real verity tree, an image that names the root hash.
struct TestSystem {
    let name: String
    let root: [UInt8]
    let hashTree: [UInt8]
    let rootHash: Digest
    let kernelImage: [UInt8]
    let upgrade: Upgrade

    init(_ name: String, release: UInt64) throws {
        var generator = SeededGenerator(state: release &* 77)
        root = (0..<24 << 10).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let directory = try TemporaryDirectory()
        try AtomicFile.write(root, to: directory.path + "/root")
        let file = try Descriptor.open(directory.path + "/tree", O_RDWR | O_CREAT)
        let built = try VerityTree.build(
            data: try Descriptor.open(directory.path + "/root"), dataOffset: 0, dataSize: root.count, hash: file,
            hashOffset: 0, salt: [1, 2, 3], uuid: [UInt8](repeating: 7, count: 16))
        self.name = name
        hashTree = try file.bytes(at: 0, count: built.size)
        rootHash = built.rootHash
        let filler = (0..<2000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        kernelImage = Array("ro roothash=\(rootHash) quiet\0".utf8) + filler
        let bytes: [Artefact: [UInt8]] = [.root: root, .hashTree: hashTree, .kernelImage: kernelImage]
        let contents = { (bytes: [UInt8]) in Contents(sizeBytes: bytes.count, digest: SHA256.hash(bytes)) }
        upgrade = Upgrade(
            // As long as names are: the record must not fit into one sector.
            name: "\(name): a system whose name is as long as the name of one may be, ok", release: release,
            rootHash: rootHash, root: contents(root), hashTree: contents(hashTree), kernelImage: contents(kernelImage)
        ) { artefact, offset, count in Array((bytes[artefact] ?? []).dropFirst(offset).prefix(count)) }
    }
}

/// The systems of all tests here.
struct TestSystems {
    let a: TestSystem
    let b: TestSystem
    let c: TestSystem
    let d: TestSystem

    init() throws {
        a = try TestSystem("a", release: 1)
        b = try TestSystem("b", release: 2)
        c = try TestSystem("c", release: 3)
        d = try TestSystem("d", release: 4)
    }

    func with(rootHash: Digest) -> TestSystem? { [a, b, c, d].first { $0.rootHash == rootHash } }
}

/// A disk as `pisces construct` lays it out, with system `a` as generation 1 in slot a.
enum FreshDisk {
    static let sizeBytes = 8 << 20

    static func plan(rootHash: Digest) -> DiskPlan {
        let guid = { (name: String) in GUID.derived(from: [9], name: name) }
        let halves = GUID.halves(of: rootHash)
        #if arch(arm64)
            let architecture = "arm64"
        #else
            let architecture = "amd64"
        #endif
        let rootType = GUID.root(architecture: architecture) ?? .linuxGeneric
        let treeType = GUID.rootVerity(architecture: architecture) ?? .linuxGeneric
        let rows: [(String, GUID, GUID)] = [
            ("esp", .efiSystem, guid("esp")), ("root-1", rootType, halves.data),
            ("verity-1", treeType, halves.hashTree),
            ("_empty", rootType, guid("root-b")), ("_empty", treeType, guid("verity-b")),
            ("data", .variableData, guid("data")),
        ]
        let partitions = rows.enumerated().map { index, row in
            PlannedPartition(
                number: index + 1, name: row.0, type: row.1, guid: row.2, startBytes: UInt64(index + 1) << 20,
                sizeBytes: 1 << 20)
        }
        return DiskPlan(diskGUID: guid("disk"), sizeBytes: UInt64(sizeBytes), partitions: partitions)
    }

    /// Where a slot's partitions are.
    static func places(_ slot: Slot) -> (root: Int, hashTree: Int) {
        slot == .a ? (2 << 20, 3 << 20) : (4 << 20, 5 << 20)
    }

    static func machine(_ system: TestSystem) throws -> Machine {
        let plan = plan(rootHash: system.rootHash)
        let (head, tail) = try PartitionTable.bytes(of: plan)
        var disk = DiskImage(sizeBytes: sizeBytes)
        disk.write(head[...], at: 0)
        disk.write(tail[...], at: sizeBytes - tail.count)
        disk.write(system.root[...], at: places(.a).root)
        disk.write(system.hashTree[...], at: places(.a).hashTree)
        let image = SHA256.hash(system.kernelImage)
        let entry = "title a (generation 1)\nversion 1\nsort-key pisces\nlinux /EFI/pisces/\(image).efi\n"
        return Machine(
            disk: disk,
            esp: [
                "loader/entries/pisces-1.conf": Array(entry.utf8), "EFI/pisces/\(image).efi": system.kernelImage,
            ], state: [:])
    }
}
