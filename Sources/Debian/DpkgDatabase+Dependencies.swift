extension DpkgDatabase {
    /// One group of alternatives in a field such as `Depends`, in view of what is installed.
    public struct Choice: Sendable, Equatable {
        /// The package that is named first, without its architecture: what apt takes where it may choose.
        public var first: String
        /// Whether that one, or one that provides it, is installed.
        public var hasFirst: Bool
        /// The places of the installed packages that fulfil the group, that which counts first; none where none does.
        public var fulfilling: [Int]
        /// The one that counts.
        public var chosen: Int? { fulfilling.first }
    }

    /// Which installed packages each installed package needs, by their places in `controls`: its control paragraphs.
    ///
    /// Of alternatives that are bound by bars the first that is installed counts: the package itself, else the first
    /// that provides it. What nothing installed fulfils is left out: dpkg configured the package all the same.
    public static func dependencies(of controls: [Deb822.Stanza]) throws(Deb822.SyntaxError) -> [[Int]] {
        try choices(of: controls, in: ["Pre-Depends", "Depends"]).enumerated().map { index, choices in
            Set(choices.compactMap(\.chosen)).subtracting([index]).sorted()
        }
    }

    /// For each installed package the groups of alternatives in the fields of these names, in their order.
    public static func choices(
        of controls: [Deb822.Stanza], in fields: [String]
    ) throws(Deb822.SyntaxError) -> [[Choice]] {
        var named: [String: [Int]] = [:]
        var providers: [String: [Int]] = [:]
        for (index, control) in controls.enumerated() {
            named[control["Package"] ?? "", default: []].append(index)
            for relation in try relations(of: control, "Provides").joined() {
                providers[relation.name, default: []].append(index)
            }
        }
        let versions = controls.map { $0["Version"].flatMap { DebianVersion($0) } }
        var result: [[Choice]] = []
        for control in controls {
            var choices: [Choice] = []
            for field in fields {
                for alternatives in try relations(of: control, field) {
                    let found = alternatives.map { relation in
                        // `python3:any` is python3 of any architecture.
                        let name = String(relation.name.prefix { $0 != ":" })
                        let itself = (named[name] ?? []).filter { versions[$0].map(relation.allows) ?? false }
                        return itself + (providers[name] ?? [])
                    }
                    let first = alternatives.first.map { String($0.name.prefix { $0 != ":" }) } ?? ""
                    choices.append(
                        Choice(first: first, hasFirst: found.first?.isEmpty == false, fulfilling: found.flatMap { $0 }))
                }
            }
            result.append(choices)
        }
        return result
    }

    /// The packages that a relationship field names.
    static func relations(
        of control: Deb822.Stanza, _ name: String
    ) throws(Deb822.SyntaxError) -> [[Relation]] {
        guard let field = control.field(name), !field.value.isEmpty else { return [] }
        guard let relations = Relation.parse(field.value) else {
            throw Deb822.SyntaxError(file: "control", line: field.line, "\(name): no list of packages: \(field.value)")
        }
        return relations
    }

    /// The source package that a binary package was built from (deb-control(5), Source); its own name and version
    /// where the paragraph names no other.
    public static func source(of control: Deb822.Stanza) -> (name: String, version: String) {
        let own = (name: control["Package"] ?? "", version: control["Version"] ?? "")
        let parts = words(of: control["Source"] ?? "")
        guard let name = parts.first else { return own }
        let version = parts.dropFirst().first.map { $0.filter { $0 != "(" && $0 != ")" } }
        return (name, version ?? own.version)
    }
}
