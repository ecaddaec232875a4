/// Swift or C source with comments and literals blanked out: what is left is code. Every byte keeps its place.
///
/// Code inside string interpolation is kept. A bare regex literal (`/…/`) is taken for code; `#/…/#` is not.
struct Code {
    enum Language { case swift, c }

    let language: Language
    /// As long as the source; a blanked byte is a space, a raw identifier is underscores.
    let bytes: [UInt8]
    let tokens: [Token]

    init(_ text: String, _ language: Language) {
        self.language = language
        var blanker = Blanker(source: Array(text.utf8), language: language)
        blanker.code(untilParenthesis: false)
        bytes = blanker.result
        tokens = Token.all(in: bytes)
    }
}

/// The scanner behind ``Code``.
private struct Blanker {
    let source: [UInt8]
    let language: Code.Language
    var result: [UInt8]
    var index = 0

    init(source: [UInt8], language: Code.Language) {
        self.source = source
        self.language = language
        result = source
    }

    func starts(with text: StaticString, at position: Int? = nil) -> Bool {
        let start = position ?? index
        guard start + text.utf8CodeUnitCount <= source.count, source[start] == text.utf8Start[0] else { return false }
        return (1..<text.utf8CodeUnitCount).allSatisfy { source[start + $0] == text.utf8Start[$0] }
    }

    mutating func blank(_ count: Int, with byte: UInt8 = UInt8(ascii: " ")) {
        for _ in 0..<count where index < source.count {
            if source[index] != UInt8(ascii: "\n") { result[index] = byte }
            index += 1
        }
    }

    /// Blanks up to `end` and, unless it is a newline, `end` itself.
    mutating func blank(through end: StaticString, escapes: Bool = false) {
        while index < source.count, !starts(with: end) { blank(escapes && starts(with: "\\") ? 2 : 1) }
        if !starts(with: "\n") { blank(end.utf8CodeUnitCount) }
    }

    /// The bytes that may begin something other than plain code.
    private static let special = Set("/#\"'`()".utf8)

    mutating func code(untilParenthesis: Bool) {
        var depth = 0
        while index < source.count {
            if !Self.special.contains(source[index]) {
                index += 1
            } else if starts(with: "//") {
                blank(through: "\n")
            } else if starts(with: "/*") {
                comment()
            } else if language == .c, starts(with: "#"), isFirstOnLine {
                directive()
            } else if language == .c, starts(with: "\"") || starts(with: "'") {
                let end: StaticString = starts(with: "'") ? "'" : "\""
                blank(1)
                blank(through: end, escapes: true)
            } else if language == .swift, let delimiter = literalStart() {
                literal(delimiter)
            } else if language == .swift, starts(with: "`") {
                blank(1, with: UInt8(ascii: "_"))
                while index < source.count, !starts(with: "`") { blank(1, with: UInt8(ascii: "_")) }
                blank(1, with: UInt8(ascii: "_"))
            } else {
                if starts(with: "(") { depth += 1 }
                if starts(with: ")") {
                    if depth == 0, untilParenthesis { return }
                    depth -= 1
                }
                index += 1
            }
        }
    }

    var isFirstOnLine: Bool {
        let line = source[..<index].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return source[line..<index].allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    /// Swift's block comments nest, C's do not.
    mutating func comment() {
        var depth = 0
        repeat {
            if starts(with: "/*"), depth == 0 || language == .swift {
                depth += 1
                blank(2)
            } else if starts(with: "*/") {
                depth -= 1
                blank(2)
            } else {
                blank(1)
            }
        } while depth > 0 && index < source.count
    }

    /// A preprocessor line with its continuation lines: its braces need not balance.
    mutating func directive() {
        while index < source.count, !starts(with: "\n") { blank(starts(with: "\\\n") ? 2 : 1) }
    }

    struct Delimiter {
        var pounds = 0
        /// `"`, `"""` or, for a regex, `/`.
        var mark: StaticString = "\""
    }

    func literalStart() -> Delimiter? {
        var delimiter = Delimiter()
        while starts(with: "#", at: index + delimiter.pounds) { delimiter.pounds += 1 }
        let start = index + delimiter.pounds
        if starts(with: "\"\"\"", at: start) {
            delimiter.mark = "\"\"\""
        } else if starts(with: "/", at: start), delimiter.pounds > 0 {
            delimiter.mark = "/"
        } else if !starts(with: "\"", at: start) {
            return nil
        }
        return delimiter
    }

    func hasPounds(_ count: Int, at position: Int) -> Bool {
        (0..<count).allSatisfy { starts(with: "#", at: position + $0) }
    }

    mutating func literal(_ delimiter: Delimiter) {
        let length = delimiter.mark.utf8CodeUnitCount
        blank(delimiter.pounds + length)
        while index < source.count {
            if starts(with: delimiter.mark), hasPounds(delimiter.pounds, at: index + length) {
                blank(length + delimiter.pounds)
                return
            }
            guard starts(with: "\\"), hasPounds(delimiter.pounds, at: index + 1) else {
                blank(1)
                continue
            }
            blank(1 + delimiter.pounds)
            if starts(with: "(") {
                index += 1
                code(untilParenthesis: true)
                index += 1
            } else {
                blank(1)
            }
        }
    }
}
