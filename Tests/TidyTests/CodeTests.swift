import Testing

@Suite("The scanner tells code from comments and literals")
struct CodeTests {
    /// What is left of `text` as code, after the check that every byte kept its place.
    private func code(_ text: String, _ language: Code.Language) -> String {
        let code = Code(text, language)
        let lines = { (bytes: [UInt8]) in bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") } }
        #expect(code.bytes.count == text.utf8.count && lines(code.bytes) == lines(Array(text.utf8)))
        return code.tokens.map(\.text).joined(separator: " ")
    }

    @Test(
        "Comments and literals become blanks, interpolated code stays",
        arguments: [
            ("a // {\nb", "a b"),
            ("a /* { /* { */ { */ b", "a b"),
            (#"f("{ \" {") + b"#, "f ( ) + b"),
            (##"f(#"\" {"#, "")"##, "f ( , )"),
            (#"f("a\(g("{", { x }))b")"#, "f ( ( g ( , { x } ) ) )"),
            ("f(\"\"\"\n  { \"\" {\n  \"\"\") {", "f ( ) {"),
            ("x = #/[\"{]/#; y", "x = ; y"),
            ("func `a { \"b`() {}", "func ________ ( ) { }"),
        ])
    func swift(_ text: String, _ expected: String) { #expect(code(text, .swift) == expected) }

    @Test(
        "C's characters, strings and directives become blanks",
        arguments: [
            (#"c = '{'; d = '\''; s = "\"{";"#, "c = ; d = ; s = ;"),
            ("#define A { \\\n {\nint b;", "int b ;"),
            ("a /* /* { */ b", "a b"),
        ])
    func c(_ text: String, _ expected: String) { #expect(code(text, .c) == expected) }

    @Test("Bodies are measured from the declaration's first line to the closing brace")
    func swiftBodies() {
        let text = """
            protocol P { func none() -> Int; var value: Int { get } }
            struct S {
                var stored: Int
                init(a: () -> Void = { print() }) {
                    self.init(b: 1)
                }
                var computed: Int {
                    stored
                }
                func long<T>(
                    _ value: T
                ) throws -> [T] where T: P {
                    for x in [{ value }] { _ = x }
                    return []
                }
            }
            """
        #expect(
            Code(text, .swift).functions == [
                FunctionBody(name: "value", line: 1, lineCount: 1),
                FunctionBody(name: "init", line: 4, lineCount: 3),
                FunctionBody(name: "computed", line: 7, lineCount: 3),
                FunctionBody(name: "long", line: 10, lineCount: 6),
            ])
    }

    @Test("C functions are told from types and initializers")
    func cBodies() {
        let text = """
            struct s { int a; };
            static const int t[] = { 1, 2 };
            static int f(int (*g)(void),
                         int b) {
                if (b) { return g(); }
                return 0;
            }
            """
        #expect(Code(text, .c).functions == [FunctionBody(name: "f", line: 3, lineCount: 5)])
    }

    @Test("Imports are read with their access level, attributes and kind")
    func imports() {
        let text = "public import A\n@testable import B\nimport struct C.D // import E\n#if canImport(F)\n#endif\n"
        #expect(Code(text, .swift).imports.map(\.module) == ["A", "B", "C"])
    }
}
