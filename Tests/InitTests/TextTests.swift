import CInit
import LinuxSystem
import Testing

@Suite struct TextTests {
    @Test func sha256AgreesWithLibcryptoAtEveryLength() {
        for length in 0...200 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ length) }
            var hash = cinit_sha256()
            cinit_sha256_start(&hash)
            // In two parts, so that a block is filled across calls.
            cinit_sha256_add(&hash, bytes, length / 3)
            cinit_sha256_add(&hash, Array(bytes.dropFirst(length / 3)), length - length / 3)
            var digest = [UInt8](repeating: 0, count: 32)
            cinit_sha256_end(&hash, &digest)
            #expect(digest == SHA256.hash(bytes).bytes, "length \(length)")
        }
    }

    private static let hash = String(repeating: "5a", count: 32)
    private static let other = String(repeating: "A5", count: 32)

    @Test(arguments: [
        "roothash=\(hash)", "quiet roothash=\(hash)\n", "\troothash=\(hash)  ro ", "roothash=\(hash) roothash=\(hash)",
        "a=\"b roothash=\(other)\" roothash=\(hash)", "xroothash=\(other) roothash=\(hash)",
    ])
    func rootHashIsFound(commandLine: String) {
        var found = [UInt8](repeating: 0, count: 32)
        #expect(cinit_root_hash(commandLine, &found) == nil)
        #expect(found.hex == Self.hash)
    }

    @Test(arguments: [
        "", " ", "quiet", "roothash", "roothash=", "roothash=\(hash.dropLast())", "roothash=\(hash)0",
        "roothash=\(hash.dropLast())g",
        "roothash=\(hash) roothash=\(other)", "\"roothash=\(hash)", "roothash=\"\(hash)\"",
    ])
    func commandLineWithoutOneRootHashIsRefused(commandLine: String) {
        var found = [UInt8](repeating: 0, count: 32)
        #expect(cinit_root_hash(commandLine, &found) != nil)
    }

    @Test(arguments: [
        "\\loader\\entries\\pisces-7+2-1.conf", "/loader/entries/pisces-7+1-2.conf", "pisces-7+0-3.conf",
        "pisces-7+0-1", "pisces-7+0-9.conf", "pisces-7+3.conf", "\\loader\\entries\\pisces-7+10-1.conf",
        "pisces-7+0-03.conf",
    ])
    func aBootThatTookATryIsATrial(path: String) { #expect(cinit_on_trial(path)) }

    /// Where a deadline would restart the machine for ever: entries that are not counted, or whose tries are used up.
    @Test(arguments: [
        "", "\\loader\\entries\\pisces-7.conf", "pisces-7", "pisces-7+0-10.conf", "pisces-7+0-30",
        "pisces-7+0.conf", "pisces-7+0-0.conf", "pisces-7+00-0010", "other+2-1.conf", "\\EFI\\Linux\\pisces-7+2-1.efi",
        "pisces-7+2-1.conf\\", "pisces-7+-1.conf", "+2-1.conf", "pisces-0+2-1.conf", "pisces-7+2-1.conf/pisces-7.conf",
        "+/pisces-7", "pisces-7+0-99999999999999999999.conf",
    ])
    func aBootThatTookNoTryIsNoTrial(path: String) { #expect(!cinit_on_trial(path)) }

    @Test func entryNamesItsGeneration() {
        let entries: [(String, UInt64?)] = [
            ("pisces-7.conf", 7), ("pisces-7+3.conf", 7), ("pisces-7+2-1.conf", 7), ("pisces-7+0-3", 7),
            ("pisces-7", 7),
            ("pisces-123456789012345678.conf", 123_456_789_012_345_678), ("pisces-1234567890123456789.conf", nil),
            ("pisces-0.conf", nil), ("pisces-07.conf", nil), ("pisces-.conf", nil), ("pisces-7.efi", nil),
            ("pisces-7x", nil),
            ("pisces-7+.conf", nil), ("pisces-7-1.conf", nil), ("pisces-7+1-.conf", nil), ("Pisces-7.conf", nil),
            ("", nil),
            ("pisces--7", nil), ("pisces-7+1-1+1.conf", nil),
        ]
        for (entry, wanted) in entries {
            var generation: UInt64 = 0
            let found = cinit_entry_generation(entry, &generation) ? generation : nil
            #expect(found == wanted, "\(entry)")
        }
    }

    @Test func partitionNameIsThePrefixAndANumber() {
        for (name, wanted) in [
            ("root-7", 7), ("root-10", 10), ("root-", nil), ("root-7 ", nil), ("_empty", nil), ("verity-7", nil),
        ] {
            var generation: UInt64 = 0
            let found = cinit_generation(name, "root-", &generation) ? Int(generation) : nil
            #expect(found == wanted, "\(name)")
        }
    }

    @Test func efiTextIsReadToItsEnd() {
        func read(_ bytes: [UInt8], room: Int = 8) -> String? {
            var buffer = [CChar](repeating: 1, count: room)
            guard cinit_efi_text(bytes, bytes.count, &buffer, room) else { return nil }
            return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        let attributes: [UInt8] = [6, 0, 0, 0]
        #expect(read(attributes + [0x61, 0, 0x62, 0, 0, 0]) == "ab")
        #expect(read(attributes + [0x61, 0, 0x62, 0]) == "ab")
        #expect(read(attributes + [0x61, 0, 0x62]) == "a")
        #expect(read(attributes + Array(repeating: [0x61, 0], count: 7).flatMap { $0 }) == "aaaaaaa")
        #expect(read(attributes + Array(repeating: [0x61, 0], count: 8).flatMap { $0 }) == nil)
        for bytes in [[], [6], attributes, attributes + [0, 0], attributes + [0x61, 1], attributes + [0x0a, 0]]
            as [[UInt8]]
        {
            #expect(read(bytes) == nil, "\(bytes)")
        }
    }
}
