extension YAMLNode {
    /// This node with another laid over it: mappings merge by key, lists append without what is there already, anything
    /// else is replaced. A key that excludes others removes them.
    func overlaid(with other: YAMLNode, _ shape: Shape) -> YAMLNode {
        switch (content, other.content) {
        case (.sequence(let elements), .sequence(let added)):
            // Lists hold texts; what else stands in one is a mistake that the decoder names.
            let known = Set(elements.compactMap { $0.text.map { Array($0.utf8) } })
            let new = added.filter { element in !(element.text.map { known.contains(Array($0.utf8)) } ?? false) }
            return YAMLNode(.sequence(elements + new), at: mark)
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
    /// Whether a key gives way to the keys of another alternative, or says something of what is replaced.
    fileprivate func excludes(_ name: String, _ added: [YAMLNode.Entry]) -> Bool {
        if name == "keyed-hash", added.contains(where: { $0.key == "secret" }) { return true }
        guard case .record(let record) = self, let mine = record[name]?.alternative else { return false }
        return added.contains { entry in
            if let other = record[entry.key]?.alternative { other != mine } else { false }
        }
    }
}
