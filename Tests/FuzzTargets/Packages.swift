import CLinux
import Glibc
import LinuxSystem

@testable import Archive
@testable import Constructor
@testable import Debian

extension FuzzTarget {
    /// What unpacking does to the file system.
    static let packages = [unpack]

    private struct Refused: Error {}

    /// The length of the first package's data.tar in two bytes, that, and the second's, which replaces files of the first.
    private static let unpack = FuzzTarget(
        "unpack",
        words: ["../", "..", "./", "/", "canary", "usr/out/canary", "ustar\u{0}00", "path=", "linkpath=", "size="],
        seeds: {
            // An ordinary user can give files to nobody else.
            let pack = "tar -b1 --owner=$(id -u) --group=$(id -g)"
            let files = "mkdir -p usr/d; echo a > usr/a; ln -s ../a usr/d/up; ln usr/a usr/hard; ln -s d usr/e"
            let first = try made("\(files); \(pack) --format=gnu -cf out ./usr")
            let second = try made("mkdir usr; echo b > usr/a; ln -s /usr/d usr/x; \(pack) --format=pax -cf out ./usr")
            // A link that leads out, and a file behind it.
            let out = try made(
                """
                mkdir usr; ln -s ../.. usr/out; \(pack) --format=gnu -cf out ./usr; rm usr/out; mkdir usr/out
                echo c > usr/out/canary; \(pack) --format=gnu -rf out ./usr/out/canary
                """)
            let pairs = [(first, second), (out, second), (second, first)]
            return pairs.map { little(UInt64($0.count), 2) + $0 + $1 }
        },
        read: { input in
            let count = Int(input.little(0, 2))
            let payloads = [Array(input.dropFirst(2).prefix(count)), Array(input.dropFirst(2 + count))]
                .map(withTarChecksums)
            for payload in payloads { try payload.withUnsafeBytes { try requireSmall($0) } }
            let directory = try TemporaryDirectory()
            let root = "\(directory.path)/root"
            try makeDirectories(root)
            let canary = try Descriptor.open("\(directory.path)/canary", O_RDWR | O_CREAT, mode: 0o600)
            try canary.writeAll("canary")
            let before = try canary.status()
            let outcome = Result { try unpack(payloads, into: try StagedRoot(path: root)) }
            // The number of its links among it.
            guard try canary.status() == before, try canary.bytes(at: 0, count: 6).elementsEqual("canary".utf8),
                try Descriptor.directory(directory.path).entries() == ["canary", "root"]
            else { throw BrokenLaw("unpacking changes nothing outside the root") }
            try outcome.get()
        })

    private static func unpack(_ payloads: [[UInt8]], into root: StagedRoot) throws {
        guard let version = DebianVersion("1") else { throw Refused() }
        let packages = payloads.indices.map { index in
            LockedPackage(
                name: "package\(index)", version: version, architecture: "all", source: .directory("input"),
                filename: "\(index)", size: 1, digest: SHA256.hash([UInt8(index)]))
        }
        var unpack = Unpack(root: root) { package in
            let index = package.name == "package0" ? 0 : 1
            let control = "Package: \(package.name)\nVersion: 1\nReplaces: package0\n"
            let bytes = ar([
                ("debian-binary", Array("2.0\n".utf8)), ("control.tar", tar(of: control)),
                ("data.tar", payloads[index]),
            ])
            let file = Descriptor(adopting: clinux_memory_file("fuzz"), name: package.name)
            try file.writeAll(bytes)
            return try DebFile(file, name: package.name)
        }
        _ = try unpack.run(try Unpack.read(packages, open: unpack.open)) {}
    }

    /// An archive of the one member `control`.
    private static func tar(of control: String) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        header.overwrite("./control".utf8, at: 0)
        header.overwrite("0000644\u{0}0000000\u{0}0000000\u{0}".utf8, at: 100)
        let size = String(control.utf8.count, radix: 8)
        header.overwrite(
            (String(repeating: "0", count: 11 - size.count) + size + "\u{0}00000000000\u{0}").utf8, at: 124)
        header.overwrite("0".utf8, at: 156)
        header.overwrite("ustar\u{0}00".utf8, at: 257)
        return withTarChecksums(header) + Array(control.utf8).padded(0, 512) + [UInt8](repeating: 0, count: 1024)
    }

    /// A sparse member may claim to be endless, and would fill the disk.
    private static func requireSmall(_ archive: UnsafeRawBufferPointer) throws {
        let reader = try ArchiveReader.tar(archive, name: "input")
        var size = 0
        while let entry = try reader.next() {
            guard case .file(let bytes) = entry.kind else { continue }
            guard (0...1 << 20).contains(bytes), size < 1 << 20 else { throw Refused() }
            size += bytes
        }
    }
}
