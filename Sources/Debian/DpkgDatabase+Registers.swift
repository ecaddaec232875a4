extension DpkgDatabase {
    /// A path that packages ship under one name and have on disk under another (dpkg-divert(1)).
    public struct Diversion: Sendable, Equatable {
        /// The name that packages ship.
        public var from: String
        /// The name on disk.
        public var to: String
        /// The one package that keeps the first name; nil for a local diversion, which holds for all.
        public var package: String?

        /// Makes a diversion.
        public init(from: String, to: String, package: String?) {
            self.from = from
            self.to = to
            self.package = package
        }
    }

    /// Owner and mode that a file has whatever its package says (dpkg-statoverride(1)).
    public struct StatOverride: Sendable, Equatable {
        /// A name, or `#` and a number.
        public var user: String
        /// A name, or `#` and a number.
        public var group: String
        /// The permission bits.
        public var mode: UInt32
        /// The absolute path.
        public var path: String
    }

    /// One name of update-alternatives(1), as the file in `alternatives/` has it.
    public struct Alternative: Sendable, Equatable {
        /// A link that exists if a choice is made.
        public struct Link: Sendable, Equatable {
            /// Its name in `/etc/alternatives`.
            public var name: String
            /// Where the link is.
            public var path: String
        }

        /// One choice.
        public struct Choice: Sendable, Equatable {
            /// What the first link leads to.
            public var path: String
            /// The highest wins in automatic mode.
            public var priority: Int
            /// What the further links lead to, in their order; empty for a link that the choice has not.
            public var others: [String]
        }

        /// Whether the choice with the highest priority is taken, or the one a person has set.
        public var isAutomatic: Bool
        /// The main link, then the further ones.
        public var links: [Link]
        /// The choices in the order of the file.
        public var choices: [Choice]
    }

    /// Reads `diversions`: three lines each.
    public static func diversions(_ text: String, file: String) throws(Deb822.SyntaxError) -> [Diversion] {
        var lines = lines(of: text)
        if lines.last?.isEmpty == true { lines.removeLast() }
        var diversions: [Diversion] = []
        for start in stride(from: 0, to: lines.count, by: 3) {
            guard start + 2 < lines.count, isAbsolute(lines[start]), isAbsolute(lines[start + 1]) else {
                throw Deb822.SyntaxError(
                    file: file, line: start + 1,
                    "a diversion is two absolute paths and a package or ':', each on a line")
            }
            let package = lines[start + 2]
            diversions.append(
                Diversion(from: lines[start], to: lines[start + 1], package: package == ":" ? nil : package))
        }
        return diversions
    }

    /// Reads `statoverride`: `USER GROUP MODE PATH` per line.
    public static func statOverrides(_ text: String, file: String) throws(Deb822.SyntaxError) -> [StatOverride] {
        var overrides: [StatOverride] = []
        for (number, line) in lines(of: text).enumerated() where !line.isEmpty {
            let parts = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: true)
            guard parts.count == 4, let mode = UInt32(parts[2], radix: 8), mode <= 0o7777, isAbsolute(parts[3]) else {
                throw Deb822.SyntaxError(
                    file: file, line: number + 1, "'\(line)' is not of the form 'USER GROUP MODE PATH'")
            }
            overrides.append(
                StatOverride(user: String(parts[0]), group: String(parts[1]), mode: mode, path: String(parts[3])))
        }
        return overrides
    }

    /// Reads a file of `alternatives/`, whose name is that of the main link.
    public static func alternative(
        _ text: String, name: String, file: String
    ) throws(Deb822.SyntaxError) -> Alternative {
        var reader = LineReader(lines: lines(of: text), file: file)
        let mode = try reader.next("'auto' or 'manual'")
        guard mode == "auto" || mode == "manual" else { throw reader.error("'\(mode)' is neither 'auto' nor 'manual'") }
        var links = [Alternative.Link(name: name, path: try reader.path())]
        while true {
            let slave = try reader.next("the name of a further link or an empty line")
            if slave.isEmpty { break }
            if slave.utf8.contains(UInt8(ascii: "/")) { throw reader.error("'\(slave)' is no name") }
            links.append(Alternative.Link(name: slave, path: try reader.path()))
        }
        var choices: [Alternative.Choice] = []
        while true {
            let path = try reader.next("a choice or an empty line")
            if path.isEmpty { break }
            let priority = try reader.next("the priority")
            guard let priority = Int(priority) else { throw reader.error("'\(priority)' is no priority") }
            var others: [String] = []
            for _ in links.dropFirst() { others.append(try reader.next("the target of a further link")) }
            choices.append(Alternative.Choice(path: path, priority: priority, others: others))
        }
        return Alternative(isAutomatic: mode == "auto", links: links, choices: choices)
    }

    /// The patterns of `path-exclude` and `path-include` in a configuration file, in their order (dpkg(1)).
    public static func pathFilters(_ text: String) -> [(isExcluded: Bool, pattern: String)] {
        lines(of: text).compactMap { line in
            var line = trimmed(line)
            if line.utf8.starts(with: "--".utf8) { line = String(line.dropFirst(2)) }
            for (option, isExcluded) in [("path-exclude", true), ("path-include", false)] {
                guard line.utf8.starts(with: option.utf8) else { continue }
                let value = trimmed(line.dropFirst(option.count).drop { $0 == " " || $0 == "\t" || $0 == "=" })
                return (isExcluded, trimmed(value.filter { $0 != "\"" && $0 != "'" }))
            }
            return nil
        }
    }

    private static func isAbsolute(_ path: some StringProtocol) -> Bool { path.utf8.first == UInt8(ascii: "/") }

    private struct LineReader {
        let lines: [String]
        let file: String
        var number = 0

        mutating func next(_ expected: String) throws(Deb822.SyntaxError) -> String {
            guard number < lines.count else { throw error("the file ends where \(expected) belongs") }
            number += 1
            return lines[number - 1]
        }

        mutating func path() throws(Deb822.SyntaxError) -> String {
            let path = try next("the path of a link")
            guard DpkgDatabase.isAbsolute(path) else { throw error("'\(path)' is no absolute path") }
            return path
        }

        func error(_ message: String) -> Deb822.SyntaxError {
            Deb822.SyntaxError(file: file, line: max(1, number), message)
        }
    }
}
