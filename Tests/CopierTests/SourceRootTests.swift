import Copier
import LinuxSystem
import PiscesTesting
import Testing

@Suite final class SourceRootTests {
    private let directory: TemporaryDirectory
    private let root: SourceRoot

    init() throws {
        directory = try TemporaryDirectory()
        try AtomicFile.write(Array("outside".utf8), to: "\(directory.path)/secret")
        try makeDirectories("\(directory.path)/root/etc")
        try AtomicFile.write(Array("node\n".utf8), to: "\(directory.path)/root/etc/hostname")
        root = try SourceRoot(path: "\(directory.path)/root")
    }

    @Test func filesAreReadAndWhatIsNotThereIsNil() throws {
        #expect(try root.readText("/etc/hostname") == "node\n")
        #expect(try root.read("/etc/nothing") == nil)
        #expect(try root.read("/etc/hostname/below") == nil)
        #expect(throws: SystemError.self) { try root.read("/etc/hostname", limit: 4) }
    }

    @Test(arguments: ["/etc/hostname", "../../../etc/hostname"]) func symlinksStayInside(_ target: String) throws {
        _ = try Command("ln", ["-s", target, "\(directory.path)/root/link"]).run()
        #expect(try root.readText("/link") == "node\n")
        _ = try Command("ln", ["-s", "../secret", "\(directory.path)/root/out"]).run()
        #expect(try root.read("/out") == nil)
    }
}
