import Testing

/// What a newcomer meets first: the top level, the Makefile, the version.
@Suite("The entry is as promised")
struct EntryTests {
    private static let topLevel: Set = [
        "Package.swift", "Sources", "Tests", "Blueprints", "Images", "Makefile", "README.md", "LICENSE",
    ]
    private static let targets = [
        "help", "setup", "build", "image", "boot", "test", "test-oracle", "test-boot", "test-power", "check", "bench",
        "deb", "record", "clean",
    ]

    /// The paths that neither belong to the fixed top level nor are hidden.
    private func strangers(_ paths: [String]) -> [String] {
        paths.filter { path in
            let top = path.prefix { $0 != "/" }
            return !top.hasPrefix(".") && !Self.topLevel.contains(String(top))
        }
    }

    /// The targets of a Makefile with their `## ` description; an empty one is missing.
    private func documented(_ makefile: String) -> [String: String] {
        let rules = makefile.split(separator: "\n").compactMap { $0.firstMatch(of: #/^([a-z-]+):[^=#]*(?:## (.+))?$/#) }
        return Dictionary(rules.map { (String($0.1), String($0.2 ?? "")) }, uniquingKeysWith: { first, _ in first })
    }

    /// The version that Version.swift states, if it is three plain numbers.
    private func version(_ text: String) -> String? {
        let lines = text.split(separator: "\n").filter { $0.contains("piscesVersion") }
        guard lines.count == 1 else { return nil }
        let form = #/public let piscesVersion = "((?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){2})"/#
        return lines[0].wholeMatch(of: form).map { String($0.1) }
    }

    @Test("Nothing else is at the top level")
    func top() throws { #expect(strangers(try Repository.paths()).isEmpty) }

    @Test("A stranger at the top level is caught")
    func topCanFail() {
        #expect(strangers([".ci/run", "Sources/a/b", "LICENSE", "docs/a", "NOTES"]) == ["docs/a", "NOTES"])
    }

    @Test("The Makefile has the promised targets, each described and told by README")
    func makefile() throws {
        let rules = documented(try #require(try Repository.file("Makefile")).text)
        let readme = try #require(try Repository.file("README.md")).text
        #expect(Set(rules.keys) == Set(Self.targets))
        for target in Self.targets {
            #expect(rules[target]?.isEmpty == false, "make \(target) has no description")
            #expect(readme.contains("`make \(target)"), "README.md does not tell of make \(target)")
        }
    }

    @Test("A target without description is caught")
    func makefileCanFail() {
        let text = "A := b\n.PHONY: a\na: b ## Do a\n\techo c: d\nb-c: a\n"
        #expect(documented(text) == ["a": "Do a", "b-c": ""])
    }

    @Test("The version is three plain numbers, stated once")
    func version() throws {
        let file = try #require(try Repository.file("Sources/LinuxSystem/Version.swift"))
        #expect(version(file.text) != nil)
    }

    @Test("Another form of version is refused", arguments: ["0.1", "0.1.0-dev", "01.1.0", "0.1.0\" // a"])
    func versionCanFail(_ number: String) {
        #expect(version("/// a\npublic let piscesVersion = \"1.20.3\"\n") == "1.20.3")
        #expect(version("public let piscesVersion = \"\(number)\"\n") == nil)
    }
}
