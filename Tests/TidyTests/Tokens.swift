/// A word or a single other character of code.
struct Token {
    let text: String
    /// Counted from 1.
    let line: Int

    static func all(in bytes: [UInt8]) -> [Token] {
        var tokens: [Token] = []
        var line = 1
        var word: [UInt8] = []
        func endWord() {
            if word.isEmpty { return }
            tokens.append(Token(text: String(decoding: word, as: UTF8.self), line: line))
            word.removeAll(keepingCapacity: true)
        }
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
                word.append(byte)
            default:
                endWord()
                if byte > UInt8(ascii: " ") { tokens.append(Token(text: String(UnicodeScalar(byte)), line: line)) }
                if byte == UInt8(ascii: "\n") { line += 1 }
            }
        }
        endWord()
        return tokens
    }
}

/// A body of statements and where it stands.
struct FunctionBody: Equatable {
    let name: String
    /// The line of its first word, counted from 1.
    let line: Int
    /// From that line to the closing brace.
    let lineCount: Int
}

extension Code {
    /// Whether every brace has its partner. If not, the scanner was misled and its other answers are worthless.
    var isBalanced: Bool {
        var depth = 0
        for byte in bytes {
            if byte == UInt8(ascii: "{") { depth += 1 }
            if byte == UInt8(ascii: "}") { depth -= 1 }
            if depth < 0 { return false }
        }
        return depth == 0
    }

    /// The modules that a Swift file imports, with the line of each import.
    var imports: [(module: String, line: Int)] {
        let kinds: Set = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
        return tokens.indices.compactMap { index in
            guard tokens[index].text == "import", index + 1 < tokens.count else { return nil }
            let isKind = kinds.contains(tokens[index + 1].text) && index + 2 < tokens.count
            return (tokens[index + (isKind ? 2 : 1)].text, tokens[index].line)
        }
    }

    /// Every function, initializer, accessor and computed property (Swift), or every function (C).
    var functions: [FunctionBody] { language == .swift ? swiftFunctions : cFunctions }

    private var swiftFunctions: [FunctionBody] {
        return tokens.indices.compactMap { start in
            guard ["func", "init", "deinit", "subscript", "var"].contains(tokens[start].text),
                start == 0 || tokens[start - 1].text != ".",
                let open = bodyStart(tokens, after: start), let close = partner(tokens, of: open)
            else { return nil }
            let keyword = tokens[start].text
            let isNamed = keyword == "func" || keyword == "var"
            return FunctionBody(
                name: isNamed ? tokens[start + 1].text : keyword, line: tokens[start].line,
                lineCount: tokens[close].line - tokens[start].line + 1)
        }
    }

    /// The brace that opens the body of the declaration at `start`; nil for one without a body.
    private func bodyStart(_ tokens: [Token], after start: Int) -> Int? {
        let isVariable = tokens[start].text == "var"
        let next: Set = [
            "func", "init", "deinit", "subscript", "var", "let", "case", "struct", "class", "enum", "extension",
            "protocol", "typealias", "}", ";",
        ]
        var depth = 0
        for index in tokens.indices.dropFirst(start + 1) {
            let text = tokens[index].text
            if "([".contains(text) { depth += 1 }
            if ")]".contains(text) { depth -= 1 }
            if depth < 0 { return nil }
            guard depth == 0 else { continue }
            if text == "{" { return index }
            if index > start + 1, next.contains(text) { return nil }
            if isVariable, text == "=" || tokens[index].line > tokens[start].line { return nil }
        }
        return nil
    }

    private func partner(_ tokens: [Token], of open: Int) -> Int? {
        var depth = 0
        for index in tokens.indices.dropFirst(open) {
            if tokens[index].text == "{" { depth += 1 }
            if tokens[index].text == "}" { depth -= 1 }
            if depth == 0 { return index }
        }
        return nil
    }

    private var cFunctions: [FunctionBody] {
        var functions: [FunctionBody] = []
        var index = 0
        while index < tokens.count {
            guard tokens[index].text == "{" else {
                index += 1
                continue
            }
            guard let close = partner(tokens, of: index) else { return functions }
            if index > 0, tokens[index - 1].text == ")", let name = nameBeforeParameters(tokens, before: index) {
                functions.append(
                    FunctionBody(
                        name: tokens[name].text, line: tokens[name].line,
                        lineCount: tokens[close].line - tokens[name].line + 1))
            }
            index = close + 1
        }
        return functions
    }

    /// The word before the parentheses that end just before `open`.
    private func nameBeforeParameters(_ tokens: [Token], before open: Int) -> Int? {
        var depth = 0
        for index in tokens.indices[..<open].reversed() {
            if tokens[index].text == ")" { depth += 1 }
            if tokens[index].text == "(" { depth -= 1 }
            if depth == 0 { return index > 0 ? index - 1 : nil }
        }
        return nil
    }
}
