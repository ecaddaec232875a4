/// What a value of a blueprint is, who set it and what it means.
public struct Explanation: Sendable, Equatable, CustomStringConvertible {
    /// The path as asked, such as `users.ops.shell`.
    public let path: String
    /// The value as written, or the default; nil where nothing is set and nothing holds by default.
    public let value: JSONValue?
    /// Where the value was written; nil for a default.
    public let origin: Mark?
    /// The documentation of the nearest key, one sentence.
    public let documentation: String

    /// Three lines: value, origin, meaning.
    public var description: String {
        "\(path): \(value?.canonical ?? "not set")\n  \(origin.map { "set at \($0)" } ?? "default")\n  \(documentation)"
    }
}

/// A path that leads nowhere.
public struct UnknownPath: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong, with the nearest name that exists.
    public let description: String
}

extension LoadedBlueprint {
    /// Explains a value by its path: keys joined by ".", elements of lists by their text.
    ///
    /// Keys that hold "." themselves need no quotes: the longest that exists is taken, as in
    /// `units.own.a.service.text`.
    public func explain(_ path: String) throws(UnknownPath) -> Explanation {
        var place = Place(shape: Blueprint.codec.shape, node: tree, documentation: "The whole blueprint.")
        var rest = path[...]
        while !rest.isEmpty {
            guard let (name, next) = place.step(rest) else {
                let known = place.names(of: place.shape)
                let word = rest.prefix { $0 != "." }
                let parent = path.dropLast(rest.count + (rest.count < path.count ? 1 : 0))
                throw UnknownPath(
                    description: "no \(quoted(String(rest))) in \(parent.isEmpty ? "blueprint" : parent)"
                        + suggestion(for: String(word), among: known))
            }
            place = next
            rest = rest.dropFirst(name.count + 1)
        }
        return Explanation(
            path: path, value: place.node.map { place.shape.json($0) } ?? place.standard, origin: place.node?.mark,
            documentation: place.documentation)
    }
}

/// A place in the description of the format and, where something is written there, in the document.
private struct Place {
    var shape: Shape
    var node: YAMLNode?
    var standard: JSONValue?
    var documentation: String

    /// The longest known name that the path starts with, and the place it leads to.
    func step(_ path: Substring) -> (String, Place)? {
        let candidates = names(of: shape).filter { path == $0 || path.hasPrefix($0 + ".") }
        guard let name = candidates.max(by: { $0.count < $1.count }) else { return nil }
        var next = self
        switch shape {
        case .record(let record):
            guard let key = record[name] else { return nil }
            let standard = self.node == nil ? self.standard?[name] : nil
            next = Place(
                shape: key.value, node: node?[name], standard: standard ?? key.standard,
                documentation: key.documentation)
        case .map(_, let value): (next.shape, next.node, next.standard) = (value, node?[name], nil)
        case .list(let element):
            (next.shape, next.node) = (element, node?.elements?.first { $0.text == name })
        default: return nil
        }
        return (name, next)
    }

    func names(of shape: Shape) -> [String] {
        switch shape {
        case .record(let record): record.keys.map(\.name)
        case .map: node?.entries?.map(\.key) ?? []
        case .list: node?.elements?.compactMap(\.text) ?? []
        default: []
        }
    }
}

extension Shape {
    /// A node of this shape as JSON, as it was written.
    fileprivate func json(_ node: YAMLNode) -> JSONValue {
        switch (self, node.content) {
        case (.bool, .scalar(let text, _)): .bool(text == "true")
        case (.integer, .scalar(let text, _)): Int(text).map(JSONValue.integer) ?? .string(text)
        case (_, .scalar(let text, _)): .string(text)
        case (_, .sequence(let elements)): .array(elements.map { member("").json($0) })
        case (_, .mapping(let entries)):
            .object(Dictionary(entries.map { ($0.key, member($0.key).json($0.value)) }, uniquingKeysWith: { $1 }))
        }
    }
}
