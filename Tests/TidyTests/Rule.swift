import Testing

/// Something that no file of the repository may do, with a made-up file that does it.
struct Rule: CustomTestStringConvertible, Sendable {
    /// A sentence that says what holds.
    let testDescription: String
    /// Which paths it is about.
    let applies: @Sendable (String) -> Bool
    /// The lines, counted from 1, that break it, and how.
    let violations: @Sendable (SourceFile) -> [(line: Int, problem: String)]
    /// Breaks the rule.
    let offender: SourceFile
    /// Looks similar and does not.
    let innocent: SourceFile

    static let all = sizes + language + texts
}

private func isCode(_ path: String) -> Bool { [".swift", ".c", ".h"].contains { path.hasSuffix($0) } }
private func isSwift(_ path: String) -> Bool { path.hasSuffix(".swift") }
private func isText(_ path: String) -> Bool { path != "LICENSE" }
/// Long lines are natural in prose tables, goldens and data, not in what is written by hand line by line.
private func isWritten(_ path: String) -> Bool { isCode(path) || path == "Makefile" || path.hasPrefix(".ci/") }

// MARK: - Sizes

extension Rule {
    /// The formatter breaks at 120; a literal or a comment may run a little over.
    static let maximumColumns = 130
    static let maximumFileLines = 600
    static let maximumFunctionLines = 70

    static let sizes = [
        Rule(
            testDescription: "Lines have at most \(maximumColumns) characters", applies: isWritten,
            violations: { file in
                file.lines.enumerated().filter {
                    $0.element.utf8.count > maximumColumns && $0.element.count > maximumColumns
                }
                .map { ($0.offset + 1, "\($0.element.count) characters") }
            },
            offender: SourceFile(path: "Makefile", text: "a\n" + String(repeating: "é", count: 131)),
            innocent: SourceFile(path: "Makefile", text: "a\n" + String(repeating: "é", count: 130))),
        Rule(
            testDescription: "Files have at most \(maximumFileLines) lines", applies: isWritten,
            violations: { file in
                let count = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
                return count > maximumFileLines ? [(maximumFileLines + 1, "\(count) lines")] : []
            },
            offender: SourceFile(path: "a.h", text: String(repeating: "\n", count: 601)),
            innocent: SourceFile(path: "a.h", text: String(repeating: "\n", count: 600))),
        Rule(
            testDescription: "Functions have at most \(maximumFunctionLines) lines", applies: isCode,
            violations: { file in
                (file.code?.functions ?? []).filter { $0.lineCount > maximumFunctionLines }
                    .map { ($0.line, "'\($0.name)' has \($0.lineCount) lines") }
            },
            offender: SourceFile(path: "a.swift", text: "func f() {" + String(repeating: "\n", count: 70) + "}"),
            innocent: SourceFile(path: "a.swift", text: "func f() {" + String(repeating: "\n", count: 69) + "}")),
        Rule(
            testDescription: "The scanner understands the file: its braces balance", applies: isCode,
            violations: { file in
                file.code?.isBalanced == false ? [(1, "write a bare regex literal as #/…/#, or mend the scanner")] : []
            },
            offender: SourceFile(path: "a.swift", text: "func f() { \"{}\" "),
            innocent: SourceFile(path: "a.swift", text: "func f() { \"{\" }")),
    ]
}

// MARK: - Language

extension Rule {
    static let language = [
        Rule(
            testDescription: "Nothing traps where it could throw", applies: isSwift,
            violations: { words(["try!", "as!", "fatalError("], in: $0) },
            offender: SourceFile(path: "Sources/A/a.swift", text: "let a = \"\\(try! f())\""),
            innocent: SourceFile(path: "Sources/A/a.swift", text: "let a = \"try! \" // as! fatalError()")),
        Rule(
            testDescription: "Only the command prints",
            applies: { isSwift($0) && $0.hasPrefix("Sources/") && !$0.hasPrefix("Sources/pisces/") },
            violations: { words(["print(", "debugPrint("], in: $0) },
            offender: SourceFile(path: "Sources/A/a.swift", text: "/* a */ print(1)"),
            innocent: SourceFile(path: "Sources/A/a.swift", text: "fingerprint(\"print(1)\")")),
        Rule(
            testDescription: "Nothing imports Foundation", applies: isSwift,
            violations: { file in
                (file.code?.imports ?? []).filter { $0.module.hasPrefix("Foundation") }
                    .map { ($0.line, "imports \($0.module)") }
            },
            offender: SourceFile(path: "a.swift", text: "internal import struct FoundationEssentials.Date"),
            innocent: SourceFile(path: "a.swift", text: "import Glibc // not import Foundation")),
        Rule(
            testDescription: "Shell scripts stop at the first error", applies: { $0.hasPrefix(".ci/") },
            violations: { file in
                guard let first = file.lines.first, first.hasPrefix("#!"), first.hasSuffix("sh") else { return [] }
                return file.lines.contains("set -euo pipefail") ? [] : [(1, "no 'set -euo pipefail'")]
            },
            offender: SourceFile(path: ".ci/a", text: "#!/usr/bin/env bash\nset -e\n"),
            innocent: SourceFile(path: ".ci/a", text: "#!/usr/bin/env bash\nset -euo pipefail\n")),
    ]

    /// Where `words` begin in code, not within another identifier.
    private static func words(_ words: [String], in file: SourceFile) -> [(line: Int, problem: String)] {
        guard let code = file.code else { return [] }
        let lines = code.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return lines.enumerated().flatMap { number, line in
            let text = String(decoding: line, as: UTF8.self)
            return words.filter { contains(text, word: $0) }.map { (number + 1, "has '\($0)'") }
        }
    }
}

// MARK: - Texts

extension Rule {
    static let texts = [
        Rule(
            testDescription: "Nothing is left to be done", applies: isText,
            violations: { file in
                let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
                return lines(of: file) { line in
                    marks.first { contains(line, word: $0, endsWord: true) }.map { "has \($0)" }
                }
            },
            offender: SourceFile(path: "README.md", text: "a\n- TO" + "DO: b"),
            innocent: SourceFile(path: "README.md", text: "mktemp aXXXXXX, TODOS")),
        Rule(
            testDescription: "No path names a place on the machine of who wrote it", applies: isText,
            violations: { file in
                lines(of: file) { line in
                    machinePaths.first { contains(line, path: $0) }.map { "names \($0)" }
                }
            },
            offender: SourceFile(path: "Makefile", text: "A := \"/wor" + "k/a\""),
            innocent: SourceFile(path: "Makefile", text: "upperdir=/var/lib/pisces/etc/7,workdir=/var/" + "work/7")),
        Rule(
            testDescription: "No address names a package registry or a mirror", applies: isText,
            violations: { file in lines(of: file) { line in foreignHost(in: line).map { "names the host \($0)" } } },
            offender: SourceFile(path: "Blueprints/a.yaml", text: "mirror: http:/" + "/user@deb.mirror.org/debian"),
            innocent: SourceFile(path: "Blueprints/a.yaml", text: "mirror: http://user@deb.mirror.example/debian")),
        Rule(
            testDescription: "No host of Debian's archive is named, even without a scheme", applies: isText,
            violations: { file in
                lines(of: file) { line in
                    hosts(in: line).first { $0.hasSuffix(".debian" + ".org") && !isAllowed($0) }.map { "names \($0)" }
                }
            },
            offender: SourceFile(path: "a.c", text: "char *host = \"deb.debian" + ".org\";"),
            innocent: SourceFile(path: "a.c", text: "char *host = \"www.debian.org\";")),
    ]

    private static func lines(
        of file: SourceFile, _ problem: (Substring) -> String?
    ) -> [(line: Int, problem: String)] {
        file.lines.enumerated().compactMap { number, line in problem(line).map { (number + 1, $0) } }
    }

    /// Where builds happen, and this checkout itself.
    private static let machinePaths = ["/wor" + "k/", "/Use" + "rs/", "/bui" + "lds/", Repository.root + "/"]

    /// Specifications, documentation and sources. Names reserved for examples (RFC 2606) need no entry.
    private static let allowedHosts: Set = [
        "docs.kernel.org", "erofs.docs.kernel.org", "github.com", "in-toto.io", "json-schema.org", "man7.org",
        "reproducible-builds.org", "slsa.dev", "systemd.io", "uapi-group.org", "uefi.org", "www.apache.org",
        "www.debian.org",
        "www.freedesktop.org", "www.kernel.org", "www.rfc-editor.org", "www.swift.org",
    ]

    private static func isAllowed(_ host: String) -> Bool {
        if !host.contains(".") || allowedHosts.contains(host) { return true }
        if host.allSatisfy({ $0.isNumber || $0 == "." }) { return true }
        let reserved = ["example", "example.com", "example.net", "example.org", "invalid", "test", "localhost"]
        return reserved.contains { host == $0 || host.hasSuffix(".\($0)") }
    }

    /// The first host of an address in `line` that is neither allowed nor reserved for examples.
    private static func foreignHost(in line: Substring) -> String? {
        guard line.contains("://") else { return nil }
        return line.matches(of: #/\b(?:https?|ftp|git|ssh)://([^\s/"'`<>)]+)/#)
            .compactMap { match in
                let authority = match.1.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
                return authority.firstMatch(of: #/^[A-Za-z0-9.-]+/#).map { String($0.0).lowercased() }
            }
            .first { !isAllowed($0) }
    }

    private static func hosts(in line: Substring) -> [String] {
        // Most lines name none; a regex on each of them takes its time.
        guard line.contains(".org") else { return [] }
        return line.matches(of: #/[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+/#).map { String($0.0).lowercased() }
    }
}

// MARK: - Finding words

private func isIdentifier(_ character: Character?) -> Bool {
    guard let character else { return false }
    return character.isLetter || character.isNumber || character == "_"
}

/// Whether `word` is in `text` and no identifier goes on before it (nor, if asked, behind it).
private func contains(_ text: some StringProtocol, word: String, endsWord: Bool = false) -> Bool {
    neighbours(of: word, in: String(text)).contains { before, after in
        !isIdentifier(before) && !(endsWord && isIdentifier(after))
    }
}

/// Whether an absolute path in `text` begins with `path`.
private func contains(_ text: some StringProtocol, path: String) -> Bool {
    neighbours(of: path, in: String(text)).contains { before, _ in
        !isIdentifier(before) && !(before.map { "./-)}$*".contains($0) } ?? false)
    }
}

/// The characters before and behind each place where `word` stands; nil at an end of `text`.
private func neighbours(of word: String, in text: String) -> [(before: Character?, after: Character?)] {
    text.ranges(of: word).map { (text[..<$0.lowerBound].last, text[$0.upperBound...].first) }
}
