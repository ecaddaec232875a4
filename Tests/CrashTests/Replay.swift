import LinuxSystem
import SlotMachine

/// Plays a log up to any point and says what a power cut there can leave on the disk.
///
/// What a flush covers is there. Of the rest each sector, each file's size and each change of a directory is there or is
/// not, by itself. The sectors of a file that were not written hold what was there before: the file last removed
/// from that directory.
struct Replay {
    private var disk: DiskImage
    private var diskWrites: [(offset: Int, bytes: ArraySlice<UInt8>)] = []
    private var esp: VolumeReplay
    private var state: VolumeReplay

    /// What the marks of the log have told so far.
    private(set) var proven: Set<UInt64>
    static let sectorBytes = 512

    init(_ machine: Machine, proven: Set<UInt64>) {
        disk = machine.disk
        esp = VolumeReplay(machine.esp)
        state = VolumeReplay(machine.state)
        self.proven = proven
    }

    mutating func play(_ operation: Log.Operation) {
        switch operation {
        case .diskWrite(let offset, let bytes):
            for start in stride(from: 0, to: bytes.count, by: Self.sectorBytes) {
                diskWrites.append((offset + start, bytes[start..<min(bytes.count, start + Self.sectorBytes)]))
            }
        case .diskFlush:
            for write in diskWrites { disk.write(write.bytes, at: write.offset) }
            diskWrites = []
        case .write(.esp, let path, let offset, let bytes): esp.write(bytes, to: path, at: offset)
        case .write(.state, let path, let offset, let bytes): state.write(bytes, to: path, at: offset)
        case .flush(.esp, let path): esp.flush(path)
        case .flush(.state, let path): state.flush(path)
        case .flushDirectory(.esp, let path): esp.flushDirectory(path)
        case .flushDirectory(.state, let path): state.flushDirectory(path)
        case .remove(.esp, let path): esp.remove(path)
        case .remove(.state, let path): state.remove(path)
        case .loaderRename(let from, let to): esp.rename(from, to)
        case .runs: break
        case .proven(let number): proven.insert(number)
        }
    }

    /// How many changes may be there or not.
    var pendingCount: Int { diskWrites.count + esp.pending.count + state.pending.count }

    /// What is left if those changes get through for which `isKept`, asked in order, says so.
    func remains(_ isKept: () -> Bool) -> Machine {
        var disk = disk
        for write in diskWrites where isKept() { disk.write(write.bytes, at: write.offset) }
        return Machine(disk: disk, esp: esp.remains(isKept), state: state.remains(isKept))
    }
}

/// The same for the files of one volume. A file's identity is not its name.
private struct VolumeReplay {
    enum Change {
        case link(String, Int)
        case unlink(String)
        case rename(String, String, Int)
        case data(Int, offset: Int, bytes: ArraySlice<UInt8>)
        case size(Int, Int)
    }

    struct File {
        var bytes: [UInt8] = []
        var size = 0
        /// What its clusters held before it got them.
        var stale: [UInt8] = []

        /// Its first bytes, written or not.
        func bytes(upTo count: Int) -> [UInt8] {
            if bytes.count >= count { return bytes.count == count ? bytes : Array(bytes.prefix(count)) }
            let old = bytes + stale.dropFirst(bytes.count).prefix(count - bytes.count)
            return old + [UInt8](repeating: 0xA5, count: count - old.count)
        }
    }

    private var files: [File]
    private var durableNames: [String: Int]
    private var names: [String: Int]
    private(set) var pending: [Change] = []

    init(_ image: VolumeImage) {
        files = []
        names = [:]
        for (path, bytes) in image {
            names[path] = files.count
            files.append(File(bytes: bytes, size: bytes.count))
        }
        durableNames = names
        sizes = files.map(\.size)
    }

    /// What the last removed file of each directory held.
    private var removed: [String: [UInt8]] = [:]
    /// The sizes as programs see them.
    private var sizes: [Int]

    mutating func write(_ bytes: [UInt8], to path: String, at offset: Int) {
        let file: Int
        if let known = names[path] {
            file = known
        } else {
            file = files.count
            files.append(File(stale: removed[parentDirectory(of: path)] ?? []))
            sizes.append(0)
            names[path] = file
            pending.append(.link(path, file))
        }
        for start in stride(from: 0, to: bytes.count, by: Replay.sectorBytes) {
            let end = min(bytes.count, start + Replay.sectorBytes)
            pending.append(.data(file, offset: offset + start, bytes: bytes[start..<end]))
        }
        if offset + bytes.count > sizes[file] {
            sizes[file] = offset + bytes.count
            pending.append(.size(file, sizes[file]))
        }
    }

    mutating func flush(_ path: String) {
        guard let flushed = names[path] else { return }
        complete { change in
            switch change {
            case .data(let file, _, _), .size(let file, _): file == flushed
            case .link, .unlink, .rename: false
            }
        }
    }

    mutating func flushDirectory(_ path: String) {
        complete { change in
            switch change {
            case .link(let name, _), .unlink(let name), .rename(let name, _, _): parentDirectory(of: name) == path
            case .data, .size: false
            }
        }
    }

    mutating func remove(_ path: String) {
        if let file = names.removeValue(forKey: path) { removed[parentDirectory(of: path)] = files[file].bytes }
        pending.append(.unlink(path))
    }

    /// As firmware renames on FAT: the old name goes, then the new one comes; a cut between leaves neither.
    mutating func rename(_ from: String, _ to: String) {
        guard let file = names.removeValue(forKey: from) else { return }
        names[to] = file
        pending.append(.unlink(from))
        pending.append(.rename(from, to, file))
    }

    private mutating func complete(_ isDone: (Change) -> Bool) {
        var rest: [Change] = []
        for change in pending {
            if isDone(change) {
                Self.apply(change, &files, &durableNames)
            } else {
                rest.append(change)
            }
        }
        pending = rest
    }

    private static func apply(_ change: Change, _ files: inout [File], _ names: inout [String: Int]) {
        switch change {
        case .link(let path, let file): names[path] = file
        case .unlink(let path): names[path] = nil
        case .rename(let from, let to, let file): if names[from] == nil { names[to] = file }
        case .data(let file, let offset, let bytes):
            files[file].bytes = files[file].bytes(upTo: max(files[file].bytes.count, offset + bytes.count))
            files[file].bytes.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        case .size(let file, let size): files[file].size = size
        }
    }

    func remains(_ isKept: () -> Bool) -> VolumeImage {
        var (files, names) = (files, durableNames)
        for change in pending where isKept() { Self.apply(change, &files, &names) }
        return names.mapValues { file in
            files[file].bytes(upTo: files[file].size)
        }
    }
}
