import CInit
import Controller
import LinuxSystem
import SlotMachine
import Synchronization

/// What happens when the machine is switched on: firmware, boot loader and initrd, each by what it reads itself.
///
/// The boot loader is ``BootMenu``; the initrd is the real one's code, `CInit`. What it opens is then read to the end, as
/// the kernel would: a root that is not the one of its root hash makes the machine start anew.
enum PowerOn {
    struct Boot {
        /// The entry's name without its counter.
        var identifier: String
        /// nil for an uncounted entry.
        var triesLeft: Int?
        /// Whether this boot has used up a try.
        var isCounted: Bool
        /// The generation whose pair was taken.
        var generation: UInt64
        var slot: Slot
        var system: TestSystem
    }

    /// Why the machine started anew, or cannot start at all.
    struct Failure: Error {
        var message: String
        /// Whether no try could help.
        var isFinal = false
    }

    /// Boots once. The boot loader's counting is kept in `machine`, and shown to `onRename`.
    static func boot(
        _ machine: inout Machine, _ systems: TestSystems, onRename: (String, String) -> Void = { _, _ in }
    ) throws(Failure) -> Boot {
        guard let entry = BootMenu.sorted(menu(machine.esp)).first else {
            throw Failure(message: "there is no boot entry", isFinal: true)
        }
        let (old, new) = ("loader/entries/\(entry.fileName)", "loader/entries/\(entry.nameOnceTried)")
        let isCounted = old != new && machine.esp[new] == nil
        if isCounted {
            machine.esp[new] = machine.esp.removeValue(forKey: old)
            onRename(old, new)
        }
        let (pair, system) = try target(of: entry, machine, systems)
        return Boot(
            identifier: entry.identifier, triesLeft: entry.tries?.left, isCounted: isCounted,
            generation: pair.generation, slot: pair.slot, system: system)
    }

    /// All that the boot loader sees.
    static func menu(_ esp: VolumeImage) -> [MenuEntry] {
        esp.keys.sorted(by: bytesPrecede).filter { parentDirectory(of: $0) == "loader/entries" }.compactMap { path in
            MenuEntry(fileName: String(path.dropFirst("loader/entries/".count)), bytes: esp[path] ?? [])
        }
    }

    /// What an entry boots, to the last byte.
    static func target(
        of entry: MenuEntry, _ machine: Machine, _ systems: TestSystems
    ) throws(Failure) -> (pair: Pair, system: TestSystem) {
        guard let image = machine.esp[String(entry.linux.drop { $0 == "/" })] else {
            throw Failure(message: "\(entry.fileName) names \(entry.linux), which is not there")
        }
        guard entry.linux.contains(SHA256.hash(image).hex), entry.options == nil else {
            throw Failure(message: "\(entry.linux) is not what its name says, or is given options")
        }
        let commandLine = String(decoding: image.prefix { $0 != 0 }, as: UTF8.self)
        var hash = [UInt8](repeating: 0, count: 32)
        guard cinit_root_hash(commandLine, &hash) == nil, let rootHash = Digest(hash),
            let system = systems.with(rootHash: rootHash)
        else { throw Failure(message: "\(entry.linux) names no root hash of ours") }
        var preferred: UInt64 = 0
        _ = cinit_entry_generation(entry.identifier, &preferred)
        let candidates = try pairs(machine.disk, preferred: preferred)
        guard let pair = candidates.first(where: { matches($0, rootHash, machine.disk) }) else {
            throw Failure(message: "\(entry.fileName): no pair of partitions has the root hash of \(system.name)")
        }
        let root = machine.disk.bytes(at: pair.root, count: system.root.count)
        let hashTree = machine.disk.bytes(at: pair.hashTree, count: system.hashTree.count)
        guard SHA256.hash(root) == system.upgrade.root.digest, SHA256.hash(hashTree) == system.upgrade.hashTree.digest
        else { throw Failure(message: "\(entry.fileName): the root in slot \(pair.slot) is damaged") }
        return (pair, system)
    }

    // MARK: The initrd

    struct Pair {
        var generation: UInt64
        var slot: Slot
        /// Where they start, in bytes.
        var root: Int
        var hashTree: Int
        var size: Int
    }

    /// The used entries of one copy of the partition table; nil if it is not whole.
    static func partitions(_ disk: DiskImage, lba: Int) -> [cinit_partition]? {
        var gpt = cinit_gpt()
        let blocks = UInt64(disk.sizeBytes / 512)
        let header = disk.bytes(at: lba * 512, count: 512)
        guard cinit_gpt_header(header, 512, UInt64(lba), blocks, &gpt) == nil else { return nil }
        let array = disk.bytes(at: Int(gpt.array_lba) * 512, count: cinit_gpt_array_size(&gpt))
        let key = SHA256.hash(header + array)
        return known.withLock { known in
            if let table = known[key] { return table }
            let table = read(gpt, array)
            known[key] = table
            return table
        }
    }

    /// The same few tables are looked at again and again.
    private static let known = Mutex<[Digest: [cinit_partition]?]>([:])

    private static func read(_ gpt: cinit_gpt, _ array: [UInt8]) -> [cinit_partition]? {
        var gpt = gpt
        var found = [cinit_partition](repeating: cinit_partition(), count: Int(CINIT_PARTITIONS))
        let count = cinit_gpt_partitions(&gpt, array, &found, found.count)
        return count < 0 ? nil : Array(found.prefix(Int(count)))
    }

    private static func pairs(_ disk: DiskImage, preferred: UInt64) throws(Failure) -> [Pair] {
        guard let table = partitions(disk, lba: 1) ?? partitions(disk, lba: disk.sizeBytes / 512 - 1) else {
            throw Failure(message: "neither copy of the partition table is whole", isFinal: true)
        }
        return table.withUnsafeBufferPointer { buffer in
            var found = [cinit_pair](repeating: cinit_pair(), count: 64)
            let count = cinit_pairs(buffer.baseAddress, buffer.count, preferred, &found, found.count)
            return found.prefix(count).map { pair in
                let slot = cinit_slot(buffer.baseAddress, buffer.count, pair.root)
                return Pair(
                    generation: pair.generation, slot: slot == CChar(UInt8(ascii: "a")) ? .a : .b,
                    root: Int(pair.root.pointee.first) * 512, hashTree: Int(pair.verity.pointee.first) * 512,
                    size: Int(pair.root.pointee.last - pair.root.pointee.first + 1) * 512)
            }
        }
    }

    private static func matches(_ pair: Pair, _ rootHash: Digest, _ disk: DiskImage) -> Bool {
        var verity = cinit_verity()
        let head = disk.bytes(at: pair.hashTree, count: 8192)
        return cinit_verity_superblock(head, UInt64(pair.size), UInt64(pair.size), &verity) == nil
            && cinit_verity_matches(&verity, Array(head[4096...]), rootHash.bytes)
    }
}
