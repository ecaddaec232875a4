extension Codec {
    /// The same document form as another Swift type. The conversion reports what is wrong and returns nil.
    func converted<Other: Sendable>(
        to decodeOther: @escaping @Sendable (Value, YAMLNode, inout Decoding) -> Other?,
        from encodeOther: @escaping @Sendable (Other) -> Value
    ) -> Codec<Other> {
        Codec<Other>(
            shape: shape,
            decode: { node, decoding in decode(node, &decoding).flatMap { decodeOther($0, node, &decoding) } },
            encode: { encode(encodeOther($0)) })
    }
}

extension Codec where Value == Bool {
    static var bool: Codec {
        Codec(shape: .bool) { node, decoding in
            switch node.content {
            case .scalar("true", isPlain: true): return true
            case .scalar("false", isPlain: true): return false
            default:
                decoding.reportType(node, wanted: "true or false")
                return nil
            }
        } encode: {
            .bool($0)
        }
    }
}

extension Codec where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> Codec {
        Codec(shape: .integer(range)) { node, decoding in
            guard case .scalar(let text, isPlain: true) = node.content, let value = Int(text), range.contains(value)
            else {
                let (low, high) = (range.lowerBound, range.upperBound)
                decoding.reportType(node, wanted: low == high ? "\(low)" : "a whole number from \(low) to \(high)")
                return nil
            }
            return value
        } encode: {
            .integer($0)
        }
    }
}

extension Codec where Value == String {
    static func text(_ rule: TextRule) -> Codec {
        Codec(shape: .text(rule)) { node, decoding in
            guard let text = node.text, !node.isNull else {
                decoding.reportType(node, wanted: rule.article)
                return nil
            }
            return rule.check(text, node.mark, &decoding) ? text : nil
        } encode: {
            .string($0)
        }
    }
}

extension Codec where Value: RawRepresentable<String> & CaseIterable {
    /// One of the words of an enumeration.
    static func word(_ noun: String) -> Codec {
        Codec<String>.text(.choice(noun, Value.allCases.map(\.rawValue)))
            .converted(to: { text, _, _ in Value(rawValue: text) }, from: \.rawValue)
    }
}

extension Codec {
    /// A list in which nothing stands twice.
    static func list<Element>(_ element: Codec<Element>) -> Codec where Value == [Element] {
        Codec(shape: .list(element.shape)) { node, decoding in
            guard let nodes = node.elements else {
                decoding.reportType(node, wanted: "a list")
                return nil
            }
            var first: [[UInt8]: Int] = [:]
            return nodes.compactMap { node in
                guard let value = element.decode(node, &decoding) else { return nil }
                if let line = first.updateValue(node.mark.line, forKey: element.encode(value).canonicalBytes) {
                    let what = node.text.map(quoted) ?? "the same"
                    decoding.report(node.mark, "\(what) stands in the list twice: the first is in line \(line)")
                }
                return value
            }
        } encode: {
            .array($0.map(element.encode))
        }
    }

    /// A mapping from names that a person chooses.
    static func map<Element>(_ key: TextRule, _ element: Codec<Element>) -> Codec where Value == [String: Element] {
        Codec(shape: .map(key, element.shape)) { node, decoding in
            guard let entries = node.entries else {
                decoding.reportType(node, wanted: "a mapping")
                return nil
            }
            var result: [String: Element] = [:]
            for entry in entries where key.check(entry.key, entry.keyMark, &decoding) {
                result[entry.key] = decoding.within(entry.key) { element.decode(entry.value, &$0) }
            }
            return result
        } encode: {
            .object($0.mapValues(element.encode))
        }
    }

    /// A mapping with known keys.
    ///
    /// - Parameters:
    ///   - noun: what messages call it.
    ///   - standard: the value where no key is written.
    ///   - check: reports what is wrong between keys; called where each alone is right.
    static func record(
        _ noun: String, _ standard: Value, shorthand: RecordShape.Shorthand? = nil, _ keys: [Key<Value>],
        check: @escaping @Sendable (Value, YAMLNode, inout Decoding) -> Void = { _, _, _ in }
    ) -> Codec {
        let shapes = keys.map {
            KeyShape(
                name: $0.name, documentation: $0.documentation, presence: $0.presence, alternative: $0.alternative,
                value: $0.shape, standard: $0.presence == .optional ? $0.encode(standard) : nil)
        }
        let shape = RecordShape(noun: noun, keys: shapes, shorthand: shorthand)
        return Codec(shape: .record(shape)) { node, decoding in
            guard let entries = node.entries else {
                let short =
                    switch shorthand {
                    case .list: "a list or "
                    case .text: "a text or "
                    case nil: ""
                    }
                decoding.reportType(node, wanted: short + "a mapping")
                return nil
            }
            let before = decoding.problems.count
            var value = standard
            for entry in entries {
                if let key = keys.first(where: { $0.name == entry.key }) {
                    decoding.within(key.name) { key.decode(entry.value, &value, &$0) }
                } else {
                    decoding.reportUnknown(entry, shape)
                }
            }
            decoding.checkPresence(node, shape)
            guard decoding.problems.count == before else { return nil }
            check(value, node, &decoding)
            return value
        } encode: { value in
            var members: [String: JSONValue] = [:]
            for (key, shape) in zip(keys, shapes) {
                if let member = key.encode(value), member != shape.standard { members[key.name] = member }
            }
            return .object(members)
        }
    }
}

extension Decoding {
    fileprivate mutating func reportUnknown(_ entry: YAMLNode.Entry, _ shape: RecordShape) {
        let near = suggestion(for: entry.key, among: shape.keys.map(\.name))
        let message = "unknown key \(quoted(entry.key)) in \(place(shape.noun))\(near)"
        problems.append(Problem(entry.keyMark, message))
    }

    fileprivate mutating func checkPresence(_ node: YAMLNode, _ shape: RecordShape) {
        let written = Set((node.entries ?? []).map(\.key))
        let groups = shape.alternatives
        let used = groups.filter { group in group.keys.contains { written.contains($0.name) } }
        if used.count > 1, let key = used[1].keys.first(where: { written.contains($0.name) }),
            let value = node[key.name]
        {
            report(value.mark, "\"\(key.name)\" cannot stand beside \"\(used[0].name)\"")
        } else if used.isEmpty, !groups.isEmpty, !isFragment {
            report(node.mark, "wanted one of the keys \(either(groups.map(\.name)))")
        }
        for key in shape.keys where !written.contains(key.name) {
            let isWanted =
                switch key.presence {
                case .optional: false
                case .required: !isFragment && (key.alternative == nil || key.alternative == used.first?.name)
                case .everywhere: true
                }
            if isWanted {
                problems.append(Problem(node.mark, "missing key \"\(key.name)\" in \(place(shape.noun))"))
            }
        }
    }
}
