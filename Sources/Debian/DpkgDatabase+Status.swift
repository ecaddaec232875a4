extension DpkgDatabase {
    /// How dpkg treats a field that it knows.
    private enum Form {
        case text
        /// `yes`, or not written.
        case flag
        /// Lower case.
        case priority
        /// `no` is not written.
        case multiArch
        case version
        case relations
        /// Made here, whatever the package says.
        case status
        case conffiles
        /// Belongs to a package list, not to the database.
        case dropped
    }

    /// The fields dpkg knows, in the order it writes them; all others follow as they stood in the package.
    private static let known: [(name: String, form: Form)] = [
        ("Package", .text), ("Essential", .flag), ("Protected", .flag), ("Status", .status), ("Priority", .priority),
        ("Section", .text), ("Installed-Size", .text), ("Origin", .text), ("Maintainer", .text), ("Bugs", .text),
        ("Architecture", .text), ("Multi-Arch", .multiArch), ("Source", .text), ("Version", .version),
        ("Replaces", .relations), ("Provides", .relations), ("Depends", .relations), ("Pre-Depends", .relations),
        ("Recommends", .relations), ("Suggests", .relations), ("Breaks", .relations), ("Conflicts", .relations),
        ("Enhances", .relations), ("Conffiles", .conffiles), ("Filename", .dropped), ("Size", .dropped),
        ("MD5sum", .dropped), ("Description", .text),
    ]

    /// The paragraph of a package in `status`.
    ///
    /// - Parameters:
    ///   - control: the package's control file.
    ///   - conffiles: its conffiles in the order of its member `conffiles`.
    /// - Throws: when a relationship or the version is one dpkg would not take; `file` is the package's name.
    public static func statusStanza(
        control: Deb822.Stanza, conffiles: [Conffile], selection: Selection = .install, state: State
    ) throws(Deb822.SyntaxError) -> Deb822.Stanza {
        var result = Deb822.Stanza()
        for (name, form) in known {
            let value: String?
            switch form {
            case .status: value = "\(selection.rawValue) ok \(state.rawValue)"
            case .conffiles: value = conffiles.isEmpty ? nil : conffiles.map(entry).joined()
            default: value = try text(of: control.field(name), form, file: control["Package"] ?? "control")
            }
            if let value { result.fields.append(Deb822.Field(name, value)) }
        }
        for field in control.fields where !known.contains(where: { sameName($0.name, field.name) }) {
            result.fields.append(Deb822.Field(field.name, field.value))
        }
        return result
    }

    /// The content of `status`: the paragraphs by package name, then architecture, as dpkg orders them.
    public static func status(_ stanzas: [Deb822.Stanza]) -> String {
        let sorted = stanzas.sorted {
            let (left, right) = ($0["Package"] ?? "", $1["Package"] ?? "")
            return left == right
                ? ($0["Architecture"] ?? "").utf8.lexicographicallyPrecedes(($1["Architecture"] ?? "").utf8)
                : left.utf8.lexicographicallyPrecedes(right.utf8)
        }
        // dpkg ends every paragraph with an empty line, the last one too.
        return sorted.map { Deb822.write([$0]) + "\n" }.joined()
    }

    /// The field's value as dpkg writes it; nil when it leaves the field out.
    private static func text(
        of field: Deb822.Field?, _ form: Form, file: String
    ) throws(Deb822.SyntaxError) -> String? {
        guard let field, !field.value.isEmpty else { return nil }
        switch form {
        case .text: return field.value
        case .flag: return field.value == "yes" ? "yes" : nil
        case .multiArch: return field.value == "no" ? nil : field.value
        case .priority:
            let lower = String(decoding: field.value.utf8.map(lowercased), as: UTF8.self)
            return ["required", "important", "standard", "optional", "extra"].contains(lower) ? lower : field.value
        case .version:
            guard let version = DebianVersion(field.value) else {
                throw Deb822.SyntaxError(file: file, line: field.line, "'\(field.value)' is not a version")
            }
            return version.canonical
        case .relations:
            guard let groups = Relation.parse(field.value) else {
                throw Deb822.SyntaxError(
                    file: file, line: field.line, "the relationships in '\(field.name)' are not well formed")
            }
            return groups.map { $0.map(\.description).joined(separator: " | ") }.joined(separator: ", ")
        case .status, .conffiles, .dropped: return nil
        }
    }

    private static func entry(for conffile: Conffile) -> String {
        "\n \(conffile.path) \(conffile.md5 ?? "newconffile")"
            + (conffile.isRemovedOnUpgrade ? " remove-on-upgrade" : "")
    }
}
