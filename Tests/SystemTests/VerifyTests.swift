import BlueprintModel
import Disk
import Filesystems
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// `pisces verify` on the real image; what each kind of damage is called, the tests of the module tell.
    @Suite struct VerifyTests {
        private let site: Site
        private let checks = [
            "manifest", "partition table", "EFI system partition", "root file system", "hash tree", "empty slot",
            "data partition", "unused space",
        ]

        init() throws { site = try Site.shared.get() }

        private func verify(_ arguments: String...) throws -> Outcome {
            try piscesCommand(["verify"] + arguments).outcome()
        }

        @Test func nothingIsWrongWithTheImage() throws {
            let outcome = try verify(site.image)
            #expect(outcome.status == .exited(0), "\(outcome.output)")
            #expect(outcome.errorLines == checks.map { "✓ \($0)" })
            let manifest = try fileText(site.image.dropLast(4) + ".manifest.json")
            let hash = try JSONValue(parsing: Array(manifest.utf8), file: "manifest")["root-hash"]?.string ?? ""
            #expect(outcome.output == "\(site.image): nothing is wrong, root hash \(hash)\n")
            let quiet = try verify(site.image, "--quiet")
            #expect(quiet.errors.isEmpty && quiet.output == outcome.output)
            let json = try verify(site.image, "--json")
            let result = try JSONValue(parsing: Array(json.output.utf8), file: "output")
            #expect(result["valid"]?.bool == true && result["root-hash"]?.string == hash)
            #expect(json.errorLines.count == checks.count)
        }

        @Test func changedByteIsNamedWithItsFile() throws {
            let image = try Descriptor.open(site.image, O_RDWR)
            let place = try #require(
                try PartitionTable.read(path: site.image).plan.partitions.first { $0.name == "root-1" })
            let root = try ErofsReader.open(image, at: Int(place.startBytes))
            let program = try root.contents(of: "/usr/bin/dpkg")
            // Where it is, found without the reader's help: files begin at blocks of their own.
            var offset = Int(place.startBytes)
            while try image.bytes(at: offset, count: 4096) != Array(program[..<4096]) { offset += 4096 }
            let byte = try image.bytes(at: offset + 5000, count: 1)
            defer { try? image.writeAll(byte, at: offset + 5000) }
            try image.writeAll([byte[0] ^ 0x80], at: offset + 5000)
            let wanted =
                "\(site.image): bytes \(offset + 4096) to \(offset + 8191): /usr/bin/dpkg: the data was changed\n"
            let outcome = try verify(site.image)
            #expect(outcome.status == .exited(1))
            #expect(outcome.output == wanted)
            #expect(outcome.errorLines == checks.map { "\($0 == "root file system" ? "✗" : "✓") \($0)" })
            let json = try JSONValue(parsing: Array(try verify(site.image, "--json").output.utf8), file: "output")
            let finding = try #require(json["findings"]?.array?.first)
            #expect(json["valid"]?.bool == false && json["findings"]?.array?.count == 1)
            #expect(finding["start"]?.integer == offset + 4096 && finding["size"]?.integer == 4096)
            #expect(finding["path"]?.string == "/usr/bin/dpkg")
        }

        @Test func withoutAManifestTheImageIsHeldToItself() throws {
            let scratch = try TemporaryDirectory(in: site.path)
            try run("ln", site.image, "\(scratch.path)/alone.raw")
            let outcome = try verify("\(scratch.path)/alone.raw")
            #expect(outcome.status == .exited(0), "\(outcome.output)")
            #expect(outcome.errorLines.first?.hasPrefix("no manifest: ") == true)
            #expect(!outcome.errors.contains("✓ manifest"))
            let given = try verify("\(scratch.path)/alone.raw", "--manifest", site.image.dropLast(4) + ".manifest.json")
            #expect(given.status == .exited(0) && given.errorLines.first == "✓ manifest")
        }

        @Test func whatCannotBeReadIsAnError() throws {
            let scratch = try TemporaryDirectory(in: site.path)
            let missing = try verify("\(scratch.path)/none.raw")
            #expect(missing.status == .exited(1) && missing.errors.contains("none.raw: No such file"))
            let given = try verify(site.image, "--manifest", "\(scratch.path)/none.json")
            #expect(given.status == .exited(1) && given.errors.contains("none.json: No such file"))
            try write("{", to: "\(scratch.path)/broken.json")
            let broken = try verify(site.image, "--manifest", "\(scratch.path)/broken.json")
            #expect(broken.status == .exited(1) && broken.errors.contains("broken.json:1:2"), "\(broken.errors)")
            // Without an image it is about the slots of this machine, which has none.
            let slots = try verify()
            #expect(slots.status == .exited(1) && slots.errors.contains("/run/pisces/boot"), "\(slots.errors)")
        }
    }
}
