import BlueprintModel
import PiscesTesting
import Testing

@Suite struct JSONTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8), file: "j") }

    @Test func theCanonicalFormSortsNamesAndHasNoSpace() throws {
        let value = try parse(
            #" { "b" : [ 1 , -2, true, null ], "a" : { } , "\u0041\/" : "\u001f\té😀\ud83d\ude00\"" } "#)
        #expect(value.canonical == #"{"A/":"\u001f\té😀😀\"","a":{},"b":[1,-2,true,null]}"#)
        #expect(value["b"]?.array?.first?.integer == 1)
    }

    @Test func theFormForPeopleIsIndented() throws {
        #expect(
            try parse(#"{"a":[1,2],"b":{},"c":[]}"#).pretty == """
                {
                  "a": [
                    1,
                    2
                  ],
                  "b": {},
                  "c": []
                }

                """)
    }

    @Test(arguments: [
        ("", "j:1:1: the text ends where a value is wanted"), ("nul", "j:1:1: wanted a JSON value"),
        ("[1,]", "j:1:4: wanted a JSON value"), ("[1 2]", "j:1:4: wanted \",\" or \"]\""),
        ("{\"a\":1,\n \"a\":2}", "j:2:2: duplicate name \"a\""), ("{a:1}", "j:1:2: wanted a name in quotes"),
        ("1.0", "j:1:1: 1.0 is not a whole number of 64 bits in its shortest form"),
        ("-0", "j:1:1: -0 is not a whole number of 64 bits in its shortest form"),
        ("01", "j:1:1: 01 is not a whole number of 64 bits in its shortest form"),
        ("9223372036854775808", "j:1:1: 9223372036854775808 is not a whole number of 64 bits in its shortest form"),
        ("\"a", "j:1:1: a text without end"), ("\"\u{1}\"", "j:1:2: a control character in a text"),
        ("\"\\x\"", "j:1:2: an unknown escape"), ("\"\\ud800\"", "j:1:2: half of a surrogate pair"),
        ("\"\\ud800\\u0041\"", "j:1:2: half of a surrogate pair"), ("\"\\u00", "j:1:2: an unknown escape"),
        ("\"\\u+123\"", "j:1:2: an unknown escape"), ("1 1", "j:1:3: unexpected text behind the document"),
        ("{\"a\" 1}", "j:1:6: wanted \":\""),
    ])
    func aMistakeIsNamedWithItsPlace(text: String, message: String) {
        #expect(documentProblems { try parse(text) } == [message])
    }

    @Test func hostileInputIsRefused() {
        #expect(
            documentProblems { try parse(String(repeating: "[", count: 100_000)) }
                == ["j:1:65: more than 64 levels deep"])
        #expect(documentProblems { try parse(String(repeating: "9", count: 100_000)) }.count == 1)
        #expect(
            documentProblems { try JSONValue(parsing: [0x22, 0xFF, 0x22], file: "j") }
                == ["j:1:1: a text that is not UTF-8"])
    }

    @Test func everyValueSurvivesItsTwoEncodings() throws {
        var random = SeededGenerator(state: 1)
        for _ in 0..<200 {
            let value = Self.value(&random, depth: 4)
            #expect(try JSONValue(parsing: value.canonicalBytes, file: "j") == value)
            #expect(try parse(value.pretty) == value)
        }
    }

    private static func value(_ random: inout SeededGenerator, depth: Int) -> JSONValue {
        switch random.next() % (depth > 0 ? 6 : 4) {
        case 0: return .null
        case 1: return .bool(random.next() % 2 == 0)
        case 2: return .integer([0, -1, .max, .min, 42].randomElement(using: &random) ?? 0)
        case 3: return .string(text(&random))
        case 4: return .array((0..<random.next() % 4).map { _ in value(&random, depth: depth - 1) })
        default:
            let members = (0..<random.next() % 4).map { ("\($0)" + text(&random), value(&random, depth: depth - 1)) }
            return .object(Dictionary(members, uniquingKeysWith: { $1 }))
        }
    }

    private static func text(_ random: inout SeededGenerator) -> String {
        String((0..<random.next() % 5).map { _ in "aé😀\u{0}\n\"\\\u{7f}\u{1f}/".randomElement(using: &random) ?? "a" })
    }
}
