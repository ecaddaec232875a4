extension YAMLNode {
    /// This node with another laid over it: mappings merge by key, lists append without what is there already, anything
    /// else is replaced. A key that excludes others removes them.
    func overlaid(with other: YAMLNode, _ shape: Shape) -> YAMLNode {
        var (base, other) = (self, other)
        if case .record(let record) = shape { (base, other) = (record.expanded(base), record.expanded(other)) }
        switch (base.content, other.content) {
        case (.sequence(let elements), .sequence(let added)):
            let new = added.filter { element in !elements.contains { $0.isSame(as: element) } }
            return YAMLNode(.sequence(elements + new), at: base.mark)
        case (.mapping(var entries), .mapping(let added)):
            entries.removeAll { shape.excludes($0.key, added) }
            var places = Dictionary(uniqueKeysWithValues: zip(entries.map(\.key), entries.indices))
            for entry in added {
                if let place = places[entry.key] {
                    let value = entries[place].value.overlaid(with: entry.value, shape.member(entry.key))
                    entries[place] = Entry(key: entry.key, keyMark: entry.keyMark, value: value)
                } else {
                    places[entry.key] = entries.count
                    entries.append(entry)
                }
            }
            return YAMLNode(.mapping(entries), at: other.mark)
        default: return other
        }
    }
}

extension Shape {
    /// The shape of a member; an unknown one is reported elsewhere.
    func member(_ name: String) -> Shape {
        switch self {
        case .record(let record): record[name]?.value ?? .text(.text)
        case .map(_, let value), .list(let value): value
        default: self
        }
    }

    /// Whether a key gives way to the keys of another alternative.
    fileprivate func excludes(_ name: String, _ added: [YAMLNode.Entry]) -> Bool {
        guard case .record(let record) = self, let mine = record[name]?.alternative else { return false }
        return added.contains { entry in
            if let other = record[entry.key]?.alternative { other != mine } else { false }
        }
    }
}
