import Glibc
import LinuxSystem
import Testing

@Suite struct DescriptorTests {
    @Test func symlinkNeverLeavesTheRoot() throws {
        let directory = try TemporaryDirectory()
        let root = try Descriptor.directory(directory.path)
        try root.makeSymlink("passwd", target: "../../../../../../etc/passwd")
        #expect(throws: SystemError.self) { _ = try root.openInRoot("passwd") }
        #expect(throws: SystemError.self) { _ = try root.openBeneath("passwd") }
        try root.makeDirectory("etc")
        try root.openBeneath("etc/passwd", O_WRONLY | O_CREAT).writeAll("inside")
        #expect(try root.openInRoot("passwd").readToEnd() == Array("inside".utf8))
    }

    @Test func abandonedAtomicFileLeavesNothing() throws {
        let directory = try TemporaryDirectory()
        do {
            let file = try AtomicFile.create(directory.path + "/image")
            try file.descriptor.writeAll("half")
        }
        #expect(try Descriptor.directory(directory.path).entries() == [])
        try AtomicFile.write(Array("whole".utf8), to: directory.path + "/image")
        #expect(try Descriptor.directory(directory.path).entries() == ["image"])
    }

    @Test func copyKeepsHoles() throws {
        let directory = try TemporaryDirectory()
        let source = try Descriptor.open(directory.path + "/a", O_RDWR | O_CREAT)
        try source.truncate(to: 1 << 20)
        try source.writeAll(Array("data".utf8), at: 512 << 10)
        let copy = try Descriptor.open(directory.path + "/b", O_RDWR | O_CREAT)
        try copy.truncate(to: 2 << 20)
        try copy.copy(from: source, at: 0, length: 1 << 20, to: 4096)
        #expect(try copy.bytes(at: 4096 + (512 << 10), count: 4) == Array("data".utf8))
        #expect(try copy.bytes(at: 0, count: 4096).allSatisfy { $0 == 0 })
    }

    @Test func sha256OfAbc() {
        #expect(
            SHA256.hash(Array("abc".utf8)).hex
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
