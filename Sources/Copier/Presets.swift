internal import Glibc

/// Which units are not to be enabled when their package is installed (systemd.preset(5)).
struct Presets {
    private var rules: [(isEnabled: Bool, pattern: String)] = []

    /// Adds the lines of a file; of all rules that fit a unit, the first counts.
    mutating func add(_ lines: [TextLine]) {
        for words in lines.compactMap({ $0.content.map(words(of:)) }) where words.count >= 2 {
            if words[0] == "enable" || words[0] == "disable" { rules.append((words[0] == "enable", words[1])) }
        }
    }

    /// Whether a rule says that the unit stays disabled.
    func disable(_ unit: String) -> Bool {
        rules.first { fnmatch($0.pattern, unit, 0) == 0 }.map { !$0.isEnabled } ?? false
    }
}
