import BootArtefacts
import Controller
import Glibc
import LinuxSystem
import SlotMachine
import Testing

@Suite struct SystemdBootTests {
    let storage: Storage
    let boot: SystemdBoot

    init() throws {
        storage = try Storage()
        boot = SystemdBoot(try DirectoryVolume(path: storage.esp))
    }

    private func text(_ entry: String) throws -> String {
        String(decoding: try Descriptor.open("\(storage.esp)/loader/entries/\(entry)").readToEnd(), as: UTF8.self)
    }

    private func put(_ bytes: [UInt8]) throws -> Digest {
        let image = SHA256.hash(bytes)
        try boot.store(image, sizeBytes: bytes.count) { offset, count in
            Array(bytes.dropFirst(offset).prefix(count))
        }
        return image
    }

    @Test func entryIsOneSectorThatSaysAllAndNoOptions() throws {
        try boot.setPrimary(generation(7), tries: 3)
        #expect(try storage.names("loader/entries") == ["pisces-7+3.conf"])
        let text = try text("pisces-7+3.conf")
        #expect(text.utf8.count == 512)
        let entry = try LoaderEntry(parsing: text)
        #expect(entry.generation == 7 && entry.title == "node (generation 7)")
        #expect(entry.image.hex == generation(7).candidate.kernelImage)
        #expect(try boot.primary() == 7)
        #expect(try boot.states() == [7: .counting(left: 3)])
    }

    @Test func newestWithTriesLeftIsPrimary() throws {
        try storage.addEntry("pisces-1.conf", image: SHA256.hash([1]))
        try boot.setPrimary(generation(2), tries: 3)
        #expect(try boot.primary() == 2)
        let entries = try Descriptor.directory(storage.esp + "/loader/entries")
        try entries.rename("pisces-2+3.conf", to: "pisces-2+0-3.conf")
        // The image's own entry says version 1.
        #expect(try boot.primary() == 1)
        #expect(try boot.states() == [1: .good, 2: .bad])
    }

    @Test func whatIsThereIsNotWrittenAgain() throws {
        try boot.setPrimary(generation(7), tries: 3)
        let entries = try Descriptor.directory(storage.esp + "/loader/entries")
        try entries.rename("pisces-7+3.conf", to: "pisces-7+1-2.conf")
        try boot.setPrimary(generation(7), tries: 3)
        #expect(try storage.names("loader/entries") == ["pisces-7+1-2.conf"])
    }

    @Test func goodEntryIsThereBeforeTheCountedOneGoes() throws {
        try boot.setPrimary(generation(7), tries: 3)
        let counted = try text("pisces-7+3.conf")
        try boot.setGood(7)
        #expect(try storage.names("loader/entries") == ["pisces-7.conf"])
        #expect(try text("pisces-7.conf") == counted)
        try boot.setGood(7)
        #expect(try boot.states() == [7: .good])
        // Cut off between the two.
        try AtomicFile.write(Array(counted.utf8), to: storage.esp + "/loader/entries/pisces-7+2-1.conf")
        #expect(try boot.states() == [7: .blessing])
        try boot.setGood(7)
        #expect(try storage.names("loader/entries") == ["pisces-7.conf"])
        #expect(throws: ControllerError.self) { try boot.setGood(9) }
    }

    /// The first of the two writes that make an entry.
    @Test func entryOfCommentsIsNone() throws {
        let comments = [UInt8(ascii: "#")] + [UInt8](repeating: 10, count: 511)
        try AtomicFile.write(comments, to: storage.esp + "/loader/entries/pisces-7+3.conf")
        #expect(try boot.states() == [:])
        #expect(try boot.primary() == nil)
        try boot.setPrimary(generation(7), tries: 3)
        #expect(try boot.primary() == 7)
    }

    @Test func entriesOfOthersStay() throws {
        for name in ["debian.conf", "pisces-x.conf", "pisces-07.conf", "pisces-7.conf.bak"] {
            try storage.addEntry(name, image: SHA256.hash([9]))
        }
        try boot.setPrimary(generation(7), tries: 3)
        try boot.retire { _ in true }
        #expect(
            try storage.names("loader/entries") == [
                "debian.conf", "pisces-07.conf", "pisces-7.conf.bak", "pisces-x.conf",
            ])
    }

    @Test func nameThatIsTooLongOrNoLineIsRefused() throws {
        #expect(throws: ControllerError.self) {
            try boot.setPrimary(generation(7, name: String(repeating: "n", count: 400)), tries: 3)
        }
        #expect(throws: ControllerError.self) { try boot.setPrimary(generation(7, name: "a\nlinux /x"), tries: 3) }
        #expect(try storage.names("loader/entries") == [])
    }

    @Test func imageIsStoredOnceAndWhole() throws {
        let bytes = [UInt8](repeating: 5, count: 3_000_000)
        let image = try put(bytes)
        let path = "\(storage.esp)/EFI/pisces/\(image).efi"
        let inode = try Descriptor.open(path).status().inode
        try boot.store(image, sizeBytes: bytes.count) { _, _ in
            Issue.record("it was read once more")
            return []
        }
        #expect(try Descriptor.open(path).status().inode == inode)
        // What a power cut left is no image.
        try Descriptor.open(path, O_RDWR).truncate(to: 100)
        #expect(try put(bytes) == image)
        #expect(try SHA256.hash(Descriptor.open(path)) == image)
    }

    @Test func imageOfOtherBytesIsFoundOut() throws {
        let error = #expect(throws: ControllerError.self) {
            try boot.store(SHA256.hash([1]), sizeBytes: 10) { _, count in [UInt8](repeating: 0, count: count) }
        }
        #expect(error?.kind == .readBack)
    }

    @Test func imagesThatAnEntryNamesAreKept() throws {
        let images = try (0..<3).map { try put([UInt8($0)]) }
        try storage.addEntry("debian.conf", image: images[0])
        try storage.addEntry("pisces-1.conf", image: images[1])
        try AtomicFile.write([1], to: storage.esp + "/EFI/pisces/other.efi")
        try boot.removeUnusedImages()
        #expect(try Set(storage.names("EFI/pisces")) == ["\(images[0]).efi", "\(images[1]).efi", "other.efi"])
    }

    @Test func roomForTwoImagesIsAskedForBeforeAnything() throws {
        let image = try put([1, 2, 3])
        try boot.checkSpace(for: image, sizeBytes: .max)
        let error = #expect(throws: ControllerError.self) {
            try boot.checkSpace(for: SHA256.hash([4]), sizeBytes: 1 << 50)
        }
        #expect(error?.kind == .space)
        #expect(error?.message.contains("twice the kernel image's") == true)
        for size in [Int.max, -1] {
            #expect(throws: ControllerError.self) { try boot.checkSpace(for: SHA256.hash([4]), sizeBytes: size) }
        }
    }
}
