import Debian
import Testing

@Suite struct Deb822Tests {
    private func parse(_ text: String) throws -> [Deb822.Stanza] {
        try Deb822.parse(Array(text.utf8), file: "control")
    }

    @Test func fieldsKeepOrderValueAndLine() throws {
        let stanzas = try parse(
            """
            # a comment
            Package:  bash\u{20}
            Description: shell
             first

            # between paragraphs

            package: tar
            Conffiles:
             /etc/a
            # inside a value
            \t/etc/b
            Empty:
            """)
        #expect(stanzas.count == 2)
        #expect(stanzas[0]["PACKAGE"] == "bash")
        #expect(stanzas[0]["Description"] == "shell\n first")
        #expect(stanzas[1].fields.map(\.name) == ["package", "Conffiles", "Empty"])
        #expect(stanzas[1].field("conffiles")?.lines == ["/etc/a", "/etc/b"])
        #expect(stanzas[1]["conffiles"] == "\n /etc/a\n\t/etc/b")
        #expect(stanzas[1].fields.map(\.line) == [8, 9, 13])
        #expect(stanzas[1]["Empty"] == "")
    }

    @Test(arguments: [
        ("Package: a\nPackage: b\n", 2), ("Package: a\npackage: b\n", 2), (" lost\n", 1), ("Package: a\n\n lost\n", 3),
        ("Package a\n", 1), (": a\n", 1), ("-Package: a\n", 1), ("Pack age: a\n", 1), ("P\u{e9}: a\n", 1),
        ("Package: a\n \nVersion: 1\n", 2), ("A: 1\n#\n\nB: 2\nB\n", 5), ("A\u{0}: 1\n", 1),
    ])
    func syntaxErrorNamesTheLine(text: String, line: Int) throws {
        let error = #expect(throws: Deb822.SyntaxError.self) { try parse(text) }
        #expect(error?.line == line)
        #expect(error?.description.hasPrefix("control:\(line): ") == true)
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        #expect(throws: Deb822.SyntaxError.self) {
            try Deb822.parse(Array("A: ".utf8) + [0xff, 0x0a], file: "control")
        }
    }

    @Test func writingGivesBackWhatWasRead() throws {
        let text = "Package: a\nDescription: short\n long \n .\n\ttab\nEmpty:\nList:\n x\n\nPackage: b\n"
        #expect(Deb822.write(try parse(text)) == text)
    }

    @Test func noValueCanEndItsFieldOrParagraph() throws {
        let stanza = Deb822.Stanza([Deb822.Field("A", "x\nB: y\n\nC: z")])
        let read = try parse(Deb822.write([stanza]))
        #expect(read.count == 1)
        #expect(read.first?.fields.map(\.name) == ["A"])
    }

    @Test func aCarriageReturnDoesNotHideANewline() throws {
        let stanzas = try parse("A: 1\r\nB: 2\n")
        #expect(stanzas.first?.fields.map(\.name) == ["A", "B"])
        #expect(stanzas.first?.fields.first?.lines == ["1\r"])
    }

    @Test func settingKeepsThePlaceOfAField() throws {
        var stanza = try #require(try parse("A: 1\nB: 2\n").first)
        stanza["a"] = "3"
        stanza["C"] = "4"
        stanza["B"] = nil
        #expect(Deb822.write([stanza]) == "A: 3\nC: 4\n")
    }

    @Test func aControlFileHasOneParagraph() {
        #expect(throws: Deb822.SyntaxError.self) { try Deb822.parseOne([], file: "control") }
        let error = #expect(throws: Deb822.SyntaxError.self) {
            try Deb822.parseOne(Array("A: 1\n\nB: 2\n".utf8), file: "control")
        }
        #expect(error?.line == 3)
    }
}
