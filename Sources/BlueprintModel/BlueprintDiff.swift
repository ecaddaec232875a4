extension Blueprint {
    /// One difference between two blueprints.
    public struct Change: Sendable, Equatable, CustomStringConvertible {
        /// Keys from the top, as in `["users", "ops", "shell"]`; for an element of a list, the path of the list.
        public let path: [String]
        /// What was there; nil where nothing was.
        public let old: JSONValue?
        /// What is there; nil where nothing is.
        public let new: JSONValue?

        /// One line: `+` what is new, `-` what is gone, `~` what is different; long values are cut.
        public var description: String {
            let place = path.joined(separator: ".")
            func short(_ value: JSONValue?) -> String {
                let text = value?.canonical ?? ""
                return text.unicodeScalars.count > 200 ? text.prefix(200) + "…" : text
            }
            return switch (old, new) {
            case (nil, _): "+ \(place): \(short(new))"
            case (_, nil): "- \(place): \(short(old))"
            // Of a hash only this can be understood.
            case _ where path.last == "keyed-hash":
                "~ \(place): \(short(old)) -> \(short(new)) (the secret changed, or the key of the hash)"
            default: "~ \(place): \(short(old)) -> \(short(new))"
            }
        }
    }

    /// How two blueprints differ, in the order of paths; empty exactly where their canonical forms are equal.
    public static func diff(_ old: Blueprint, _ new: Blueprint) -> [Change] {
        var changes: [Change] = []
        compare(old.canonicalJSON, new.canonicalJSON, codec.shape, [], &changes)
        return changes
    }

    private static func compare(
        _ old: JSONValue?, _ new: JSONValue?, _ shape: Shape, _ path: [String], _ changes: inout [Change]
    ) {
        // By bytes: equal strings in Swift may differ in their encoding.
        if old?.canonicalBytes == new?.canonicalBytes { return }
        switch (shape, old, new) {
        case (.record(let record), .object(let a), .object(let b)):
            for key in record.keys.sorted(by: { $0.name < $1.name }) {
                let standard = key.standard ?? key.value.empty
                compare(a[key.name] ?? standard, b[key.name] ?? standard, key.value, path + [key.name], &changes)
            }
        case (.map(_, let value), .object(let a), .object(let b)):
            for key in Set(a.keys).union(b.keys).sorted() { compare(a[key], b[key], value, path + [key], &changes) }
        case (.list, .array(let a), .array(let b)):
            let gone = a.filter { !b.contains($0) }
            let added = b.filter { !a.contains($0) }
            changes += gone.map { Change(path: path, old: $0, new: nil) }
            changes += added.map { Change(path: path, old: nil, new: $0) }
            if a.filter(b.contains) != b.filter(a.contains) || gone.isEmpty && added.isEmpty {
                changes.append(Change(path: path, old: old, new: new))
            }
        default: changes.append(Change(path: path, old: old, new: new))
        }
    }
}

extension Shape {
    /// What an absent container is equal to.
    fileprivate var empty: JSONValue? {
        switch self {
        case .map: .object([:])
        default: nil
        }
    }
}
