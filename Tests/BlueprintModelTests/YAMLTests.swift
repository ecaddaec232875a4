import Testing

@testable import BlueprintModel

@Suite struct YAMLTests {
    private func parse(_ text: String) throws -> YAMLNode { try YAMLNode(parsing: Array(text.utf8), file: "y") }

    @Test func anchorsAndMergeKeysAreResolved() throws {
        let node = try parse("a: &a { x: 1, y: 2 }\nb: { <<: *a, y: 3 }\nc: { <<: [{ y: 4 }, *a], z: 5 }")
        #expect(node.isSame(as: try parse("a: {x: 1, y: 2}\nb: {x: 1, y: 3}\nc: {x: 1, y: 4, z: 5}")))
        #expect(node["b"]?["x"]?.mark.line == 1)
    }

    @Test func columnsCountScalars() throws {
        #expect(try parse("é: 😀x")["é"]?.mark.column == 4)
    }

    @Test(arguments: [
        ("", "y:1:1: the document is empty"), ("# nothing", "y:1:1: the document is empty"),
        ("a: 1\na: 2", "y:2:1: duplicate key \"a\": the first is in line 1"),
        ("a: !x 1", "y:1:4: the tag \"!x\" is not allowed: write plain values"),
        ("a: !!str 1", "y:1:4: the tag \"tag:yaml.org,2002:str\" is not allowed: write plain values"),
        ("!!str a: 1", "y:1:1: a key must be a plain text"),
        ("a: 1\n---\nb: 2", "y:2:1: a second document in one file"), ("[a]: 1", "y:1:1: a key must be a plain text"),
        ("a: &names 1\nb: *name", "y:2:4: unknown anchor \"name\"; did you mean \"names\"?"),
        ("a: &a [*a]", "y:1:8: unknown anchor \"a\""),
        ("a: { <<: 1 }", "y:1:10: \"<<\" wants a mapping or a list of mappings"),
        ("a: \u{0}", "y:1:4: the character U+0000 is not allowed"),
        ("a: 1\nb: é\u{202E}\u{1b}", "y:2:6: the character U+001B is not allowed"),
        ("a: 1\nb: 'x", "y:2:6: not valid YAML: found unexpected end of stream"),
    ])
    func aMistakeIsNamedWithItsPlace(text: String, message: String) {
        #expect(documentProblems { try parse(text) } == [message])
    }

    @Test func invalidUTF8IsRefused() {
        #expect(
            documentProblems { try YAMLNode(parsing: [0x61, 0x0A, 0xC3, 0x28], file: "y") }
                == ["y:2:1: not valid UTF-8"])
        // UTF-16 with a byte order mark is not guessed.
        #expect(
            documentProblems { try YAMLNode(parsing: [0xFF, 0xFE, 0x61, 0x00], file: "y") }
                == ["y:1:1: not valid UTF-8"])
    }

    @Test func bombsAreRefused() {
        let aliases = (1...30).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1)]" }.joined(separator: "\n")
        #expect(
            documentProblems { try parse("a0: &a0 [x]\n" + aliases) }.first?
                .hasSuffix("more than 200000 values, with aliases replaced") == true)
        let chain = (1...100).map { "a\($0): &a\($0) [*a\($0 - 1)]" }.joined(separator: "\n")
        #expect(
            documentProblems { try parse("a0: &a0 [x]\n" + chain) }.first?.hasSuffix("more than 64 levels deep") == true
        )
        for opening in ["[", "{a: ", "- ", "[{a: "] {
            let found = documentProblems { try parse(String(repeating: opening, count: 20_000)) }
            #expect(found.first?.hasSuffix("more than 64 levels deep") == true, "\(opening)")
        }
        let large = documentProblems { try YAMLNode(parsing: Array(repeating: 0x61, count: 5 << 20), file: "y") }
        #expect(large == ["y:1:1: larger than 4 MiB"])
    }
}
