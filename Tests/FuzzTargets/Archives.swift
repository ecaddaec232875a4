import Archive
import LinuxSystem

extension FuzzTarget {
    /// Packages.
    static let archives = [tar, debFile, compressed]

    /// The first byte says whether the checksums of the headers are mended, so that mutations get behind them.
    private static let tar = FuzzTarget(
        "tar", words: ["ustar\u{0}00", "././@LongLink", "../", "00000000000\u{0}", "path=", "size=", "SCHILY.xattr."],
        seeds: {
            let files = "mkdir d; echo a > d/a; ln -s a d/b; ln d/a d/c; mkfifo d/p; chmod 4755 d/a; "
            let long = "mkdir -p d/$(printf %0120d 1); echo b > d/$(printf %0120d 1)/$(printf %0100d 2); "
            return try ["ustar", "gnu", "pax"].map { format in
                let longer = format == "ustar" ? "" : long
                return [1] + (try made("\(files)\(longer)tar -b1 --format=\(format) --owner=0 --group=0 -cf out d"))
            }
        },
        read: { input in
            let bytes = input.first == 1 ? withTarChecksums(Array(input.dropFirst())) : Array(input.dropFirst())
            try bytes.withUnsafeBytes { try readAll(try ArchiveReader.tar($0, name: "input")) }
        })

    /// A whole .deb, or after a first byte of 1 the length of an uncompressed control.tar, that and data.tar.
    private static let debFile = FuzzTarget(
        "deb",
        words: ["!<arch>\n", "debian-binary", "control.tar", "data.tar", ".xz", ".zst", "`\n", "./control", "2.0\n"],
        seeds: {
            let package =
                "mkdir -p t/DEBIAN t/usr; echo x > t/usr/f; "
                + "printf 'Package: a\\nVersion: 1\\nArchitecture: all\\nMaintainer: a\\nDescription: b\\n' > t/DEBIAN/control; "
            let debs = try ["none", "gzip", "xz"].map { compression in
                [0] + (try made("\(package)dpkg-deb --root-owner-group -Z\(compression) --build t out"))
            }
            let control = try made("\(package)tar -b1 -C t/DEBIAN -cf out ./control")
            let data = try made("\(package)tar -b1 -C t -cf out ./usr")
            return debs + [[1] + little(UInt64(control.count), 2) + control + data]
        },
        read: { input in
            var bytes = Array(input.dropFirst())
            if input.first == 1 {
                let count = Int(bytes.little(0, 2))
                bytes = ar([
                    ("debian-binary", Array("2.0\n".utf8)),
                    ("control.tar", withTarChecksums(Array(bytes.dropFirst(2).prefix(count)))),
                    ("data.tar", withTarChecksums(Array(bytes.dropFirst(2 + count)))),
                ])
            }
            try withFile(bytes) { file in
                let deb = try DebFile(file, name: "input")
                _ = try deb.controlFiles()
                try readAll(try deb.payload())
            }
        })

    private static let compressed = FuzzTarget(
        "compressed",
        seeds: { try ["gzip", "xz", "zstd"].map { try made("printf aaaabbbb%0100d 1 | \($0) > out") } },
        read: { input in
            _ = try input.withUnsafeBytes { try ArchiveReader.decompress($0, name: "input", limit: 16 << 20) }
        })

    private static func readAll(_ reader: consuming ArchiveReader) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { buffer.deallocate() }
        // A sparse member may claim to be endless.
        var budget = 64 << 20
        while try reader.next() != nil {
            while budget > 0, case let count = try reader.read(into: buffer), count > 0 { budget -= count }
        }
    }
}

/// The archive with the checksum that the bytes of each header have (POSIX, pax: ustar interchange format).
func withTarChecksums(_ archive: [UInt8]) -> [UInt8] {
    var archive = archive
    var offset = 0
    while offset + 512 <= archive.count {
        let header = archive[offset..<offset + 512]
        if header.contains(where: { $0 != 0 }) {
            archive.overwrite("        ".utf8, at: offset + 148)
            let sum = archive[offset..<offset + 512].reduce(0) { $0 + Int($1) }
            let digits = String(sum, radix: 8)
            archive.overwrite((String(repeating: "0", count: 6 - digits.count) + digits + "\0 ").utf8, at: offset + 148)
        }
        let size = archive[offset + 124..<offset + 135].reduce(0) { $0 << 3 | Int($1 & 7) }
        offset += 512 + (size > archive.count ? 0 : (size + 511) / 512 * 512)
    }
    return archive
}

/// An archive as dpkg lays it out (deb(5)).
func ar(_ members: [(name: String, content: [UInt8])]) -> [UInt8] {
    members.reduce(Array("!<arch>\n".utf8)) { archive, member in
        let fields = [(member.name, 16), ("0", 12), ("0", 6), ("0", 6), ("100644", 8), ("\(member.content.count)", 10)]
        let header = fields.map { $0 + String(repeating: " ", count: $1 - $0.utf8.count) }.joined() + "`\n"
        return archive + header.utf8 + member.content + (member.content.count % 2 == 1 ? [0x0A] : [])
    }
}
