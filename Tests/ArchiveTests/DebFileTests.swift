import Archive
import Glibc
import LinuxSystem
import Testing

@Suite struct DebFileTests {
    /// An ar archive with the given members, as dpkg lays it out.
    static func ar(_ members: [(String, [UInt8])]) -> [UInt8] {
        func padded(_ text: String, _ width: Int) -> [UInt8] {
            Array(text.utf8) + [UInt8](repeating: 0x20, count: width - text.utf8.count)
        }
        var bytes = Array("!<arch>\n".utf8)
        for (name, content) in members {
            bytes += padded(name, 16) + padded("0", 12) + padded("0", 6) + padded("0", 6) + padded("100644", 8)
            bytes += padded("\(content.count)", 10) + [0x60, 0x0A] + content
            if content.count % 2 == 1 { bytes.append(0x0A) }
        }
        return bytes
    }

    func open(_ bytes: [UInt8]) throws -> DebFile {
        let directory = try TemporaryDirectory()
        try AtomicFile.write(bytes, to: directory.path + "/x.deb")
        return try DebFile(try Descriptor.open(directory.path + "/x.deb"), name: "x.deb")
    }

    @Test func refusesWhatIsNotAPackage() throws {
        for bytes in [
            [], Array("!<arch>".utf8), Array("!<arch>\ngarbage".utf8), Self.ar([]),
            Self.ar([("debian-binary", Array("3.0\n".utf8)), ("control.tar", []), ("data.tar", [])]),
            Self.ar([("debian-binary", Array("2.0\n".utf8)), ("control.tar", [])]),
        ] {
            #expect(throws: ArchiveError.self) { _ = try open(bytes) }
        }
    }

    @Test func refusesACutMember() throws {
        var bytes = Self.ar([("debian-binary", Array("2.0\n".utf8)), ("control.tar", [1, 2]), ("data.tar", [3, 4])])
        bytes.removeLast()
        #expect(throws: ArchiveError(archive: "x.deb", message: "member data.tar at byte 134 is cut off")) {
            _ = try open(bytes)
        }
    }

    @Test func refusesDamagedPayload() throws {
        let noise = (0..<512).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let deb = try open(
            Self.ar([("debian-binary", Array("2.0\n".utf8)), ("control.tar.xz", noise), ("data.tar.xz", noise)]))
        #expect(throws: ArchiveError.self) { _ = try deb.controlFiles() }
        #expect(throws: ArchiveError.self) { _ = try deb.payload().next() }
    }
}
