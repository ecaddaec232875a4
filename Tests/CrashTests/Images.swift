import Controller
import Glibc
import LinuxSystem

/// The content of a disk, in pages: a copy costs nothing until it is written to.
struct DiskImage {
    static let pageBytes = 4096
    private static let zeros = [UInt8](repeating: 0, count: pageBytes)
    let sizeBytes: Int
    private var pages: [Int: [UInt8]] = [:]

    init(sizeBytes: Int) { self.sizeBytes = sizeBytes }

    init(path: String) throws {
        let file = try Descriptor.open(path)
        sizeBytes = try file.status().size
        for offset in stride(from: 0, to: sizeBytes, by: Self.pageBytes) {
            let page = try file.bytes(at: offset, count: min(Self.pageBytes, sizeBytes - offset))
            if page != Self.zeros { pages[offset / Self.pageBytes] = page }
        }
    }

    func bytes(at offset: Int, count: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(count)
        var offset = offset
        let end = offset + count
        while offset < end {
            let (page, start) = offset.quotientAndRemainder(dividingBy: Self.pageBytes)
            let part = min(Self.pageBytes - start, end - offset)
            if let bytes = pages[page] {
                result += part == Self.pageBytes ? bytes : Array(bytes[start..<start + part])
            } else {
                result += [UInt8](repeating: 0, count: part)
            }
            offset += part
        }
        return result
    }

    mutating func write(_ bytes: ArraySlice<UInt8>, at offset: Int) {
        var (offset, bytes) = (offset, bytes)
        while !bytes.isEmpty {
            let (page, start) = offset.quotientAndRemainder(dividingBy: Self.pageBytes)
            let part = bytes.prefix(Self.pageBytes - start)
            pages[page, default: [UInt8](repeating: 0, count: Self.pageBytes)].replaceSubrange(
                start..<start + part.count, with: part)
            offset += part.count
            bytes = bytes.dropFirst(part.count)
        }
    }

    /// Writes it all to a file, for tools that want one.
    func save(to path: String) throws {
        let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_TRUNC)
        try file.truncate(to: sizeBytes)
        for (page, bytes) in pages { try file.writeAll(bytes, at: page * Self.pageBytes) }
    }
}

/// The files of a volume, by path.
typealias VolumeImage = [String: [UInt8]]

extension VolumeImage {
    /// The files below a directory.
    init(directory: String) throws {
        self.init()
        try add(directory, below: "")
    }

    private mutating func add(_ directory: String, below path: String) throws {
        for name in try Descriptor.directory(directory).entries() {
            let file = try Descriptor.open("\(directory)/\(name)")
            if try file.status().type == S_IFDIR {
                try add("\(directory)/\(name)", below: "\(path)\(name)/")
            } else {
                self["\(path)\(name)"] = try file.readToEnd()
            }
        }
    }
}

/// A machine that is switched off.
struct Machine {
    var disk: DiskImage
    /// The EFI system partition's files.
    var esp: VolumeImage
    /// The controller's directory on the data partition.
    var state: VolumeImage
}

/// A disk in memory.
final class MemoryDevice: BlockDevice {
    let name = "disk"
    var image: DiskImage
    var sizeBytes: UInt64 { UInt64(image.sizeBytes) }

    init(_ image: DiskImage) { self.image = image }

    func read(at offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
        image.bytes(at: Int(offset), count: count)
    }

    func write(_ bytes: [UInt8], at offset: UInt64) throws(SystemError) { image.write(bytes[...], at: Int(offset)) }

    func flush() throws(SystemError) {}
}

/// Files in memory.
final class MemoryVolume: FileVolume {
    let name: String
    var files: VolumeImage

    init(_ name: String, _ files: VolumeImage) { (self.name, self.files) = (name, files) }

    func names(in directory: String) throws(SystemError) -> [String] {
        files.keys.filter { parentDirectory(of: $0) == directory }
            .map { $0.split(separator: "/").last.map(String.init) ?? $0 }.sorted(by: bytesPrecede)
    }

    func size(of path: String) throws(SystemError) -> Int? { files[path]?.count }

    func read(_ path: String, at offset: Int, count: Int) throws(SystemError) -> [UInt8] {
        guard let bytes = files[path] else { throw SystemError(call: "open", subject: path, code: ENOENT) }
        return Array(bytes.dropFirst(offset).prefix(count))
    }

    func write(_ bytes: [UInt8], to path: String, at offset: Int) throws(SystemError) {
        var content = files[path] ?? []
        if offset == 0, bytes.count >= content.count {
            content = bytes
        } else {
            content += [UInt8](repeating: 0, count: max(0, offset + bytes.count - content.count))
            content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        }
        files[path] = content
    }

    func flush(_ path: String) throws(SystemError) {}
    func makeDirectory(_ path: String) throws(SystemError) {}
    func flushDirectory(_ path: String) throws(SystemError) {}
    func remove(_ path: String) throws(SystemError) { files[path] = nil }
    func freeBytes() throws(SystemError) -> Int { (1 << 20) - files.values.reduce(0) { $0 + $1.count } }
}
