internal import Testing

@testable internal import BlueprintModel

/// Files in memory.
struct Missing: Error, CustomStringConvertible { let description = "no such file" }

/// Loads `main` of a few files in memory.
func load(_ files: [String: String], _ main: String = "x.yaml") throws -> LoadedBlueprint {
    try Blueprint.load(main) { path in
        guard let text = files[path] else { throw Missing() }
        return Array(text.utf8)
    }
}

/// A complete blueprint in `x.yaml`, with more lines; they start in line 4.
func loadBlueprint(_ lines: String, _ others: [String: String] = [:]) throws -> LoadedBlueprint {
    let head = "blueprint: 1\nname: x\ndistribution: { debian: trixie, architecture: amd64 }\n"
    return try load(others.merging(["x.yaml": head + lines]) { $1 })
}

/// The lines of the error that loading throws; empty where it succeeds.
func problems(_ body: () throws -> LoadedBlueprint) -> [String] {
    do {
        _ = try body()
        return []
    } catch { return "\(error)".split(separator: "\n").map(String.init) }
}

/// The lines of a document error; empty where none is thrown.
func documentProblems(_ body: () throws -> some Any) -> [String] {
    do {
        _ = try body()
        return []
    } catch { return "\(error)".split(separator: "\n").map(String.init) }
}

extension YAMLNode {
    /// Whether two nodes say the same, wherever they stand.
    func isSame(as other: YAMLNode) -> Bool {
        switch (content, other.content) {
        case (.scalar(let a, _), .scalar(let b, _)): a.utf8.elementsEqual(b.utf8)
        case (.sequence(let a), .sequence(let b)): a.elementsEqual(b) { $0.isSame(as: $1) }
        case (.mapping(let a), .mapping(let b)):
            a.count == b.count && a.allSatisfy { entry in other[entry.key].map(entry.value.isSame) ?? false }
        default: false
        }
    }
}
