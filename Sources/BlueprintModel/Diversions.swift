extension Blueprint {
    /// What dpkg-divert(1) is told by hand: the path that packages ship, and where their file is instead.
    static let diversionsCodec = Codec<[String: String]>.map(.absolutePath, .text(.absolutePath))

    /// Refuses what dpkg-divert(1) would: a file that stays where it is, two in one place, one that is diverted twice.
    static func checkDiversions(_ blueprint: Blueprint, _ node: YAMLNode, _ decoding: inout Decoding) {
        var places: [String: String] = [:]
        for entry in node["diversions"]?.entries ?? [] {
            guard let target = blueprint.diversions[entry.key] else { continue }
            let name = "diversions.\(entry.key)"
            if target == entry.key {
                decoding.report(entry.value.mark, "\(name) leads to itself; name another path")
            } else if blueprint.diversions[target] != nil {
                decoding.report(entry.value.mark, "\(name) leads to diversions.\(target), which leads elsewhere")
            } else if let other = places.updateValue(entry.key, forKey: target) {
                decoding.report(entry.value.mark, "\(name) leads to \(quoted(target)), as does diversions.\(other)")
            }
        }
    }
}
