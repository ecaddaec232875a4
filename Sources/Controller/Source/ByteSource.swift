internal import LinuxSystem

/// Bytes of a known number, some of which can be had at a time: a local file or one behind a URL.
protocol ByteSource: AnyObject {
    /// What messages call it; it betrays no password.
    var name: String { get }

    /// How many bytes there are.
    func size() throws(ControllerError) -> Int

    /// At least one of the bytes from `offset` on, at most `count`, both within ``size()``. Cheap where offsets rise.
    func read(at offset: Int, count: Int) throws(ControllerError) -> [UInt8]
}

extension ByteSource {
    /// The bytes of a range.
    func bytes(in range: Range<Int>) throws(ControllerError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < range.count {
            bytes += try read(at: range.lowerBound + bytes.count, count: range.count - bytes.count)
        }
        return bytes
    }
}

/// A file of this machine.
final class LocalFile: ByteSource {
    let name: String
    private let file: Descriptor
    private let count: Int

    init(_ path: String) throws(SystemError) {
        name = path
        file = try Descriptor.open(path)
        count = try file.status().size
    }

    func size() -> Int { count }

    func read(at offset: Int, count: Int) throws(ControllerError) -> [UInt8] {
        do throws(SystemError) { return try file.bytes(at: offset, count: min(count, readLimit)) } catch {
            throw ControllerError(.source, name, "\(error)")
        }
    }
}

/// How many bytes are given at a time at most: what a source takes of the memory.
let readLimit = 1 << 20
