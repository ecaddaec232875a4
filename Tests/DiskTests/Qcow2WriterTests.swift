import Disk
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// qemu-img(1) is the oracle.
@Suite struct Qcow2WriterTests: ~Copyable {
    private let scratch: TemporaryDirectory

    /// Sizes of disks, and where data is on them.
    static let cases: [(size: Int, data: [(offset: Int, count: Int)])] = [
        (512, [(0, 512)]), (65536, []), (65536 - 512, [(65536 - 1024, 512)]), (65536 + 512, [(65536, 1), (3, 1)]),
        (10 << 20, [(65535, 2), (1 << 20, 200_000), ((10 << 20) - 1, 1)]),
        // A first-level table of several entries, one of them empty; the last cluster of one and the first of the next.
        ((2 << 30) + 512, [(0, 1), ((512 << 20) - 1, 2), (2 << 30, 512)]),
    ]

    init() throws { scratch = try TemporaryDirectory() }

    /// A disk with random data at the given places.
    private func disk(_ name: String, size: Int, data: [(offset: Int, count: Int)]) throws -> Descriptor {
        let file = try Descriptor.open("\(scratch.path)/\(name).raw", O_RDWR | O_CREAT)
        try file.truncate(to: size)
        for (offset, count) in data {
            try file.writeAll((0..<count).map { _ in UInt8.random(in: 1...255) }, at: offset)
        }
        return file
    }

    private func write(_ disk: borrowing Descriptor, _ name: String) throws -> Descriptor {
        let image = try Descriptor.open("\(scratch.path)/\(name).qcow2", O_RDWR | O_CREAT)
        try Qcow2Writer.write(disk, size: disk.status().size, to: image)
        return image
    }

    @Test(arguments: cases)
    func imageIsSoundAndEqualToTheDisk(size: Int, data: [(offset: Int, count: Int)]) throws {
        let image = try write(try disk("a", size: size, data: data), "a")
        let path = "\(scratch.path)/a.qcow2"
        #expect(try run("qemu-img", "check", "-f", "qcow2", path).contains("No errors were found"))
        try run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", "\(scratch.path)/a.raw", path)
        let clusters = Set(data.flatMap { $0.offset / 65536...($0.offset + $0.count - 1) / 65536 })
        let tables = try image.status().size / 65536 - clusters.count
        #expect((4...7).contains(tables), "header, maps, refcounts; nothing of zeros")
    }

    @Test func bitsDependOnBytesAndNotOnHoles() throws {
        let sparse = try disk("a", size: 1 << 20, data: [(300_000, 100)])
        let full = try Descriptor.open("\(scratch.path)/b.raw", O_RDWR | O_CREAT)
        try full.writeAll(try sparse.bytes(at: 0, count: 1 << 20))
        #expect(try SHA256.hash(write(sparse, "a")) == SHA256.hash(write(full, "b")))
    }

    @Test func aByteMoreIsSeen() throws {
        let plain = try disk("a", size: 1 << 20, data: [])
        let other = try disk("b", size: 1 << 20, data: [(1 << 19, 1)])
        #expect(try SHA256.hash(write(plain, "a")) != SHA256.hash(write(other, "b")))
        #expect(try shell("qemu-img compare \(scratch.path)/a.raw \(scratch.path)/b.qcow2").status != 0)
    }
}
