import Debian
import LinuxSystem
import PiscesTesting
import Testing

@Suite struct LockTests {
    @Test func textMatchesItsGolden() throws {
        #expect(differenceFromGolden(try sampleLock().text, "sample.lock") == nil)
    }

    @Test func readingGivesBackWhatWasWritten() throws {
        let lock = try sampleLock()
        let read = try Lock(parsing: Array(lock.text.utf8), file: "sample.lock")
        #expect(read == lock)
        #expect(read.text == lock.text)
        #expect(read.digest == lock.digest)
    }

    @Test func orderOfTheInputDoesNotMatter() throws {
        let lock = try sampleLock()
        var other = lock
        other.packages.reverse()
        other.toolPackages.reverse()
        other.releases.reverse()
        other.images.reverse()
        #expect(other.text == lock.text)
        #expect(try Lock(parsing: Array(other.text.utf8), file: "sample.lock") == lock)
    }

    /// Packages of a system that was copied: their bytes are in no repository.
    private func copiedLock() throws -> Lock {
        var lock = try sampleLock()
        lock.packages[0].source = .system(.repacked)
        lock.packages[0].pristine = [
            "/etc/bash.bashrc": String(repeating: "a", count: 32), "/etc/a file": String(repeating: "0", count: 32),
        ]
        lock.packages[1].source = .system(.installed)
        return lock
    }

    @Test func packagesOfACopiedSystemAreRead() throws {
        let lock = try copiedLock()
        #expect(try Lock(parsing: Array(lock.text.utf8), file: "copied.lock") == lock)
        let zeros = String(repeating: "0", count: 32)
        #expect(
            lock.text.contains(
                "Source-System: repacked\nFilename: pool/main/b/bash/bash_5.2.37-2+b10_amd64.deb\n"))
        #expect(lock.text.contains("Installed: auto\nConffiles:\n \(zeros) /etc/a file\n aaaa"))
        #expect(lock.text.contains("Source-System: installed\n"))
        for (good, bad, message) in [
            ("Source-System: repacked", "Source-System: found", "installed or repacked"),
            (" \(zeros) /etc/a file", " \(zeros) etc/a file", "MD5 /PATH"),
            (" \(zeros) /etc/a file", " 0000 /etc/a file", "MD5 /PATH"),
            (" \(zeros) /etc/a file", " \(zeros) /etc/bash.bashrc", "each path once"),
            (" \(zeros) /etc/a file", " \(zeros)", "MD5 /PATH"),
        ] {
            let damaged = lock.text.replacing(good, with: bad)
            let error = #expect(throws: Deb822.SyntaxError.self) {
                try Lock(parsing: Array(damaged.utf8), file: "copied.lock")
            }
            #expect(error?.description.contains(message) == true, "\(error.map(\.description) ?? "")")
        }
    }

    @Test(arguments: [
        ("Pisces-Lock: 1", "Pisces-Lock: 2", "format"), ("Pisces-Lock: 1", "Lock: 1", "not a lock"),
        ("Epoch: 1763194000", "Epoch: soon", "not a number"), ("Epoch: 1763194000\n", "", "'Epoch' is missing"),
        ("Epoch: 1763194000", "Epoch: +1763194000", "not a number"),
        ("Epoch: 1763194000", "Epoch: 1763194000\nColour: red", "'Colour'"),
        (" pisces 0.1.0", " pisces", "name version"),
        ("Uid: 100", "Uid: -1", "not a number"), ("Uid: 100", "Uid: 4294967296", "not a number"),
        ("User: messagebus", "Person: messagebus", "'Person'"), ("User: systemd-network", "User: messagebus", "twice"),
        ("Installed: auto", "Installed: maybe", "auto or manual"), ("Essential: yes", "Essential: no", "'Essential'"),
        ("Filename: pool/main/b/bash/bash_5.2.37-2+b10_amd64.deb", "Filename: ../../etc/passwd", ".."),
        ("Filename: pool/main/b/bash/bash_5.2.37-2+b10_amd64.deb", "Filename: /etc/passwd", "relative"),
        ("Version: 5.2.37-2+b10", "Version: five", "not a version"),
        ("Size: 1500792", "Size: -1", "between 0 and 1099511627776"),
        ("Source-Release: trixie\n", "Source-Release: sid\n", "no paragraph"),
        ("Package: tiny\nVersion: 1.0\nArchitecture: all", "Package: bash\nVersion: 1.0\nArchitecture: amd64", "twice"),
        ("Role: tool", "Role: toy", "tool"), ("Role: tool\n", "", "twice"),
        ("Date: 2025-11-15T08:06:40Z", "Date: 2025-11-31T08:06:40Z", "not a time"),
        ("Suite: trixie-security", "Suite: a b", "one word"),
        ("Architecture: amd64\nEssential", "Architecture: amd64\nessential", ""),
        (" 5 index", " 5 table", "wanted SHA-256"), (" 5 index", " five index", "wanted SHA-256"),
        (" 5 index", " -5 index", "wanted SHA-256"), (" 5 index", " 5 config", "one manifest, one config"),
        (" 5 index", " 5 index of", "wanted SHA-256"), (" 8 manifest\n", " 8 layer\n", "one manifest, one config"),
        ("Image: localhost/responder", "Image: a b", "one word"),
    ])
    func damageIsNamedWithItsLine(good: String, bad: String, message: String) throws {
        let text = try sampleLock().text
        let parts = text.split(separator: good, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2, "the sample has no '\(good)'")
        let damaged = Array((parts[0] + bad + parts[1]).utf8)
        if message.isEmpty {
            #expect(throws: Never.self) { try Lock(parsing: damaged, file: "sample.lock") }
            return
        }
        let error = #expect(throws: Deb822.SyntaxError.self) { try Lock(parsing: damaged, file: "sample.lock") }
        #expect(error?.description.contains(message) == true, "\(error.map(\.description) ?? "")")
        #expect(error?.description.hasPrefix("sample.lock:\(error?.line ?? 0): ") == true)
    }

    @Test func differenceTellsEveryChange() throws {
        let old = try sampleLock()
        #expect(old.difference(from: old) == [])
        var new = old
        new.epoch += 60
        new.tools["pisces"] = "0.2.0"
        new.releases.removeLast()
        new.packages[0].version = try #require(DebianVersion("5.3-1"))
        new.packages[1].digest = SHA256.hash([1])
        new.packages[2].version = try #require(DebianVersion("0.9"))
        new.packages[2].isManual = false
        new.packages.append(new.packages[0])
        new.packages[3].name = "zsh"
        new.toolPackages[0].version = try #require(DebianVersion("2.41-13"))
        new.images[0].manifest.digest = SHA256.hash([2])
        new.images.removeLast()
        new.users["messagebus"] = 101
        new.groups["messagebus"] = nil
        let lines = new.difference(from: old)
        #expect(
            lines == [
                "epoch: 2025-11-15T08:06:40Z → 2025-11-15T08:07:40Z",
                "changed tool pisces: 0.1.0 → 0.2.0",
                "removed release trixie-security: https://debian.example/debian-security trixie-security main of "
                    + "2025-11-15T08:06:40Z, \(SHA256.hash(Array("security".utf8)))",
                "upgraded bash:amd64 5.2.37-2+b10 → 5.3-1",
                "same version of libc6:amd64, 2.41-12, but other content: \(SHA256.hash(Array("libc6".utf8)))"
                    + " → \(SHA256.hash([1]))",
                "downgraded tiny:all 1.0 → 0.9",
                "tiny:all is now installed auto",
                "added zsh:amd64 5.3-1",
                "as a tool: upgraded libc6:amd64 2.41-12 → 2.41-13",
                "changed image localhost/responder: \(SHA256.hash(Array("manifest".utf8))) → \(SHA256.hash([2]))",
                "removed image registry.example/web:1@sha256:\(SHA256.hash(Array("index".utf8))): "
                    + "\(SHA256.hash(Array("index".utf8)))",
                "changed user messagebus: uid 100 → uid 101",
                "removed group messagebus: gid 101",
            ])
    }

    private func sampleLock() throws -> Lock {
        func digest(_ text: String) -> Digest { SHA256.hash(Array(text.utf8)) }
        func blob(_ text: String) -> LockedImage.Blob { .init(digest: digest(text), size: Int64(text.utf8.count)) }
        return Lock(
            blueprintName: "edge-gateway", blueprint: digest("blueprint"), architecture: "amd64", epoch: 1_763_194_000,
            tools: ["pisces": "0.1.0", "erofs-writer": "1"],
            releases: [
                LockedRelease(
                    name: "trixie-security", uri: "https://debian.example/debian-security", suite: "trixie-security",
                    components: ["main"], digest: digest("security"), date: 1_763_194_000),
                LockedRelease(
                    name: "trixie", uri: "https://debian.example/debian", suite: "trixie",
                    components: ["main", "contrib"], digest: digest("trixie"), date: 1_757_663_741),
            ],
            packages: [
                LockedPackage(
                    name: "tiny", version: try #require(DebianVersion("1.0")), architecture: "all",
                    source: .directory("local"), filename: "tiny 1.0.deb", size: 632, digest: digest("tiny"),
                    isManual: true),
                LockedPackage(
                    name: "libc6", version: try #require(DebianVersion("2.41-12")), architecture: "amd64",
                    priority: "optional", source: .release("trixie-security"),
                    filename: "pool/main/g/glibc/libc6_2.41-12_amd64.deb", size: 2_846_580, digest: digest("libc6")),
                LockedPackage(
                    name: "bash", version: try #require(DebianVersion("5.2.37-2+b10")), architecture: "amd64",
                    isEssential: true, priority: "required", source: .release("trixie"),
                    filename: "pool/main/b/bash/bash_5.2.37-2+b10_amd64.deb", size: 1_500_792, digest: digest("bash")),
            ],
            toolPackages: [
                LockedPackage(
                    name: "mtools", version: try #require(DebianVersion("4.0.48-1")), architecture: "amd64",
                    priority: "optional", source: .release("trixie"),
                    filename: "pool/main/m/mtools/mtools_4.0.48-1_amd64.deb", size: 207_000, digest: digest("mtools"),
                    isManual: true),
                // The same file in both roles.
                LockedPackage(
                    name: "libc6", version: try #require(DebianVersion("2.41-12")), architecture: "amd64",
                    priority: "optional", source: .release("trixie-security"),
                    filename: "pool/main/g/glibc/libc6_2.41-12_amd64.deb", size: 2_846_580, digest: digest("libc6")),
            ],
            images: [
                LockedImage(
                    reference: "registry.example/web:1@sha256:\(digest("index"))", index: blob("index"),
                    manifest: blob("manifest"), config: blob("config"),
                    layers: [blob("base"), blob("top"), blob("base")]),
                LockedImage(
                    reference: "localhost/responder", index: nil, manifest: blob("manifest"), config: blob("config"),
                    layers: []),
            ],
            users: ["messagebus": 100, "systemd-network": 998], groups: ["messagebus": 101])
    }
}
