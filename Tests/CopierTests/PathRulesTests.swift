import Glibc
import PiscesTesting
import Testing

@testable import Copier

@Suite struct PathRulesTests {
    private func reason(_ rules: PathRules, _ path: String) -> String? {
        var active = PathRules.start
        for component in path.split(separator: "/") {
            active = Array(component.utf8).withUnsafeBufferPointer { rules.advance(active, $0) }
        }
        return rules.rule(at: active) { $0 != .directory }.map { rules.rules[Int($0)].reason }
    }

    @Test func theFirstRuleThatHoldsCounts() {
        var rules = PathRules()
        rules.add("/a/b", .state, "directory", if: .directory)
        rules.add("/a/{b,c}", .state, "first")
        rules.add("/a/*", .state, "second")
        rules.add("/a/**", .state, "third")
        rules.add("/**/x.[ch]", .state, "fourth")
        #expect(reason(rules, "/a/b") == "first")
        #expect(reason(rules, "/a/c") == "first")
        #expect(reason(rules, "/a/d") == "second")
        #expect(reason(rules, "/a/d/e") == "third")
        #expect(reason(rules, "/a") == nil)
        #expect(reason(rules, "/x.c") == "fourth")
        #expect(reason(rules, "/p/q/x.h") == "fourth")
        #expect(reason(rules, "/p/q/x.o") == nil)
    }

    @Test func patternsMatchAsFnmatchDoes() {
        var random = SeededGenerator(state: 7)
        let letters = Array("ab*?[]!-^".utf8)
        for _ in 0..<20_000 {
            let pattern = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                letters.randomElement(using: &random) ?? 97
            }
            let text = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                Array("ab-]".utf8).randomElement(using: &random) ?? 97
            }
            // glibc and POSIX differ on what a class without an end is, and on ranges that run backwards.
            if pattern.contains(UInt8(ascii: "[")) && !isPlainClass(pattern) { continue }
            let ours = text.withUnsafeBufferPointer { globMatches(pattern[...], $0[...]) }
            let theirs =
                fnmatch(String(decoding: pattern, as: UTF8.self), String(decoding: text, as: UTF8.self), 0) == 0
            #expect(
                ours == theirs, "\(String(decoding: pattern, as: UTF8.self)) \(String(decoding: text, as: UTF8.self))")
        }
    }

    /// Whether the one class of a pattern is `[` with letters and an end.
    private func isPlainClass(_ pattern: [UInt8]) -> Bool {
        String(decoding: pattern, as: UTF8.self).wholeMatch(of: #/[^\[\]]*\[[!]?[ab]+\][^\[\]]*/#) != nil
    }

    @Test(arguments: ["[", "[a", "[!", "{a", "a}", "\\", "[]", "**/**/**", "{,}", "[b-a]"])
    func strangePatternsAreHarmless(_ pattern: String) {
        var rules = PathRules()
        rules.add("/\(pattern)", .state, "strange")
        _ = reason(rules, "/a/b/c")
        #expect(reason(rules, "/zz") != "strange" || pattern.contains("*"))
    }

    @Test func aPatternOfManyStarsTakesNoTime() {
        let pattern = Array((String(repeating: "*a", count: 40) + "b").utf8)
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: 4000)
        #expect(text.withUnsafeBufferPointer { !globMatches(pattern[...], $0[...]) })
    }
}
