/// What a blueprint takes away from those it includes.
struct Without: Sendable {
    var packages: [String] = []
    var alternatives: [String] = []
    var diversions: [String] = []
    var debconf: [String] = []
    var repositories: [String] = []
    var users: [String] = []
    var groups: [String] = []
    var units: [String] = []
    var files: [String] = []
    var statOverrides: [String] = []
    var mounts: [String] = []
    var containers: [String] = []
    var links: [String] = []
    var sysctl: [String] = []
    var health: [String] = []

    static let codec = Codec<Self>.record(
        "without", Self(),
        [
            Key(
                "packages", \.packages, .list(.text(.packageName)),
                "Packages not to install, or not to hold, after all."),
            Key(
                "alternatives", \.alternatives, .list(.text(.alternativeName)),
                "Alternatives about which nothing shall be chosen after all, by name."),
            Key("diversions", \.diversions, .list(.text(.absolutePath)), "Diversions, by the path that packages ship."),
            Key("debconf", \.debconf, .list(.text(.packageName)), "Answers to questions, by package."),
            Key("repositories", \.repositories, .list(.text(.name)), "Repositories, by name."),
            Key("users", \.users, .list(.text(.userName)), "Users, by name."),
            Key("groups", \.groups, .list(.text(.userName)), "Groups, by name."),
            Key("units", \.units, .list(.text(.unitName)), "Units about which nothing shall be said after all."),
            Key("files", \.files, .list(.text(.absolutePath)), "Files, by path."),
            Key("stat-overrides", \.statOverrides, .list(.text(.absolutePath)), "Overrides, by path."),
            Key("mounts", \.mounts, .list(.text(.absolutePath)), "Mounts, by mount point."),
            Key("containers", \.containers, .list(.text(.containerName)), "Containers, by name."),
            Key("links", \.links, .list(.text(.linkName)), "Network links, by name."),
            Key("sysctl", \.sysctl, .list(.text(.sysctl)), "Kernel parameters, by name."),
            Key("health", \.health, .list(.text(.name)), "Health checks, by name."),
        ])

    /// Where in a blueprint the names of each key of `without` stand.
    private static let places: [String: [[String]]] = [
        "packages": [["packages", "install"], ["packages", "hold"]], "alternatives": [["alternatives"]],
        "diversions": [["diversions"]], "debconf": [["debconf"]], "repositories": [["repositories"]],
        "users": [["users"]],
        "stat-overrides": [["stat-overrides"]],
        "groups": [["groups"]], "files": [["files"]], "mounts": [["mounts"]], "containers": [["containers"]],
        "links": [["network", "links"]],
        "sysctl": [["kernel", "sysctl"]], "health": [["health", "required"], ["health", "wanted"]],
        "units": ["enable", "disable", "mask", "own", "drop-ins"].map { ["units", $0] },
    ]

    /// The tree without what the `without` of another names; a name that is not there is a problem.
    static func apply(_ without: YAMLNode, to tree: YAMLNode, _ decoding: inout Decoding) -> YAMLNode {
        var tree = tree
        for kind in without.entries ?? [] {
            for name in kind.value.elements ?? [] {
                guard let text = name.text else { continue }
                var isFound = false
                for place in places[kind.key] ?? [] { tree = tree.removing(text, at: place[...], &isFound) }
                if !isFound {
                    decoding.report(name.mark, "without.\(kind.key): no included blueprint brings \(quoted(text))")
                }
            }
        }
        return tree
    }
}

extension YAMLNode {
    /// The node without an element or key of this name in what the path leads to.
    fileprivate func removing(_ name: String, at path: ArraySlice<String>, _ isFound: inout Bool) -> YAMLNode {
        var node = self
        switch (path.first, content) {
        case (let key?, .mapping(var entries)):
            if let index = entries.firstIndex(where: { $0.key == key }) {
                entries[index].value = entries[index].value.removing(name, at: path.dropFirst(), &isFound)
            }
            node.content = .mapping(entries)
        case (nil, .mapping(let entries)):
            let kept = entries.filter { $0.key != name }
            isFound = isFound || kept.count < entries.count
            node.content = .mapping(kept)
        case (nil, .sequence(let elements)):
            let kept = elements.filter { $0.text != name }
            isFound = isFound || kept.count < elements.count
            node.content = .sequence(kept)
        default: break
        }
        return node
    }
}
