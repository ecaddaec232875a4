import BlueprintModel
import Debian
import Disk
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Constructor

@Suite final class SplitFilesTests {
    private let scratch: TemporaryDirectory
    private let plan: ImagePlan
    private let blueprint: Blueprint
    private let image: Descriptor
    private let facts: BuiltDisk.Facts
    private static let rootHash = SHA256.hash([1])
    private static let kernelImage = [UInt8](repeating: 0x4D, count: 1000)

    /// A disk with some bytes where root and hash tree are, by a name so long that archives need more than a header.
    init() throws {
        scratch = try TemporaryDirectory()
        blueprint = Blueprint(name: String(repeating: "n", count: 63))
        plan = try ImagePlan(blueprint: blueprint, seed: Self.rootHash, layout: try shippedLayout("uefi"))
        image = try Descriptor.open("\(scratch.path)/disk", O_RDWR | O_CREAT)
        try image.truncate(to: plan.size)
        var generator = SeededGenerator(state: 1)
        var artefacts: [ImageBuilder.Artefact] = []
        for (name, role, size) in [("root", ImageLayout.Role.root, 3 << 20), ("verity", .verity, 12_288)] {
            let start = try plan.place(role).start
            // With a hole, and one at the end.
            try image.writeAll(generator.bytes(5000), at: start)
            if name == "root" { try image.writeAll(generator.bytes(70_000), at: start + (1 << 20)) }
            artefacts.append(.init(name: name, size: size, digest: try SHA256.hash(image, in: start..<start + size)))
        }
        artefacts.append(.init(name: "uki", size: 1000, digest: SHA256.hash(Self.kernelImage)))
        let manifest = Manifest(
            blueprint: blueprint, lock: Self.lock, plan: plan, rootHash: Self.rootHash, artefacts: artefacts,
            commandLine: "roothash=\(Self.rootHash)", release: 7)
        facts = BuiltDisk.Facts(
            plan: plan, rootHash: Self.rootHash, artefacts: artefacts, kernelImage: Self.kernelImage, release: 7,
            manifest: try manifest.json)
    }

    private static let lock = Lock(
        blueprintName: "n", blueprint: rootHash, architecture: "amd64", epoch: 1_700_000_000, tools: ["pisces": "1"])

    private func files(signer: ManifestSigner? = nil) -> SplitFiles {
        SplitFiles(disk: facts, blueprint: blueprint, epoch: Self.lock.epoch, signer: signer)
    }

    private let signer = ManifestSigner(key: "key") { "signature of \($0.count) bytes\n" }

    private func writeDirectory(_ signer: ManifestSigner? = nil) throws -> String {
        let path = "\(scratch.path)/directory"
        try makeDirectories(path)
        try files(signer: signer).write(from: image, to: try Descriptor.directory(path))
        return path
    }

    private func writeArchive(_ name: String = "archive", _ signer: ManifestSigner? = nil) throws -> String {
        let path = "\(scratch.path)/\(name)"
        let file = try AtomicFile.create(path)
        try files(signer: signer).archive(from: image, to: file.descriptor)
        try file.commit()
        return path
    }

    @Test func namesAreOrderedByRelease() throws {
        let pair = GUID.halves(of: Self.rootHash)
        let prefix = "\(blueprint.name)_7"
        #expect(
            try Set(Descriptor.directory(try writeDirectory()).entries()) == [
                "manifest.json", "SHA256SUMS", "\(prefix).efi", "\(prefix)_\(pair.data).root.erofs",
                "\(prefix)_\(pair.hashTree).verity",
            ])
    }

    @Test func sumsAreThoseOfSha256sumAndLeaveSignaturesOut() throws {
        let path = try writeDirectory(signer)
        let said = try run("sh", "-euc", "cd \(path); sha256sum -c --strict SHA256SUMS")
        #expect(said.split(separator: "\n").count == 4 && !said.contains("sig"))
        let manifest = try Descriptor.open("\(path)/manifest.json").readToEnd()
        let signature = String(decoding: try Descriptor.open("\(path)/manifest.json.sig").readToEnd(), as: UTF8.self)
        #expect(signature == "signature of \(manifest.count) bytes\n")
    }

    @Test func archiveIsTheDirectoryInTheOrderOfNeed() throws {
        let (archive, directory) = (try writeArchive("archive", signer), try writeDirectory(signer))
        let names = try run("tar", "-tf", archive).split(separator: "\n")
        #expect(names.prefix(3) == ["manifest.json", "manifest.json.sig", "\(blueprint.name)_7.efi"])
        #expect(names.count == 5 && names[3].hasSuffix(".root.erofs") && names[4].hasSuffix(".verity"))
        try makeDirectories("\(scratch.path)/unpacked")
        try run("tar", "-xf", archive, "-C", "\(scratch.path)/unpacked")
        try run("diff", "-r", "-x", "SHA256SUMS", "\(scratch.path)/unpacked", directory)
        // GNU tar pads archives, and would say so of one that ends early.
        #expect(try run("sh", "-c", "tar -tvf \(archive) 2>&1 >/dev/null") == "")
        #expect(try run("sh", "-c", "tar --utc -tvf \(archive) | grep -c ' 0/0 .* 2023-11-14 '") == "5\n")
        #expect(
            try Descriptor.open(archive).readToEnd() == Descriptor.open(try writeArchive("again", signer)).readToEnd())
    }

    @Test func unsignedHasNoFileOfSignatures() throws {
        #expect(try !run("tar", "-tf", try writeArchive()).contains("sig"))
        #expect(try !Descriptor.directory(try writeDirectory()).entries().contains("manifest.json.sig"))
    }

    @Test func manifestInTheImageDoesNotKnowItsRelease() throws {
        func manifest(_ release: Int?) throws -> JSONValue {
            try Manifest(
                blueprint: blueprint, lock: Self.lock, plan: plan, rootHash: Self.rootHash, artefacts: facts.artefacts,
                commandLine: "ro", release: release
            ).json
        }
        var published = try manifest(7).object ?? [:]
        #expect(published.removeValue(forKey: "release") == .integer(7))
        #expect(try manifest(nil) == .object(published))
        #expect(published["data-schema"] == nil && published["command-line"] == "ro")
        #expect(published["artefacts"]?.array?.map { $0["filesystem"]?.string } == ["erofs", nil, nil])
    }
}
