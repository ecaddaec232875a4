import CInit
import Glibc
import LinuxSystem
import Testing

@Suite struct FilesystemTests {
    private func type(_ head: [UInt8]) -> String? { cinit_filesystem(head).map { String(cString: $0) } }

    /// The head of a file system that a tool makes below an empty directory.
    private func head(_ script: String) throws -> [UInt8] {
        let directory = try TemporaryDirectory()
        let command = Command(
            "sh", ["-euc", "PATH=$PATH:/usr/sbin:/sbin; cd \(directory.path); mkdir empty; \(script)"])
        try command.run()
        return try Descriptor.open("\(directory.path)/made").bytes(at: 0, count: Int(CINIT_FILESYSTEM_HEAD))
    }

    @Test(arguments: [
        ("erofs", "mkfs.erofs made empty"), ("squashfs", "mksquashfs empty made -quiet -no-progress"),
        ("ext4", "mke2fs -q -t ext4 made 1M"),
    ])
    func typeIsTold(wanted: String, script: String) throws {
        let made = try head(script)
        #expect(type(made) == wanted)
        // Another offset, or a magic number that is cut.
        #expect(type([0] + made.dropLast()) == nil)
        let offsets = ["erofs": 1024, "squashfs": 0, "ext4": 1080]
        let offset = try #require(offsets[wanted])
        for byte in offset..<offset + (wanted == "ext4" ? 2 : 4) {
            var broken = made
            broken[byte] ^= 1
            #expect(type(broken) == nil, "byte \(byte)")
        }
    }

    @Test func otherBytesAreNoRoot() throws {
        #expect(type([UInt8](repeating: 0, count: 2048)) == nil)
        #expect(type([UInt8](repeating: 0xff, count: 2048)) == nil)
        #expect(type(try head("truncate -s 8M made; mkfs.vfat made")) == nil)
    }
}
