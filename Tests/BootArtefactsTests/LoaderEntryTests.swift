import BootArtefacts
import LinuxSystem
import PiscesTesting
import Testing

@Suite struct LoaderEntryTests {
    @Test func nameIsReadBackAsItWasWritten() {
        var generator = SeededGenerator(state: 6)
        for _ in 0..<2000 {
            let tries =
                Bool.random(using: &generator)
                ? BootTries(left: .random(in: 0...9, using: &generator), done: .random(in: 0...9, using: &generator))
                : nil
            let name = LoaderEntryName(
                generation: generator.next() >> UInt64.random(in: 0...63, using: &generator), tries: tries)
            #expect(LoaderEntryName(name.description) == name)
        }
    }

    @Test(
        arguments: [
            ("pisces-7.conf", UInt64(7), nil), ("pisces-7+3.conf", 7, BootTries(left: 3)),
            ("pisces-7+2-1.conf", 7, BootTries(left: 2, done: 1)),
            ("pisces-18446744073709551615+0-3.conf", .max, BootTries(left: 0, done: 3)),
        ] as [(String, UInt64, BootTries?)])
    func nameOfTheBootLoaderIsUnderstood(_ text: String, _ generation: UInt64, _ tries: BootTries?) {
        let name = LoaderEntryName(text)
        #expect(name == LoaderEntryName(generation: generation, tries: tries))
        #expect(name?.description == text)
        #expect(name?.identifier == "pisces-\(generation).conf")
    }

    @Test func countersWithLeadingZerosAreNumbers() {
        #expect(LoaderEntryName("pisces-7+03-00.conf") == LoaderEntryName(generation: 7, tries: BootTries(left: 3)))
    }

    @Test(arguments: [
        "", "pisces-.conf", "pisces-7", "debian-7.conf", "pisces-07.conf", "pisces-+7.conf", "pisces--7.conf",
        "pisces-7+.conf",
        "pisces-7+-1.conf", "pisces-7+3-.conf", "pisces-7+3-1-1.conf", "pisces-7+3+1.conf", "pisces-7+-3.conf",
        "pisces-7.conf.bak",
        "pisces-18446744073709551616.conf", "pisces-7+99999999999999999999.conf", "pisces-7+٣.conf", "PISCES-7.CONF",
        "pisces-7 .conf", "pisces-7+3-1\n.conf",
    ])
    func otherNameIsNotOurs(_ text: String) { #expect(LoaderEntryName(text) == nil) }

    @Test func entryHasNoOptionsAndIsReadBack() throws {
        let image = SHA256.hash(Array("image".utf8))
        let entry = try LoaderEntry(generation: 7, title: "Debian 13, generation 7", image: image)
        #expect(
            entry.text == """
                title Debian 13, generation 7
                version 7
                sort-key pisces
                linux /EFI/pisces/\(image.hex).efi

                """)
        #expect(try LoaderEntry(parsing: entry.text) == entry)
        #expect(
            try LoaderEntry(parsing: "# comment\n\n" + entry.text.split(separator: " ").joined(separator: "  ")).image
                == image)
    }

    @Test(arguments: ["", " x", "x ", "a\nb", "a\u{7F}", "a\r\nb", "\t"]) func titleIsOneLine(_ title: String) {
        #expect(throws: BootArtefactError.self) {
            try LoaderEntry(generation: 1, title: title, image: SHA256.hash([UInt8]()))
        }
    }

    @Test(arguments: ["title", "version", "sort-key", "linux"])
    func entryWithALineMissingTwiceOrForeignIsRefused(_ key: String) throws {
        let text = try LoaderEntry(generation: 7, title: "t", image: SHA256.hash([UInt8]())).text
        let lines = text.split(separator: "\n").map(String.init)
        let others = lines.filter { !$0.hasPrefix(key) }
        let line = try #require(lines.first { $0.hasPrefix(key) })
        for broken in [
            others, lines + [line], lines + ["options quiet"], others + [key], others + ["\(key) ../\(key)\u{0}"],
        ] {
            // A title may say anything.
            if key == "title" && broken.count == 4 && broken.last?.hasPrefix("title ../") == true { continue }
            #expect(throws: BootArtefactError.self) { try LoaderEntry(parsing: broken.joined(separator: "\n")) }
        }
    }

    @Test func loaderNeverNamesADefault() {
        #expect(LoaderConfiguration().text == "timeout 0\neditor no\nauto-entries no\nauto-firmware no\n")
        #expect(LoaderConfiguration(timeoutSeconds: 5).text.hasPrefix("timeout 5\n"))
    }
}
