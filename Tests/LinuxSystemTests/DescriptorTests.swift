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

    @Test func atomicFileReplacesNoDeviceOrPipe() throws {
        let directory = try TemporaryDirectory()
        let pipe = directory.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(symlink(pipe, directory.path + "/link") == 0)
        for path in [pipe, directory.path + "/link"] {
            #expect {
                _ = try AtomicFile.write([1], to: path)
            } throws: { error in
                (error as? SystemError)?.isExisting == true
            }
        }
        #expect(try Descriptor.directory(directory.path).status(of: "pipe").type == S_IFIFO)
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
        // Its last bytes are a hole.
        let whole = try Descriptor.open(directory.path + "/c", O_RDWR | O_CREAT)
        try whole.copy(from: source, at: 0, length: 1 << 20, to: 0)
        #expect(try whole.status().size == 1 << 20)
    }

    @Test func sha256OfAbc() {
        #expect(
            SHA256.hash(Array("abc".utf8)).hex
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}

@Suite struct HoleTests {
    @Test func firstRunOfBytesThatAreNotZeroIsFound() throws {
        let directory = try TemporaryDirectory()
        let file = try Descriptor.open("\(directory.path)/file", O_RDWR | O_CREAT)
        try file.truncate(to: 8 << 20)
        let all = 0..<8 << 20
        #expect(try file.firstNonzero(in: all) == nil)
        // Zeros that are written are zeros too.
        try file.writeAll([UInt8](repeating: 0, count: 3 << 20), at: 0)
        #expect(try file.firstNonzero(in: all) == nil)
        try file.writeAll([1, 2, 3], at: 5_000_000)
        #expect(try file.firstNonzero(in: all) == 5_000_000..<5_000_003)
        #expect(try file.firstNonzero(in: 5_000_002..<8 << 20) == 5_000_002..<5_000_003)
        #expect(try file.firstNonzero(in: 0..<5_000_000) == nil)
        #expect(try file.firstNonzero(in: 5_000_003..<8 << 20) == nil)
        // At most to the end of a block.
        try file.writeAll([UInt8](repeating: 9, count: 5000), at: 4095)
        #expect(try file.firstNonzero(in: all) == 4095..<4096)
        #expect(try file.firstNonzero(in: 4096..<8 << 20) == 4096..<8192)
        try file.writeAll([7], at: 0)
        #expect(try file.firstNonzero(in: all) == 0..<1)
        #expect(try file.firstNonzero(in: 8 << 20..<9 << 20) == nil)
    }

    @Test func copyKeepsHolesAndWhatIsAroundTheRange() throws {
        let directory = try TemporaryDirectory()
        let source = try Descriptor.open("\(directory.path)/source", O_RDWR | O_CREAT)
        try source.truncate(to: 4 << 20)
        for offset in [0, 1_000_000, (4 << 20) - 1] { try source.writeAll([5], at: offset) }
        let target = try Descriptor.open("\(directory.path)/target", O_RDWR | O_CREAT)
        try target.truncate(to: 8 << 20)
        try target.copy(from: source, at: 0, length: 4 << 20, to: 1 << 20)
        let copied = try target.bytes(at: 1 << 20, count: 4 << 20)
        #expect(try copied == source.bytes(at: 0, count: 4 << 20))
        try target.copy(from: source, at: 900_000, length: 200_000, to: 6 << 20)
        #expect(try target.firstNonzero(in: 6 << 20..<8 << 20) == (6 << 20) + 100_000..<(6 << 20) + 100_001)
    }
}
