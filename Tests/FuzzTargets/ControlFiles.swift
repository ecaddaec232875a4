import LinuxSystem

@testable import Debian

extension FuzzTarget {
    /// Debian's texts.
    static let controlFiles = [deb822, lock, version, relations, packageIndex, releaseFile, database, timestamp]

    private static let control = """
        Package: libsample1
        Source: sample (1.2-1)
        Version: 1:1.2~rc1-3+b1
        Architecture: amd64
        Multi-Arch: same
        Essential: yes
        Priority: Optional
        Installed-Size: 12
        Depends: libc6 (>= 2.38), libfoo1:any (= 1) | libfoo2 (<< 3~), bar
        Replaces: libold (< 2)
        Conffiles:
         /etc/a 0123456789abcdef0123456789abcdef
        Description: short
         long
         .
         more

        """

    private static let deb822 = FuzzTarget(
        "deb822", words: ["Package: ", "\n .\n", "\n\n", "\n#", "\t", "\r\n", ": ", "-", "\n \n"],
        seeds: { [Array((control + "\nPackage: b\nVersion: 1\n").utf8), try made("apt-cache show dpkg bash > out")] },
        read: { input in
            let stanzas = try Deb822.parse(input, file: "a")
            try expectSame("a control file reads back", stanzas) {
                try Deb822.parse(Array(Deb822.write(stanzas).utf8), file: "b")
            }
        })

    private static let lock = FuzzTarget(
        "lock",
        words: [
            "Pisces-Lock: 1\n", "Blueprint: ", "Blueprint-SHA256: ", "Architecture: ", "Epoch: ", "Tools:\n ",
            "Release: ",
            "URI: ", "Suite: ", "Components: ", "SHA256: ", "Date: ", "Package: ", "Version: ", "Essential: yes\n",
            "Priority: ", "Source-Release: ", "Source-Directory: ", "Source-System: repacked\n", "Conffiles:\n ",
            "Filename: ", "Size: ", "Installed: auto\n",
            "User: ",
            "Uid: ", "Group: ", "Gid: ", "-9223372036854775808", "9223372036854775807", "4294967295", "manual",
        ],
        seeds: { [try repositoryFile("Tests/DebianTests/Goldens/sample.lock")] },
        read: { input in
            let lock = try Lock(parsing: input, file: "a")
            try expectSame("a lock reads back", lock) { try Lock(parsing: Array(lock.text.utf8), file: "b") }
            guard lock.difference(from: lock).isEmpty else { throw BrokenLaw("nothing differs from itself") }
        })

    private static let version = FuzzTarget(
        "version", words: ["~", "+", "2147483647:", "-1", "00", "."],
        seeds: { [joined("1:1.2~rc1-3+b1", "1.2-3"), joined("0:7.0", "7.00"), joined("1.0~", "1.0a")] },
        read: { input in
            let versions = parts(input, 2).map { DebianVersion(text($0)) }
            guard let left = versions[0], let right = versions[1] else { throw Refused() }
            let order = left.order(against: right)
            let mirrored: DebianVersion.Order =
                switch right.order(against: left) {
                case .earlier: .later
                case .same: .same
                case .later: .earlier
                }
            guard order == mirrored, left.order(against: left) == .same else {
                throw BrokenLaw("the order is an order")
            }
            guard DebianVersion(left.canonical)?.order(against: left) == .same else {
                throw BrokenLaw("the canonical form is the version")
            }
        })

    private struct Refused: Error {}

    private static let relations = FuzzTarget(
        "relations", words: [" (>= ", " (<< ", ")", " | ", ", ", ":any", "<", ">"],
        seeds: { [Array("libc6 (>= 2.38), libfoo1:any (= 1) | libfoo2 (<< 3~), bar (<1)".utf8)] },
        read: { input in
            guard let groups = Relation.parse(text(input)) else { throw Refused() }
            let written = groups.map { $0.map(\.description).joined(separator: " | ") }.joined(separator: ", ")
            try expectSame("a relationship reads back", groups) { try Relation.parse(written) ?? { throw Refused() }() }
        })

    private static let packageIndex = FuzzTarget(
        "package-index", words: ["Package: ", "\n\n", "package:", "\nP"],
        seeds: { [Array((control + "\nPackage: b\nVersion: 1\n").utf8), try made("apt-cache show dpkg bash > out")] },
        read: { input in
            let index = PackageIndex(input, file: "a")
            let names = index.names()
            guard !names.isEmpty else { throw Refused() }
            _ = nearNames(to: "libsampel1", in: names)
            _ = try index.stanzas(named: names)
        })

    private static let releaseFile = FuzzTarget(
        "release", words: ["Date: ", "SHA256:\n ", "-----BEGIN PGP SIGNED MESSAGE-----\n", "Valid-Until: ", "- "],
        seeds: {
            let body = """
                Origin: Debian
                Suite: stable
                Date: Sat, 15 Nov 2025 08:00:00 UTC
                SHA256:
                 50573ac999b4f7516852df798aafddb1ef893a0352b7c1c7559b984eb5a40bbc 1024 main/binary-amd64/Packages

                """
            let begin = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
            return [
                Array(body.utf8), Array("\(begin)\(body)-----BEGIN PGP SIGNATURE-----\n\nAA==\n-----END\n".utf8),
            ]
        },
        read: { input in _ = try ReleaseFile(parsing: input, file: "a") })

    private static let database = FuzzTarget(
        "dpkg-database", words: ["interest-noawait ", "activate ", "remove-on-upgrade ", "/etc/", "Multi-Arch: same"],
        seeds: {
            [joined(control, "/etc/a\nremove-on-upgrade /etc/b\n", "interest-noawait /usr/lib\nactivate ldconfig\n")]
        },
        read: { input in
            let files = parts(input, 3)
            let control = try Deb822.parseOne(files[0], file: "control")
            let conffiles = try DpkgDatabase.conffiles(files[1], file: "conffiles")
            _ = try DpkgDatabase.triggerFiles([(control, files[2]), (control, files[2])])
            _ = DpkgDatabase.fileList(text(files[1]).split(separator: "\n").map(String.init))
            let stanza = try DpkgDatabase.statusStanza(control: control, conffiles: conffiles, state: .unpacked)
            _ = try Deb822.parse(Array(DpkgDatabase.status([stanza]).utf8), file: "status")
            guard let version = stanza["Version"].flatMap({ DebianVersion($0) }) else { return }
            _ = try DpkgDatabase.replaces(control: control, package: "libold", version: version)
        })

    private static let timestamp = FuzzTarget(
        "timestamp", words: ["UTC", "+0000", "T", "Z", ":", "Feb", "29"],
        seeds: { [joined("2025-11-15T08:00:00Z", "Sat, 15 Nov 2025 08:00:00 UTC", "-62135596800")] },
        read: { input in
            let texts = parts(input, 3).map(text)
            if let seconds = Timestamp.parse(texts[0]), Timestamp.text(seconds) != texts[0] {
                throw BrokenLaw("a time reads back")
            }
            if let date = Timestamp.parseReleaseDate(texts[1]) {
                try expectSame("a release's time reads back", date) {
                    try Timestamp.parse(Timestamp.text(date)) ?? { throw Refused() }()
                }
            }
            // What the lock of a person may hold.
            if let seconds = Int64(texts[2]) { _ = Timestamp.text(seconds) }
        })
}
