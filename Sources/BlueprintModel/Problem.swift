/// A place in a document; line and column count from 1, the column in Unicode scalars.
public struct Mark: Sendable, Hashable, CustomStringConvertible {
    /// The file as the caller named it.
    public let file: String
    /// The line, from 1.
    public let line: Int
    /// The column, from 1.
    public let column: Int

    /// A place from its parts.
    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `file:line:column`, as compilers write it.
    public var description: String { "\(file):\(line):\(column)" }

    /// The place of a byte.
    init(file: String, offset: Int, in bytes: some Collection<UInt8>) {
        var line = 1
        var column = 1
        for byte in bytes.prefix(offset) {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {  // not a continuation byte of UTF-8
                column += 1
            }
        }
        self.init(file: file, line: line, column: column)
    }
}

/// One thing that is wrong with a document, and where.
public struct Problem: Sendable, Hashable, CustomStringConvertible {
    /// Where.
    public let mark: Mark
    /// What is wrong and how to mend it.
    public let message: String

    /// A problem from its parts.
    public init(_ mark: Mark, _ message: String) {
        self.mark = mark
        self.message = message
    }

    /// `file:line:column: message`.
    public var description: String { "\(mark): \(message)" }
}

/// A document that cannot be used: every problem that was found, in the order of the text.
public struct DocumentError: Error, Sendable, Equatable, CustomStringConvertible {
    /// At least one.
    public let problems: [Problem]

    /// An error of these problems.
    public init(_ problems: [Problem]) { self.problems = problems }

    init(_ mark: Mark, _ message: String) { self.init([Problem(mark, message)]) }

    /// One line for each problem.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// `; did you mean "x"?` for the candidate that is nearest to a misspelt word, or nothing where none is near.
func suggestion(for word: String, among candidates: some Sequence<String>) -> String {
    let tolerance = max(1, word.count / 3)
    var best: (word: String, distance: Int)?
    // A word of twice the length cannot be near, and a hostile one must not cost quadratic time.
    for candidate in candidates where abs(candidate.count - word.count) <= tolerance && word.count < 200 {
        let distance = editDistance(Array(word), Array(candidate))
        if distance <= tolerance, distance < candidate.count, distance < best?.distance ?? .max {
            best = (candidate, distance)
        }
    }
    return best.map { "; did you mean \"\($0.word)\"?" } ?? ""
}

/// How many insertions, deletions, substitutions and swaps of neighbours turn one word into the other.
func editDistance(_ a: [Character], _ b: [Character]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
        var row = [i + 1]
        for j in b.indices {
            var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
            row.append(cost)
        }
        (beforeLast, last) = (last, row)
    }
    return last[b.count]
}
