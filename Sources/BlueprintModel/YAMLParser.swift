internal import CYAML

/// Bounds on what a document may ask for: real blueprints stay far below.
enum YAMLLimit {
    static let bytes = 4 << 20
    static let depth = 64
    /// Nodes after every alias is replaced by what it stands for.
    static let nodes = 200_000
}

extension YAMLNode {
    /// Reads one YAML document, strictly: no duplicate keys, no tags, keys are texts, anchors and `<<` within bounds.
    init(parsing bytes: [UInt8], file: String) throws(DocumentError) {
        let start = Mark(file: file, line: 1, column: 1)
        guard bytes.count <= YAMLLimit.bytes else {
            throw DocumentError(start, "larger than \(YAMLLimit.bytes >> 20) MiB")
        }
        try Self.checkCharacters(bytes, file)
        var builder = YAMLBuilder(events: YAMLEvents(bytes, file: file))
        self = try builder.document(start)
    }

    /// libyaml reports neither place nor character for these.
    private static func checkCharacters(_ bytes: [UInt8], _ file: String) throws(DocumentError) {
        var offset = 0
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .emptyInput: return
            case .error: throw DocumentError(Mark(file: file, offset: offset, in: bytes), "not valid UTF-8")
            case .scalarValue(let scalar):
                let isPrintable =
                    switch scalar.value {
                    case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0x85, 0xA0...0xFEFE, 0xFF00...0xFFFD, 0x10000...: true
                    case 0xFEFF: offset == 0
                    default: false
                    }
                guard isPrintable else {
                    let code = String(scalar.value, radix: 16, uppercase: true)
                    throw DocumentError(
                        Mark(file: file, offset: offset, in: bytes),
                        "the character U+\(String(repeating: "0", count: max(0, 4 - code.count)))\(code) is not allowed")
                }
                offset += UTF8.width(scalar)
            }
        }
    }
}

/// Makes the tree from the events.
private struct YAMLBuilder: ~Copyable {
    /// What an anchor names: its node, how many nodes that is, and how many levels.
    private struct Anchored {
        let node: YAMLNode
        let count: Int
        let height: Int
    }

    private var events: YAMLEvents
    private var anchors: [String: Anchored] = [:]
    private var count = 0

    init(events: consuming YAMLEvents) { self.events = events }

    mutating func document(_ start: Mark) throws(DocumentError) -> YAMLNode {
        var event = try events.next()
        while [.streamStart, .documentStart].contains(event.kind) { event = try events.next() }
        guard event.kind != .streamEnd else { throw DocumentError(start, "the document is empty") }
        let node = try node(event, depth: 1).node
        repeat {
            event = try events.next()
            guard event.kind != .documentStart else { throw DocumentError(event.mark, "a second document in one file") }
        } while event.kind != .streamEnd
        return node
    }

    private mutating func node(_ event: YAMLEvent, depth: Int) throws(DocumentError) -> (node: YAMLNode, height: Int) {
        guard depth <= YAMLLimit.depth else {
            throw DocumentError(event.mark, "more than \(YAMLLimit.depth) levels deep")
        }
        if event.kind == .alias { return try alias(event, depth) }
        if let tag = event.tag { throw DocumentError(event.mark, "the tag \"\(tag)\" is not allowed: write plain values") }
        let before = count
        try count(1, event.mark)
        var height = 1
        let content: YAMLNode.Content
        switch event.kind {
        case .sequenceStart:
            var elements: [YAMLNode] = []
            while case let next = try events.next(), next.kind != .end {
                let element = try node(next, depth: depth + 1)
                elements.append(element.node)
                height = max(height, element.height + 1)
            }
            content = .sequence(elements)
        case .mappingStart: content = .mapping(try entries(depth, &height))
        default: content = .scalar(event.text, isPlain: event.isPlain)
        }
        let node = YAMLNode(content, at: event.mark)
        if let anchor = event.anchor { anchors[anchor] = Anchored(node: node, count: count - before, height: height) }
        return (node, height)
    }

    private mutating func alias(_ event: YAMLEvent, _ depth: Int) throws(DocumentError) -> (YAMLNode, Int) {
        guard let anchored = anchors[event.text] else {
            throw DocumentError(
                event.mark, "unknown anchor \"\(event.text)\"\(suggestion(for: event.text, among: anchors.keys.sorted()))")
        }
        guard depth + anchored.height - 1 <= YAMLLimit.depth else {
            throw DocumentError(event.mark, "more than \(YAMLLimit.depth) levels deep")
        }
        try count(anchored.count, event.mark)
        return (anchored.node, anchored.height)
    }

    private mutating func count(_ nodes: Int, _ mark: Mark) throws(DocumentError) {
        count += nodes
        guard count <= YAMLLimit.nodes else {
            throw DocumentError(mark, "more than \(YAMLLimit.nodes) values, with aliases replaced")
        }
    }

    private mutating func entries(_ depth: Int, _ height: inout Int) throws(DocumentError) -> [YAMLNode.Entry] {
        var entries: [YAMLNode.Entry] = []
        var marks: [String: Mark] = [:]
        var merged: [YAMLNode] = []
        while case let key = try events.next(), key.kind != .end {
            guard key.kind == .scalar, key.tag == nil else { throw DocumentError(key.mark, "a key must be a plain text") }
            if let first = marks.updateValue(key.mark, forKey: key.text) {
                throw DocumentError(key.mark, "duplicate key \"\(key.text)\": the first is in line \(first.line)")
            }
            let value = try node(events.next(), depth: depth + 1)
            height = max(height, value.height + 1)
            if key.isPlain, key.text == "<<" {
                merged = value.node.elements ?? [value.node]
                guard merged.allSatisfy({ $0.entries != nil }) else {
                    throw DocumentError(value.node.mark, "\"<<\" wants a mapping or a list of mappings")
                }
            } else {
                entries.append(YAMLNode.Entry(key: key.text, keyMark: key.mark, value: value.node))
            }
        }
        // What is written here goes before what is merged, and an earlier merged mapping before a later one.
        for entry in merged.flatMap({ $0.entries ?? [] }) where marks[entry.key] == nil {
            marks[entry.key] = entry.keyMark
            entries.append(entry)
        }
        return entries
    }
}

/// One event, as values of ours.
private struct YAMLEvent {
    enum Kind { case streamStart, documentStart, documentEnd, streamEnd, alias, scalar, sequenceStart, mappingStart, end }

    var kind: Kind
    let mark: Mark
    var text = ""
    var isPlain = false
    var anchor: String?
    var tag: String?
}

/// Owns a libyaml parser and the bytes it reads.
private struct YAMLEvents: ~Copyable {
    private let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    private let input: UnsafeMutableBufferPointer<UInt8>
    private let file: String

    init(_ bytes: [UInt8], file: String) {
        self.file = file
        input = .allocate(capacity: bytes.count)
        _ = input.initialize(from: bytes)
        guard yaml_parser_initialize(parser) == 1 else { preconditionFailure("libyaml has no memory") }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        input.deallocate()
    }

    private func mark(_ mark: yaml_mark_t) -> Mark {
        Mark(file: file, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }

    mutating func next() throws(DocumentError) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else {
            let problem = parser.pointee.problem.map { String(cString: $0) } ?? "out of memory"
            throw DocumentError(mark(parser.pointee.problem_mark), "not valid YAML: \(problem)")
        }
        defer { yaml_event_delete(&event) }
        var result = YAMLEvent(kind: .end, mark: mark(event.start_mark))
        switch event.type {
        case YAML_STREAM_START_EVENT: result.kind = .streamStart
        case YAML_DOCUMENT_START_EVENT: result.kind = .documentStart
        case YAML_DOCUMENT_END_EVENT: result.kind = .documentEnd
        case YAML_STREAM_END_EVENT: result.kind = .streamEnd
        case YAML_ALIAS_EVENT:
            result.kind = .alias
            result.text = Self.string(event.data.alias.anchor) ?? ""
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            result.kind = .scalar
            result.text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            result.isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
            (result.anchor, result.tag) = (Self.string(scalar.anchor), Self.string(scalar.tag))
        case YAML_SEQUENCE_START_EVENT:
            result.kind = .sequenceStart
            let start = event.data.sequence_start
            (result.anchor, result.tag) = (Self.string(start.anchor), Self.string(start.tag))
        case YAML_MAPPING_START_EVENT:
            result.kind = .mappingStart
            let start = event.data.mapping_start
            (result.anchor, result.tag) = (Self.string(start.anchor), Self.string(start.tag))
        default: break
        }
        return result
    }

    private static func string(_ text: UnsafePointer<yaml_char_t>?) -> String? { text.map { String(cString: $0) } }
    private static func string(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? { text.map { String(cString: $0) } }
}
