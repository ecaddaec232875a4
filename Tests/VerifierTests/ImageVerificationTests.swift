import BlueprintModel
import Disk
import Filesystems
import Glibc
import LinuxSystem
import PiscesTesting
import Testing
import Verifier

private typealias Place = SampleImage.Place

/// A copy of the sample image that a test may break.
private final class BrokenImage {
    let sample: SampleImage
    let directory: TemporaryDirectory
    let file: Descriptor
    var path: String { "\(directory.path)/sample.raw" }

    init(_ sample: SampleImage? = nil) throws {
        let sample = try sample ?? SampleImage.shared.get()
        self.sample = sample
        directory = try TemporaryDirectory()
        file = try Descriptor.open("\(directory.path)/sample.raw", O_RDWR | O_CREAT)
        try file.truncate(to: Place.disk.count)
        try file.copy(from: sample.file, at: 0, length: Place.disk.count, to: 0)
    }

    func manifest(_ edit: (inout JSONValue) -> Void = { _ in }) throws -> GenerationManifest {
        var value = sample.manifest
        edit(&value)
        return try GenerationManifest(parsing: value.canonicalBytes, file: "manifest")
    }

    func verify(_ manifest: GenerationManifest?) throws -> [Finding] {
        let medium = try Medium(try Descriptor.open(path))
        return try ImageVerification(medium, manifest: manifest).run().findings
    }

    func flip(_ offset: Int, _ bits: UInt8 = 0x10) throws {
        try file.writeAll([try file.bytes(at: offset, count: 1)[0] ^ bits], at: offset)
    }

    /// Where this text first is in the EFI system partition.
    func find(_ text: String) throws -> Int {
        let start = Place.systemPartition.lowerBound
        return start + (try #require(position(of: Array(text.utf8), in: try file.bytes(at: start, count: 3 << 20))))
    }
}

@Suite struct ImageVerificationTests {
    @Test func nothingIsWrongWithAnImageAsWritten() throws {
        let image = try BrokenImage()
        #expect(try image.verify(image.manifest()) == [])
        #expect(try image.verify(nil) == [])
        let medium = try Medium(try Descriptor.open(image.path))
        let verdict = try ImageVerification(medium, manifest: try image.manifest()).run()
        #expect(verdict.checks == Check.allCases)
        #expect(verdict.rootHash?.hex == image.sample.manifest["root-hash"]?.string)
    }

    /// Where a byte is changed, and what must be named.
    struct Change: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var offset: @Sendable (SampleImage) -> Int
        var check: Check
        /// How far the named range reaches before and behind the byte; nil for the byte alone.
        var around: Int?
        var path: String?
        var words: String
        /// Nothing but the manifest vouches for it.
        var needsManifest = false
    }

    private static let systemPartition = Place.systemPartition.lowerBound
    // FAT32 of 64 MiB has clusters of 512 bytes: 32 reserved sectors and more, so that data begins at a multiple of 4 KiB.
    static let changes: [Change] = [
        .init("boot code", 5, .table, words: "the boot code"),
        .init("master boot record", 447, .table, words: "the protective master boot record"),
        .init("primary header", 512 + 17, .table, words: "the primary table's header"),
        .init("reserved bytes of the primary header", 512 + 300, .table, words: "the primary table's header"),
        .init(
            "UUID in the primary table", 1024 + 128 + 20, .table, words: "the UUID of partition 2 \"root-1\" in the pri"
        ),
        .init("unused entry", 1024 + 128 * 90 + 60, .table, words: "the name of partition 91, which is unused,"),
        .init("behind the primary table", 20_000, .unused, words: "outside of the partitions"),
        .init("name of the volume's maker", systemPartition + 4, .systemPartition, words: "not as written"),
        .init("sectors in a cluster", systemPartition + 13, .systemPartition, around: 512, words: "boot sector"),
        .init("free clusters", systemPartition + 512 + 488, .systemPartition, words: "not as written"),
        .init("copy of the boot sector", systemPartition + 6 * 512 + 80, .systemPartition, words: "not as written"),
        .init("free cluster", systemPartition + 40 * 1_048_576, .systemPartition, words: "not as written"),
        .init(
            "large file", { $0.place(of: "large", 900_000) }, .root, around: 4096, path: "/usr/bin/large", words: "data"
        ),
        .init(
            "end of a file", { $0.place(of: "second", 69_999) }, .root, around: 4096, path: "/usr/bin/second",
            words: "data"),
        .init("root's superblock", Place.root.lowerBound + 1040, .root, around: 4096, words: "changed"),
        .init("behind the root", { Place.root.lowerBound + $0.rootSize }, .root, words: "behind the file system"),
        .init("signature of the tree", Place.tree.lowerBound + 1, .hashTree, around: 512, words: "superblock"),
        .init(
            "UUID of the tree", Place.tree.lowerBound + 20, .hashTree, around: 8192 * 8, words: "digest",
            needsManifest: true),
        .init("top of the tree", Place.tree.lowerBound + 4096 + 8, .hashTree, around: 4096, words: "hash block"),
        .init("level of the tree", Place.tree.lowerBound + 2 * 4096 + 8, .hashTree, around: 4096, words: "hash block"),
        .init("behind the tree", { Place.tree.lowerBound + $0.treeSize + 9 }, .hashTree, words: "behind the hash tree"),
        .init("empty root", Place.emptyRoot.lowerBound + 123_456, .emptySlot, words: "partition 4 is not empty"),
        .init("empty tree", Place.emptyTree.upperBound - 1, .emptySlot, words: "partition 5 is not empty"),
        .init("superblock of data", Place.data.lowerBound + 1024 + 0x3A, .data, around: 1024, words: "checksum"),
        .init("signature of data", Place.data.lowerBound + 1024 + 0x38, .data, around: 1024, words: "signature"),
        .init("behind the last partition", Place.data.upperBound, .unused, words: "outside of the partitions"),
        .init(
            "start in the backup table", Place.disk.upperBound - 33 * 512 + 128 * 5 + 33, .table,
            words: "the first sector of partition 6 \"data\" in the backup"),
        .init("backup header", Place.disk.upperBound - 512 + 9, .table, words: "the backup table's header"),
    ]

    @Test(arguments: changes)
    func changedByteIsNamedWithTheFileThatHoldsIt(change: Change) throws {
        let image = try BrokenImage()
        let offset = change.offset(image.sample)
        try image.flip(offset)
        for manifest in [try image.manifest(), nil] where manifest != nil || !change.needsManifest {
            let findings = try image.verify(manifest)
            let finding = try #require(findings.first { $0.check == change.check }, "\(findings)")
            #expect(findings.allSatisfy { $0.check == change.check }, "\(findings)")
            let range = try #require(finding.range)
            #expect(range.contains(offset), "\(finding)")
            #expect(range.count <= max(1, change.around ?? 0), "\(finding)")
            #expect(finding.path == change.path)
            #expect(finding.problem.contains(change.words), "\(finding)")
        }
    }

    // MARK: - Files of the EFI system partition

    @Test(arguments: [
        ("timeout 0", "/loader/loader.conf", false), ("type1\n", "/loader/entries.srel", false),
        ("title sample", "/loader/entries/pisces-1.conf", false), ("LLLLLLLLLL", "/EFI/BOOT/BOOTX64.EFI", false),
        ("roothash=", "/EFI/pisces/", true),
    ])
    func changedFileOfTheSystemPartitionIsNamed(content: String, path: String, isLarge: Bool) throws {
        let image = try BrokenImage()
        let offset = try image.find(content) + 1
        try image.flip(offset)
        let findings = try image.verify(image.manifest())
        #expect(findings.count == 1 && findings[0].check == .systemPartition, "\(findings)")
        #expect(findings.first?.path?.hasPrefix(path) == true, "\(findings)")
        let range = try #require(findings.first?.range)
        #expect(isLarge ? range.contains(offset) : range == offset..<offset + 1)
    }

    @Test func signedBootLoaderIsTheOneOfTheRoot() throws {
        let image = try BrokenImage(try SampleImage.signed.get())
        #expect(try image.verify(image.manifest()) == [])
        #expect(try image.verify(nil) == [])
        // In the program, which the root vouches for; and in the signature, of which there are two copies.
        let program = try image.find("LLLLLLLLLL") + 100
        let signature = try image.find("Pisces test")
        for (offset, copies) in [
            (program, ["/EFI/BOOT/BOOTX64.EFI"]), (signature, ["/EFI/systemd/systemd-bootx64.efi"]),
        ] {
            try image.flip(offset)
            let findings = try image.verify(image.manifest())
            #expect(findings.map(\.path) == copies, "\(findings)")
            #expect(findings.first?.range?.count == 1)
            try image.flip(offset)
        }
    }

    @Test func whatIsNotInItsPlaceIsNamed() throws {
        let image = try BrokenImage()
        // The 8.3 name of a file without a long one.
        let name = try image.find("BOOTX64 EFI")
        try image.flip(name, 0x02)
        let findings = try image.verify(image.manifest())
        let missing = findings.filter { $0.path == "/EFI/BOOT/BOOTX64.EFI" }
        #expect(missing.map(\.problem) == ["the file is missing"])
        let stranger = findings.filter { $0.path == "/EFI/BOOT/@OOTX64.EFI" }
        #expect(stranger.map(\.range) == [name..<name + 32] && stranger.map(\.problem) == ["nothing may be here"])
    }

    // MARK: - Other root file systems

    @Test(arguments: SampleImage.otherRoots.keys.sorted())
    func rootOfAnotherKindIsHeldToItsTreeAndDigest(kind: String) throws {
        let sample = try SampleImage(name: "other root", rootTool: SampleImage.otherRoots[kind])
        let image = try BrokenImage(sample)
        #expect(try image.verify(image.manifest()) == [])
        #expect(try image.verify(nil) == [])
        let offset = Place.root.lowerBound + sample.rootSize / 2
        try image.flip(offset)
        for manifest in [nil, try image.manifest()] {
            let findings = try image.verify(manifest)
            #expect(findings.map(\.check) == [.root] && findings.first?.range?.contains(offset) == true, "\(findings)")
            #expect(findings.first?.range?.count == 4096)
        }
        try image.flip(offset)
        // Of the boot loader's two copies, one is not like the other.
        try image.flip(try image.find("LLLLLLLLLL") + 5)
        for manifest in [nil, try image.manifest()] {
            #expect(try image.verify(manifest).map(\.check) == [.systemPartition])
        }
    }

    // MARK: - Whole images

    @Test(arguments: [0, 511, 17_407, 2 << 20, 66 << 20, (69 << 20) + 4096, 72 << 20, 80 << 20, (84 << 20) - 512])
    func truncatedImageIsNamedFromItsEndOn(size: Int) throws {
        let image = try BrokenImage()
        try image.file.truncate(to: size)
        let findings = try image.verify(image.manifest())
        #expect(findings.first?.check == .table && findings.first?.range == size..<Place.disk.upperBound, "\(findings)")
        for (check, place) in [
            (Check.systemPartition, Place.systemPartition), (.root, Place.root), (.emptySlot, Place.emptyRoot),
            (.data, Place.data),
        ] {
            let mine = findings.filter { $0.check == check }
            #expect(
                mine.isEmpty == (size >= place.upperBound || check == .emptySlot && size >= Place.emptyTree.upperBound))
            if size < place.upperBound {
                #expect(mine.first?.range == max(size, place.lowerBound)..<place.upperBound, "\(mine)")
            }
        }
        #expect(try !image.verify(nil).isEmpty)
    }

    @Test func imageThatGoesOnIsNamed() throws {
        let image = try BrokenImage()
        try image.file.truncate(to: Place.disk.upperBound + 4096)
        let findings = try image.verify(image.manifest())
        #expect(findings.map(\.range) == [Place.disk.upperBound..<Place.disk.upperBound + 4096])
    }

    @Test func swappedPartitionsAreNamed() throws {
        let image = try BrokenImage()
        try PartitionTable.update(path: image.path) { plan in
            let (root, tree) = (plan.partitions[1], plan.partitions[3])
            (plan.partitions[1].startBytes, plan.partitions[3].startBytes) = (tree.startBytes, root.startBytes)
        }
        let findings = try image.verify(image.manifest())
        #expect(findings.allSatisfy { $0.check == .table })
        // Headers and entries of both copies: the checksums of the entries differ too.
        #expect(findings.count == 4)
        #expect(findings[1].problem.hasPrefix("the first sector of partition 2 \"root-1\" in the primary table"))
        // The table agrees with itself, but root and tree do not.
        let alone = try image.verify(nil)
        #expect(alone.contains { $0.check == .root } && alone.contains { $0.check == .emptySlot }, "\(alone)")
    }

    @Test func manifestOfAnotherImageDoesNotFit() throws {
        let image = try BrokenImage()
        let other = try GenerationManifest(
            parsing: try SampleImage.other.get().manifest.canonicalBytes, file: "other.manifest.json")
        let findings = try image.verify(other)
        let checks = Set(findings.map(\.check))
        #expect(checks.isSuperset(of: [.table, .systemPartition, .root, .hashTree]), "\(findings)")
        #expect(findings.count <= 64)
    }

    @Test func garbageIsNoImage() throws {
        let image = try BrokenImage()
        var generator = SeededGenerator(state: 3)
        for content in [[], generator.bytes(100), generator.bytes(1 << 21), [UInt8](repeating: 0xFF, count: 1 << 20)] {
            try image.file.truncate(to: 0)
            try image.file.writeAll(content, at: 0)
            #expect(try image.verify(nil).map(\.check) == [.table])
            #expect(try !image.verify(image.manifest()).isEmpty)
        }
        // Behind a table that is whole.
        let whole = try BrokenImage()
        for place in [Place.systemPartition, Place.root, Place.tree, Place.data] {
            try whole.file.writeAll(generator.bytes(1 << 20), at: place.lowerBound)
        }
        for manifest in [nil, try whole.manifest()] {
            let checks = Set(try whole.verify(manifest).map(\.check))
            #expect(checks.isSuperset(of: [.systemPartition, .hashTree, .data]), "\(checks)")
        }
    }

    @Test(arguments: 0..<2)
    func everyChangedByteIsFoundAndNoneIsFatal(seed: UInt64) throws {
        let image = try BrokenImage()
        let manifest = try image.manifest()
        var generator = SeededGenerator(state: seed)
        let places = [
            0..<20_000, Place.systemPartition.lowerBound..<Place.systemPartition.lowerBound + 1_500_000,
            Place.root.lowerBound..<Place.root.lowerBound + image.sample.rootSize,
            Place.tree.lowerBound..<Place.tree.lowerBound + image.sample.treeSize,
            Place.disk.upperBound - 20_000..<Place.disk.upperBound,
        ]
        for place in places {
            for _ in 0..<6 {
                let (offset, bits) = (
                    Int.random(in: place, using: &generator), UInt8.random(in: 1...255, using: &generator)
                )
                try image.flip(offset, bits)
                let findings = try image.verify(manifest)
                #expect(
                    findings.contains { $0.range?.contains(offset) == true },
                    "byte \(offset), bits \(bits): \(findings)")
                _ = try image.verify(nil)
                try image.flip(offset, bits)
            }
        }
        #expect(try image.verify(manifest) == [])
    }

    // MARK: - Manifests

    @Test func manifestThatContradictsItselfIsNamed() throws {
        let image = try BrokenImage()
        func problems(_ key: String, _ value: JSONValue) throws -> [String] {
            let manifest = try image.manifest { manifest in
                guard case .object(var members) = manifest else { return }
                members[key] = value
                manifest = .object(members)
            }
            return try image.verify(manifest).filter { $0.check == .manifest }.map(\.problem)
        }
        let zero = String(repeating: "0", count: 64)
        #expect(try problems("root-hash", .string(zero)).first?.contains("not the halves") == true)
        #expect(try problems("generation", .integer(2)).first?.contains("generation 1, not 2") == true)
        #expect(try problems("architecture", .string("arm64")).first?.contains("amd64, not arm64") == true)
        #expect(try problems("name", .string("sample")).isEmpty)
    }

    @Test(arguments: [
        ("", "ends where a value"), ("[]", "manifest is missing"), ("{\"manifest\":2}", "version 2"),
        ("{\"manifest\":1}", "generation is missing"), ("{\"manifest\":1,\"generation\":-1}", "whole number"),
    ])
    func brokenManifestIsAnErrorThatNamesTheKey(text: String, words: String) {
        let error = #expect(throws: VerificationError.self) {
            try GenerationManifest(parsing: Array(text.utf8), file: "m.json")
        }
        #expect(error?.description.hasPrefix("m.json") == true && error?.description.contains(words) == true)
    }

    @Test func everyKeyOfAManifestIsNeeded() throws {
        let value = try SampleImage.shared.get().manifest
        for key in (value.object ?? [:]).keys {
            var members = value.object ?? [:]
            members[key] = nil
            #expect(throws: VerificationError.self, "\(key)") {
                try GenerationManifest(parsing: JSONValue.object(members).canonicalBytes, file: "m")
            }
        }
    }
}

extension ImageVerificationTests.Change {
    init(
        _ name: String, _ offset: Int, _ check: Check, around: Int? = nil, path: String? = nil, words: String,
        needsManifest: Bool = false
    ) {
        self.init(
            name, { _ in offset }, check, around: around, path: path, words: words, needsManifest: needsManifest)
    }

    init(
        _ name: String, _ offset: @escaping @Sendable (SampleImage) -> Int, _ check: Check, around: Int? = nil,
        path: String? = nil, words: String, needsManifest: Bool = false
    ) {
        self.init(
            testDescription: name, offset: offset, check: check, around: around, path: path, words: words,
            needsManifest: needsManifest)
    }
}
