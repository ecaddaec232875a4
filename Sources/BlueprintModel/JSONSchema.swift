extension Blueprint {
    /// The JSON Schema (draft 2020-12) of a blueprint file, for editors: it completes, explains and checks what a
    /// schema can. A file that others include may lack what they bring, so only the version is required.
    public static var schema: String {
        codec.shape.document(title: "Blueprint of a system", requiring: [.everywhere]).pretty
    }
}

extension ImageLayout {
    /// The JSON Schema (draft 2020-12) of a layout file.
    public static var schema: String {
        codec.shape.document(title: "Layout of a disk image", requiring: [.everywhere, .required]).pretty
    }
}

extension Shape {
    fileprivate func document(title: String, requiring: Set<KeyShape.Presence>) -> JSONValue {
        var members = schema(requiring).object ?? [:]
        members["$schema"] = .string("https://json-schema.org/draft/2020-12/schema")
        members["title"] = .string(title)
        return .object(members)
    }

    private func schema(_ requiring: Set<KeyShape.Presence>) -> JSONValue {
        switch self {
        case .bool: return .object(["type": .string("boolean")])
        case .integer(let range):
            return .object([
                "type": .string("integer"), "minimum": .integer(range.lowerBound),
                "maximum": .integer(range.upperBound),
            ])
        case .text(let rule):
            if !rule.choices.isEmpty { return .object(["enum": .array(rule.choices.map(JSONValue.string))]) }
            let types = ["string"] + (rule.isNumeric ? ["integer"] : []) + (rule.isBoolean ? ["boolean"] : [])
            let type: JSONValue = types.count > 1 ? .array(types.map(JSONValue.string)) : .string("string")
            return .object(["type": type, "pattern": rule.pattern.map(JSONValue.string)].compactMapValues { $0 })
        case .list(let element):
            return .object(["type": .string("array"), "items": element.schema(requiring), "uniqueItems": .bool(true)])
        case .map(let key, let value):
            let names = key.pattern.map { JSONValue.object(["pattern": .string($0)]) }
            return .object(
                [
                    "type": .string("object"), "additionalProperties": value.schema(requiring), "propertyNames": names,
                ].compactMapValues { $0 })
        case .record(let record): return schema(of: record, requiring)
        }
    }

    private func schema(of record: RecordShape, _ requiring: Set<KeyShape.Presence>) -> JSONValue {
        var properties: [String: JSONValue] = [:]
        for key in record.keys {
            var property = key.value.schema(requiring).object ?? [:]
            property["description"] = .string(key.documentation)
            if let standard = key.standard, standard.object == nil { property["default"] = standard }
            properties[key.name] = .object(property)
        }
        let required = record.keys.filter { requiring.contains($0.presence) && $0.alternative == nil }.map(\.name)
        let long = JSONValue.object(
            [
                "type": .string("object"), "additionalProperties": .bool(false), "properties": .object(properties),
                "required": required.isEmpty ? nil : .array(required.map(JSONValue.string)),
            ].compactMapValues { $0 })
        switch record.shorthand {
        case .list(let name), .text(let name):
            guard let short = record[name]?.value.schema(requiring) else { return long }
            return .object(["anyOf": .array([long, short])])
        case nil: return long
        }
    }
}
