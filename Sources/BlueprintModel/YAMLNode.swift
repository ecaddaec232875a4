/// A value of a YAML document, with its place. Scalars keep their text: what reads them decides on the type.
struct YAMLNode: Sendable {
    enum Content: Sendable {
        /// A text; only a plain one (without quotes) may stand for a number, a truth value or nothing.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        case mapping([Entry])
    }

    /// A member of a mapping; keys are unique.
    struct Entry: Sendable {
        let key: String
        let keyMark: Mark
        var value: YAMLNode
    }

    var content: Content
    let mark: Mark

    var entries: [Entry]? { if case .mapping(let entries) = content { entries } else { nil } }
    var elements: [YAMLNode]? { if case .sequence(let elements) = content { elements } else { nil } }
    var text: String? { if case .scalar(let text, _) = content { text } else { nil } }

    /// Whether nothing is written, by YAML 1.2's core schema.
    var isNull: Bool {
        if case .scalar(let text, true) = content { ["", "~", "null", "Null", "NULL"].contains(text) } else { false }
    }

    subscript(key: String) -> YAMLNode? { entries?.first { $0.key == key }?.value }

    /// A JSON value as a node, every part of it at one place.
    init(_ value: JSONValue, at mark: Mark) {
        self.mark = mark
        switch value {
        case .null: content = .scalar("null", isPlain: true)
        case .bool(let value): content = .scalar(value ? "true" : "false", isPlain: true)
        case .integer(let value): content = .scalar(String(value), isPlain: true)
        case .string(let value): content = .scalar(value, isPlain: false)
        case .array(let elements): content = .sequence(elements.map { YAMLNode($0, at: mark) })
        case .object(let members):
            let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            content = .mapping(
                sorted.map { Entry(key: $0.key, keyMark: mark, value: YAMLNode($0.value, at: mark)) })
        }
    }

    init(_ content: Content, at mark: Mark) {
        self.content = content
        self.mark = mark
    }
}
