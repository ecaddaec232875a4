import Glibc
import LinuxSystem
import Testing

@Suite struct AtomicDirectoryTests: ~Copyable {
    private let scratch: TemporaryDirectory
    private var path: String { "\(scratch.path)/output" }

    init() throws { scratch = try TemporaryDirectory() }

    private func make(_ content: String) throws -> AtomicDirectory {
        let made = try AtomicDirectory.create(path)
        try made.directory.makeFile("file").writeAll(content)
        return made
    }

    private func names() throws -> [String] { try Descriptor.directory(scratch.path).entries() }
    private func content() throws -> [UInt8] { try Descriptor.open("\(path)/file").readToEnd() }

    @Test func committedDirectoryIsAllThatIsLeft() throws {
        do {
            let made = try make("whole")
            #expect(access(path, F_OK) != 0)
            try made.commit()
        }
        #expect(try names() == ["output"])
        #expect(try content() == Array("whole".utf8))
    }

    @Test func abandonedDirectoryLeavesNothing() throws {
        do {
            let made = try make("half")
            try made.directory.makeDirectory("inner")
            try made.directory.setMode(0, of: "inner")
            #expect(try names().count == 1)
        }
        #expect(try names() == [])
    }

    @Test func whatHasTheNameIsReplacedAndRemoved() throws {
        for number in 1...2 {
            let made = try make("\(number)")
            if number == 2 { #expect(try content() == Array("1".utf8)) }
            try made.commit()
        }
        #expect(try names() == ["output"])
        #expect(try content() == Array("2".utf8))
    }

    /// Nothing in the process has a chance to clean up.
    @Test func deathOfTheProcessLeavesNothing() async throws {
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let made = try AtomicDirectory.create(path)
            try made.directory.makeFile("file").writeAll("half")
            guard try Descriptor.directory(parentDirectory(of: path)).entries().count == 1 else { return }
            kill(getpid(), SIGKILL)
        }
        for _ in 0..<100 {
            if try names().isEmpty { break }
            usleep(50_000)
        }
        #expect(try names() == [])
    }

    @Test func missingParentIsNamed() {
        #expect { _ = try AtomicDirectory.create("\(path)/inner/output") } throws: {
            "\($0)".contains("\(path)/inner")
        }
    }
}
