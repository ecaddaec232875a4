/// One alternative of a relationship field such as `Depends` (deb-control(5)): `name[:architecture] [(operator
/// version)]`.
struct Relation: Sendable, Equatable {
    /// The package, and after a colon the architecture it must have, if one is named.
    var name: String
    /// `<<`, `<=`, `=`, `>=` or `>>`, and the version; nil for any version.
    var bound: (comparison: String, version: DebianVersion)?

    static func == (left: Relation, right: Relation) -> Bool { left.description == right.description }

    /// As dpkg writes it.
    var description: String {
        guard let bound else { return name }
        return "\(name) (\(bound.comparison) \(bound.version.canonical))"
    }

    /// Whether the bound allows a version.
    func allows(_ version: DebianVersion) -> Bool {
        guard let bound else { return true }
        let order = version.order(against: bound.version)
        return switch bound.comparison {
        case "<<": order == .earlier
        case "<=": order != .later
        case ">=": order != .earlier
        case ">>": order == .later
        default: order == .same
        }
    }

    /// Reads a field's value: groups parted by commas, of alternatives parted by bars. Nil if it is none.
    static func parse(_ value: String) -> [[Relation]]? {
        var groups: [[Relation]] = []
        for group in value.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            var alternatives: [Relation] = []
            for alternative in group.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false) {
                guard let relation = Relation(alternative) else { return nil }
                alternatives.append(relation)
            }
            groups.append(alternatives)
        }
        return groups
    }

    private init?(_ text: Substring.UTF8View) {
        let isSpace: (UInt8) -> Bool = { isBlank($0) || $0 == UInt8(ascii: "\n") }
        var rest = text.drop(while: isSpace)
        let name = rest.prefix { !isSpace($0) && $0 != UInt8(ascii: "(") }
        guard name.first.map({ isDigit($0) || isLetter($0) }) == true else { return nil }
        self.name = String(decoding: name, as: UTF8.self)
        rest = rest[name.endIndex...].drop(while: isSpace)
        if rest.isEmpty { return }
        guard rest.first == UInt8(ascii: "("), let close = rest.firstIndex(of: UInt8(ascii: ")")),
            rest[rest.index(after: close)...].allSatisfy(isSpace)
        else { return nil }
        let inside = rest[rest.index(after: rest.startIndex)..<close].drop(while: isSpace)
        let sign = inside.prefix { [UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "=")].contains($0) }
        let version = words(of: String(decoding: inside[sign.endIndex...], as: UTF8.self))
        // `<` and `>` alone are old spellings of `<=` and `>=`; none at all is `=`.
        let signs = ["<<": "<<", "<=": "<=", "=": "=", ">=": ">=", ">>": ">>", "<": "<=", ">": ">=", "": "="]
        guard let comparison = signs[String(decoding: sign, as: UTF8.self)], version.count == 1,
            let version = DebianVersion(version[0])
        else { return nil }
        bound = (comparison, version)
    }
}
