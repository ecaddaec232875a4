/// How one type of value is written in a document, described once: decoder, encoder, merge, JSON Schema, `explain` and
/// the suggestions for misspelt keys all come from it.
struct Codec<Value: Sendable>: Sendable {
    let shape: Shape
    /// Reads a node; reports what is wrong and returns nil.
    let decode: @Sendable (YAMLNode, inout Decoding) -> Value?
    /// The canonical form; what equals its default is left out of records.
    let encode: @Sendable (Value) -> JSONValue
}

/// The description of values, without their Swift type.
indirect enum Shape: Sendable {
    case bool
    case integer(ClosedRange<Int>)
    case text(TextRule)
    case list(Shape)
    case map(TextRule, Shape)
    case record(RecordShape)
}

/// The description of a mapping with known keys.
struct RecordShape: Sendable {
    /// What messages call it where it has no path.
    let noun: String
    let keys: [KeyShape]
    let shorthand: Shorthand?

    /// What else may be written where a record is wanted: the value of one of its keys.
    enum Shorthand: Sendable {
        case list(String)
        case text(String)
    }

    subscript(name: String) -> KeyShape? { keys.first { $0.name == name } }

    /// The groups of keys that exclude each other, in the order written, each with its keys.
    var alternatives: [(name: String, keys: [KeyShape])] {
        var names: [String] = []
        for case let name? in keys.map(\.alternative) where !names.contains(name) { names.append(name) }
        return names.map { name in (name, keys.filter { $0.alternative == name }) }
    }
}

extension Shape {
    /// A node in which every shorthand is written out. Whoever reads a document does this first.
    func expanded(_ node: YAMLNode) -> YAMLNode {
        var node = node
        if case .record(let record) = self {
            switch (record.shorthand, node.content) {
            case (.list(let name), .sequence), (.text(let name), .scalar):
                node.content = .mapping([YAMLNode.Entry(key: name, keyMark: node.mark, value: node)])
            default: break
            }
        }
        switch node.content {
        case .scalar: break
        case .sequence(let elements): node.content = .sequence(elements.map(member("").expanded))
        case .mapping(var entries):
            for index in entries.indices {
                entries[index].value = member(entries[index].key).expanded(entries[index].value)
            }
            node.content = .mapping(entries)
        }
        return node
    }

    /// The shape of a member of a mapping or list; an unknown one is reported elsewhere.
    func member(_ name: String) -> Shape {
        switch self {
        case .record(let record): record[name]?.value ?? .text(.text)
        case .map(_, let value), .list(let value): value
        default: self
        }
    }
}

/// The description of a key of a record.
struct KeyShape: Sendable {
    enum Presence: Sendable {
        case optional
        /// Wanted once all includes are merged; for a key of an alternative, where that alternative is chosen.
        case required
        /// Wanted in every file.
        case everywhere
    }

    let name: String
    let documentation: String
    let presence: Presence
    /// The group of keys it belongs to, of which only one group may be used.
    let alternative: String?
    let value: Shape
    /// What holds where the key is absent; nil where that is nothing.
    let standard: JSONValue?
}

/// A key of a record of type `Owner`: its description, and how it gets in and out.
struct Key<Owner>: Sendable {
    let name: String
    let documentation: String
    let presence: KeyShape.Presence
    let alternative: String?
    let shape: Shape
    let decode: @Sendable (YAMLNode, inout Owner, inout Decoding) -> Void
    let encode: @Sendable (Owner) -> JSONValue?

    init<Value>(
        _ name: String, _ path: any WritableKeyPath<Owner, Value> & Sendable, _ codec: Codec<Value>,
        _ documentation: String,
        presence: KeyShape.Presence = .optional
    ) {
        (self.name, self.documentation, self.presence, alternative) = (name, documentation, presence, nil)
        shape = codec.shape
        decode = { node, owner, decoding in
            if let value = codec.decode(node, &decoding) { owner[keyPath: path] = value }
        }
        encode = { codec.encode($0[keyPath: path]) }
    }

    /// A key whose absence means nil.
    init<Value>(
        _ name: String, _ path: any WritableKeyPath<Owner, Value?> & Sendable, _ codec: Codec<Value>,
        _ documentation: String, presence: KeyShape.Presence = .optional, alternative: String? = nil
    ) {
        (self.name, self.documentation, self.presence) = (name, documentation, presence)
        (self.alternative, shape) = (alternative, codec.shape)
        decode = { node, owner, decoding in owner[keyPath: path] = codec.decode(node, &decoding) }
        encode = { $0[keyPath: path].map(codec.encode) }
    }

    /// A key that is not part of the value: checked, then dropped, unless it always has the same value.
    init<Value>(
        _ name: String, dropping codec: Codec<Value>, _ documentation: String, always value: Value? = nil
    ) {
        (self.name, self.documentation, alternative) = (name, documentation, nil)
        presence = value == nil ? .optional : .everywhere
        shape = codec.shape
        decode = { node, _, decoding in _ = codec.decode(node, &decoding) }
        encode = { _ in value.map(codec.encode) }
    }
}

/// What decoding needs beside the nodes, and what it finds.
struct Decoding {
    /// Why a file could not be read; the text is for people.
    struct Unreadable: Error { let reason: String }

    /// Whether this is one file that others will be merged with, so that something may still be missing.
    var isFragment = false
    /// The bytes of a file that the document names, relative to the file with the mark.
    var read: (_ path: String, Mark) throws(Unreadable) -> [UInt8] = { _, _ throws(Unreadable) in
        throw Unreadable(reason: "only a blueprint's YAML form may name files")
    }
    /// A file that the document names, where it is too large to be read into memory; nil for all others.
    var store: (_ path: String, Mark) throws(Unreadable) -> Blueprint.LargeSource? = { _, _ throws(Unreadable) in nil }
    /// A path relative to the file with the mark, as a path relative to the directory of the loaded file.
    var rebase: (_ path: String, Mark) -> String = { path, _ in path }
    var problems: [Problem] = []
    private(set) var path: [String] = []

    /// Reports a problem of the value at the current path.
    mutating func report(_ mark: Mark, _ message: String) {
        problems.append(Problem(mark, path.isEmpty ? message : "\(path.joined(separator: ".")): \(message)"))
    }

    mutating func reportType(_ node: YAMLNode, wanted: String) {
        let found =
            switch node.content {
            case _ where node.isNull: "nothing"
            case .scalar(let text, _): "the text \(quoted(text))"
            case .sequence: "a list"
            case .mapping: "a mapping"
            }
        report(node.mark, "wanted \(wanted), found \(found)")
    }

    /// Does something one level deeper.
    mutating func within<Result>(_ name: String, _ body: (inout Decoding) -> Result) -> Result {
        path.append(name)
        defer { path.removeLast() }
        return body(&self)
    }

    /// What this level is called in a sentence.
    func place(_ noun: String) -> String { path.isEmpty ? noun : path.joined(separator: ".") }
}

/// A text of a document within a message: cut if long, and never a secret.
func quoted(_ text: String) -> String {
    if let secret = Secrets.kind(in: Array(text.utf8)) { return "(\(secret))" }
    let visible = text.unicodeScalars.prefix(60).map { $0.value < 0x20 ? $0.escaped(asASCII: true) : String($0) }
    return "\"\(visible.joined())\(text.unicodeScalars.count > 60 ? "…" : "")\""
}

/// `a, b or c`.
func either(_ words: [String]) -> String {
    words.count < 2 ? words.joined() : words.dropLast().joined(separator: ", ") + " or " + words.suffix(1).joined()
}
