import BootArtefacts
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// systemd's stub: from the package that is installed, else from the archive of this machine's release.
private let systemdStub: Result<[UInt8], any Error> = Result {
    let installed = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
    if let file = try? Descriptor.open(installed) { return try file.readToEnd() }
    let directory = try TemporaryDirectory()
    let fetched = try shell(
        "cd \(directory.path) && apt-get -q download systemd-boot-efi && dpkg-deb -x systemd-boot-efi_*.deb .")
    #expect(fetched.status == 0, "\(fetched.output)")
    return try Descriptor.open(directory.path + installed).readToEnd()
}

@Suite struct UnifiedKernelImageTests: ~Copyable {
    let directory: TemporaryDirectory
    let stub: [UInt8]
    var image: String { directory.path + "/image.efi" }

    init() throws {
        let stub = try systemdStub.get()
        directory = try TemporaryDirectory()
        self.stub = stub
    }

    static func parts() -> [UnifiedKernelImage.Section] {
        var generator = SeededGenerator(state: 1)
        return [
            (".osrel", Array("ID=debian\n".utf8)), (".cmdline", Array("root=/dev/mapper/root ro".utf8)),
            (".uname", Array("6.12.1-amd64".utf8)), (".linux", generator.bytes(70_001)),
            (".initrd", generator.bytes(300_000)),
        ]
    }

    @Test func sectionsAreReadBackBehindThoseOfTheStub() throws {
        let built = try UnifiedKernelImage.assemble(stub: stub, sections: Self.parts())
        let before = try UnifiedKernelImage.sections(of: stub)
        let after = try UnifiedKernelImage.sections(of: built)
        let wanted = before + Self.parts()
        #expect(after.map(\.name) == wanted.map(\.name))
        for (left, right) in zip(after, wanted) { #expect(left.content == right.content, "\(left.name)") }
        #expect(try UnifiedKernelImage.assemble(stub: stub, sections: Self.parts()) == built)
    }

    @Test func objcopyReadsTheSameSections() throws {
        try AtomicFile.write(UnifiedKernelImage.assemble(stub: stub, sections: Self.parts()), to: image)
        for (name, content) in Self.parts() {
            let dumped = try shell("objcopy -O binary --only-section=\(name) \(image) \(image)\(name)")
            #expect(dumped.status == 0, "\(dumped.output)")
            #expect(try Descriptor.open(image + name).readToEnd() == content)
        }
    }

    @Test func addressesAreWholePagesAndDoNotOverlap() throws {
        try AtomicFile.write(UnifiedKernelImage.assemble(stub: stub, sections: Self.parts()), to: image)
        let rows = try shell("objdump -h \(image)").output.split(separator: "\n").compactMap {
            line -> (String, Int, Int)? in
            let words = line.split(separator: " ")
            guard words.count == 7, Int(words[0]) != nil, let size = Int(words[2], radix: 16),
                let address = Int(words[3], radix: 16)
            else { return nil }
            return (String(words[1]), size, address)
        }
        #expect(rows.suffix(5).map(\.0) == Self.parts().map(\.name))
        #expect(rows.suffix(5).map(\.1) == Self.parts().map(\.content.count))
        let header = try shell("objdump -p \(image)").output.split(separator: "\n")
        let field = { (name: String) in
            let line = try #require(header.first { $0.hasPrefix(name) })
            return try #require(Int(line.split(separator: "\t").last ?? "", radix: 16))
        }
        let base = try field("ImageBase")
        for row in rows.suffix(5) { #expect((row.2 - base).isMultiple(of: 4096)) }
        let ordered = rows.sorted { $0.2 < $1.2 }
        for (left, right) in zip(ordered, ordered.dropFirst()) { #expect(left.2 + left.1 <= right.2) }
        let imageSize = try field("SizeOfImage")
        let last = try #require(ordered.last)
        #expect(imageSize >= last.2 - base + last.1 && imageSize < last.2 - base + last.1 + 8192)
    }

    /// Another way to the sum: 32-bit words, folded at the end (IMAGHELP's CheckSumMappedFile).
    private func checksum(_ bytes: [UInt8]) -> Int {
        let field = offset(bytes) + 88
        var sum = 0
        for (index, byte) in bytes.enumerated() where !(field..<field + 4).contains(index) {
            sum += Int(byte) << (8 * (index & 1))
        }
        while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }
        return sum + bytes.count
    }

    private func offset(_ bytes: [UInt8]) -> Int { Int(bytes[0x3C]) | Int(bytes[0x3D]) << 8 }

    private func storedChecksum(_ bytes: [UInt8]) -> Int {
        (0..<4).reduce(0) { $0 | Int(bytes[offset(bytes) + 88 + $1]) << (8 * $1) }
    }

    @Test func checksumIsTheOneThatObjcopyComputes() throws {
        try AtomicFile.write(stub, to: image)
        #expect(
            try shell("objcopy --add-section .x=/etc/passwd --change-section-vma .x=0x2000000 \(image) \(image)2")
                .status
                == 0)
        let oracle = try Descriptor.open(image + "2").readToEnd()
        #expect(storedChecksum(oracle) == checksum(oracle))
        let built = try UnifiedKernelImage.assemble(stub: stub, sections: Self.parts())
        #expect(storedChecksum(built) == checksum(built))
        let stamp = offset(built) + 8
        #expect(built[stamp..<stamp + 4].allSatisfy { $0 == 0 })
    }

    @Test func withoutSectionsOnlyTimeSymbolsAndChecksumChange() throws {
        var built = try UnifiedKernelImage.assemble(stub: stub, sections: [])
        for (field, count) in [(8, 12), (88, 4)] {
            let range = offset(stub) + field..<offset(stub) + field + count
            if field == 8 { #expect(built[range].allSatisfy { $0 == 0 }) }
            built.replaceSubrange(range, with: stub[range])
        }
        // Behind the sections there are at most symbols.
        #expect(stub.starts(with: built))
        try AtomicFile.write(stub, to: image)
        let symbols = try shell("objdump -h \(image) | awk '$1 ~ /^[0-9]+$/ { print $6, $3 }' | sort | tail -1").output
        let numbers = symbols.split(whereSeparator: \.isWhitespace).compactMap { Int($0, radix: 16) }
        #expect(numbers.count == 2 && built.count >= numbers.reduce(0, +))
    }

    @Test func headersGrowWhenTheTableHasNoRoom() throws {
        var parts = Self.parts()
        for number in 0..<30 { parts.append((".x\(number)", [UInt8](repeating: UInt8(number), count: 100))) }
        let built = try UnifiedKernelImage.assemble(stub: stub, sections: parts)
        let wanted = try UnifiedKernelImage.sections(of: stub) + parts
        let seen = try UnifiedKernelImage.sections(of: built)
        #expect(seen.map(\.name) == wanted.map(\.name))
        for (left, right) in zip(seen, wanted) { #expect(left.content == right.content, "\(left.name)") }
        try AtomicFile.write(built, to: image)
        #expect(try shell("objcopy -O binary --only-section=.text \(image) \(image)2").status == 0)
        #expect(try Descriptor.open(image + "2").readToEnd() == wanted[0].content)
        #expect(storedChecksum(built) == checksum(built))
    }

    @Test func headersNeverGrowIntoTheFirstSection() {
        var forged = stub
        // The first section's address: right behind the headers.
        let field = offset(stub) + 24 + 240 + 12
        forged.replaceSubrange(field..<field + 4, with: [0, 8, 0, 0])
        let many = (0..<60).map { (name: ".\($0)", content: [UInt8(1)]) }
        #expect { try UnifiedKernelImage.assemble(stub: forged, sections: many) } throws: {
            "\($0)".contains("first section is at 2048")
        }
    }

    @Test(arguments: ["", ".toolongname", ".sp ace", "/4", ".umläut", ".text", ".linux"])
    func impossibleOrTakenNameIsRefused(_ name: String) {
        #expect(throws: BootArtefactError.self) {
            try UnifiedKernelImage.assemble(stub: stub, sections: [(".linux", [1]), (name, [1])])
        }
    }

    @Test func emptySectionAndTooManyAreRefused() {
        #expect(throws: BootArtefactError.self) {
            try UnifiedKernelImage.assemble(stub: stub, sections: [(".cmdline", [])])
        }
        let many = (0..<95).map { (name: ".\($0)", content: [UInt8(1)]) }
        #expect(throws: BootArtefactError.self) { try UnifiedKernelImage.assemble(stub: stub, sections: many) }
    }

    @Test func signedStubIsRefused() {
        var signed = stub
        signed[offset(stub) + 24 + 112 + 4 * 8 + 4] = 1
        #expect { try UnifiedKernelImage.assemble(stub: signed, sections: []) } throws: { "\($0)".contains("signed") }
    }

    @Test func truncatedImageIsRefusedAtEveryLengthOfItsHeaders() {
        for length in 0..<600 {
            #expect(throws: BootArtefactError.self) { try UnifiedKernelImage.sections(of: Array(stub[..<length])) }
        }
        #expect(throws: BootArtefactError.self) { try UnifiedKernelImage.sections(of: Array(stub[..<40_000])) }
    }

    @Test func forgedHeadersNeverTrap() {
        var generator = SeededGenerator(state: 2)
        let start = offset(stub)
        var refused = 0
        for _ in 0..<500 {
            var forged = stub
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: start..<start + 640, using: &generator)
                forged[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
            }
            do {
                _ = try UnifiedKernelImage.sections(of: forged)
                _ = try UnifiedKernelImage.assemble(stub: forged, sections: [(".linux", [1])])
            } catch { refused += 1 }
        }
        #expect(refused > 20)
    }

    @Test func otherFilesAreRefused() {
        #expect(throws: BootArtefactError.self) { try UnifiedKernelImage.sections(of: Array("#!/bin/sh\n".utf8)) }
        #expect(throws: BootArtefactError.self) { try UnifiedKernelImage.sections(of: [0x7F, 0x45, 0x4C, 0x46]) }
    }
}
