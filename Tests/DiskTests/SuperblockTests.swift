import Disk
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@Suite struct SuperblockTests: ~Copyable {
    let directory: TemporaryDirectory
    var image: String { directory.path + "/disk.img" }
    static let uuid = "11111111-2222-3333-4444-555555555555"

    init() throws {
        let made = try TemporaryDirectory()
        try Descriptor.open(made.path + "/disk.img", O_RDWR | O_CREAT).truncate(to: 32 << 20)
        directory = made
    }

    @Test func superblockInsideAnImageIsFoundAtItsOffset() throws {
        let made = try shell(
            "mkfs.ext4 -q -U \(Self.uuid) -L data -E offset=8388608 \(image) 8M && truncate -s 32M \(image)"
                + " && mkfs.vfat -i 44444444 -n ESP --offset 2048 \(image) 4096")
        #expect(made.status == 0, "\(made.output)")
        let file = try Descriptor.open(image)
        let ext4 = try #require(try Superblock.probe(file, offset: 8 << 20, size: 8 << 20))
        #expect(
            [ext4.type, ext4.uuid, ext4.label, ext4.usage, ext4.version] == [
                "ext4", Self.uuid, "data", "filesystem", "1.0",
            ])
        let esp = try Superblock.probe(file, offset: 1 << 20, size: 4 << 20)
        #expect(esp?.type == "vfat")
        #expect(esp?.uuid == "4444-4444")
        #expect(esp?.label == "ESP")
        // Between the two is nothing.
        #expect(try Superblock.probe(file, offset: 6 << 20, size: 1 << 20) == nil)
    }

    @Test func twoFormatsInOnePlaceAreAnError() throws {
        #expect(try shell("mkfs.ext4 -q \(image)").status == 0)
        // ext4 starts at byte 1024: before it is room for the magic and the version of a squashfs.
        var squashfs = Array("hsqs".utf8) + [UInt8](repeating: 0, count: 92)
        squashfs[28] = 4
        try Descriptor.open(image, O_RDWR).writeAll(squashfs, at: 0)
        let file = try Descriptor.open(image)
        #expect { _ = try Superblock.probe(file, offset: 0, size: 32 << 20) } throws: {
            ($0 as? DiskError)?.kind == .signature
        }
    }

    @Test(arguments: [(UInt64(0), UInt64(0)), (0, 33 << 20), (33 << 20, 1), (.max, 1), (1, .max)])
    func rangeOutsideTheImageIsRefused(_ range: (UInt64, UInt64)) throws {
        let file = try Descriptor.open(image)
        #expect(throws: DiskError.self) { _ = try Superblock.probe(file, offset: range.0, size: range.1) }
    }

    @Test func garbageIsNothing() throws {
        var generator = SeededGenerator(state: 9)
        let file = try Descriptor.open(image, O_RDWR)
        try file.writeAll((0..<(1 << 18)).map { _ in UInt8.random(in: 0...255, using: &generator) }, at: 0)
        #expect(try Superblock.probe(file, offset: 0, size: 1 << 20) == nil)
    }
}
