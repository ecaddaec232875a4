import Controller
import Disk
import Filesystems
import Glibc
import LinuxSystem
import SlotMachine

/// A disk image, an EFI system partition and the controller's directory, all as files.
final class Storage {
    let directory: TemporaryDirectory
    var disk: String { directory.path + "/disk.img" }
    var esp: String { directory.path + "/efi" }
    var state: String { directory.path + "/state" }
    static let sizeBytes = 8 << 20
    static let rootHash = SHA256.hash([1])

    /// Generation 1 in slot a; slot b is empty.
    init() throws {
        directory = try TemporaryDirectory()
        try PartitionTable.create(path: disk, plan: Self.plan)
        for path in ["\(esp)/loader/entries", "\(esp)/EFI/pisces", state] { try makeDirectories(path) }
    }

    static var plan: DiskPlan {
        let root = GUID.root(architecture: "amd64") ?? .linuxGeneric
        let verity = GUID.rootVerity(architecture: "amd64") ?? .linuxGeneric
        let halves = GUID.halves(of: rootHash)
        let guid = { (name: String) in GUID.derived(from: [1], name: name) }
        let rows: [(String, GUID, GUID)] = [
            ("esp", .efiSystem, guid("esp")), ("root-1", root, halves.data), ("verity-1", verity, halves.hashTree),
            ("_empty", root, guid("root-b")), ("_empty", verity, guid("verity-b")),
            ("data", .variableData, guid("data")),
        ]
        let partitions = rows.enumerated().map { index, row in
            PlannedPartition(
                number: index + 1, name: row.0, type: row.1, guid: row.2, startBytes: UInt64(index + 1) << 20,
                sizeBytes: 1 << 20)
        }
        return DiskPlan(diskGUID: guid("disk"), sizeBytes: UInt64(sizeBytes), partitions: partitions)
    }

    func names(_ directory: String) throws -> [String] { try Descriptor.directory("\(esp)/\(directory)").entries() }

    /// A good entry, as an image or another system has it.
    func addEntry(_ name: String, image: Digest) throws {
        let text = "title x\nversion 1\nsort-key pisces\nlinux /EFI/pisces/\(image).efi\n"
        try AtomicFile.write(Array(text.utf8), to: "\(esp)/loader/entries/\(name)")
    }

    /// A process of the controller, in generation 1.
    func controller(disk device: (any BlockDevice)? = nil, flushBytes: Int = 64 << 20) throws -> Controller {
        let unknown = Candidate(name: "", release: 0, kernelImage: "")
        let seen = Observation(
            booted: Installation(Generation(number: 1, unknown), in: .a), entries: [:], boot: "boot")
        return try Controller(
            disk: try device ?? DescriptorDevice(path: disk), boot: SystemdBoot(DirectoryVolume(path: esp)),
            state: DirectoryVolume(path: state), seen: seen, flushBytes: flushBytes)
    }
}

/// An upgrade of a few bytes, with a real hash tree.
func upgrade(
    _ name: String = "next", release: UInt64 = 2, rootBytes: Int = 20_480, kernelBytes: Int = 3000
) throws -> Upgrade {
    let root = (0..<rootBytes).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ Int(release)) }
    let directory = try TemporaryDirectory()
    try AtomicFile.write(root, to: directory.path + "/root")
    let file = try Descriptor.open(directory.path + "/tree", O_RDWR | O_CREAT)
    let built = try VerityTree.build(
        data: try Descriptor.open(directory.path + "/root"), dataOffset: 0, dataSize: root.count, hash: file,
        hashOffset: 0, salt: [1, 2, 3], uuid: [UInt8](repeating: 7, count: 16))
    let tree = try file.bytes(at: 0, count: built.size)
    let kernel = [UInt8](repeating: 0x4D, count: kernelBytes) + Array("\(name) \(built.rootHash)".utf8)
    let bytes: [Artefact: [UInt8]] = [.root: root, .hashTree: tree, .kernelImage: kernel]
    let contents = { (artefact: Artefact) in
        Contents(sizeBytes: bytes[artefact]?.count ?? 0, digest: SHA256.hash(bytes[artefact] ?? []))
    }
    return Upgrade(
        name: name, release: release, rootHash: built.rootHash, root: contents(.root),
        hashTree: contents(.hashTree), kernelImage: contents(.kernelImage)
    ) { artefact, offset, count in Array((bytes[artefact] ?? []).dropFirst(offset).prefix(count)) }
}

/// Counts and can spoil what is written to a disk.
final class WatchedDevice: BlockDevice {
    private let device: DescriptorDevice
    private(set) var writes: [Int] = []
    /// Flips a bit of each write to a partition.
    var isSpoiling = false
    var name: String { device.name }
    var sizeBytes: UInt64 { device.sizeBytes }

    init(path: String) throws { device = try DescriptorDevice(path: path) }

    func read(at offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
        try device.read(at: offset, count: count)
    }

    func write(_ bytes: [UInt8], at offset: UInt64) throws(SystemError) {
        writes.append(Int(offset))
        var bytes = bytes
        if isSpoiling, offset > 1 << 20, offset < 7 << 20 { bytes[bytes.count / 2] ^= 1 }
        try device.write(bytes, at: offset)
    }

    func flush() throws(SystemError) { try device.flush() }
}
