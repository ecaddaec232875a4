extension Debconf {
    /// What a question looks like, as a package or debconf's database has it.
    public struct Template: Sendable, Equatable {
        /// The name of the template, and mostly of the one question that is made of it.
        public var name: String
        /// `string`, `boolean`, `select`, `multiselect`, `password`, or a word of which there are no answers.
        public var type: String
        /// What holds without an answer.
        public var standard: String?
        /// What there is to choose from, in no language; `${NAME}` in it stands for a variable.
        public var choices: String?

        /// Makes a template of its fields, their names in lower case.
        init(name: String, fields: [String: String]) {
            (self.name, type) = (name, fields["type"] ?? "")
            standard = fields["default"]
            choices = fields["choices-c"] ?? fields["choices"]
        }

        /// Makes a template of a paragraph of `templates.dat`.
        public init(_ record: Record) { self.init(name: record.name, fields: record.fields) }
    }

    /// Reads a package's control member `templates`; paragraphs that debconf would refuse are not among them.
    public static func templates(_ bytes: [UInt8]) -> [Template] {
        var templates: [Template] = []
        var fields: [String: String] = [:]
        func end() {
            if let name = fields["template"] { templates.append(Template(name: name, fields: fields)) }
            fields = [:]
        }
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if line.isEmpty { end() }
            // What is indented belongs to a description.
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), line.first.map({ $0 > 0x20 }) ?? false else {
                continue
            }
            let value = trimmed(String(decoding: line[colon...].dropFirst(), as: UTF8.self))
            fields[String(decoding: line[..<colon], as: UTF8.self).lowercased()] = value
        }
        end()
        return templates
    }
}

extension Debconf.Template {
    /// Whether somebody can answer it; a password is no answer that may be written down.
    public var isQuestion: Bool { ["string", "boolean", "select", "multiselect"].contains(type) }

    /// What there is to choose from; nil where only scripts know it.
    public func choices(_ variables: [String: String] = [:]) -> [String]? {
        var text = choices ?? ""
        for (name, value) in variables { text = text.replacing("${\(name)}", with: value) }
        return text.contains("${") ? nil : Debconf.split(text)
    }

    /// What a person who is never asked answers: a list has its first choice where the default is none of them.
    public func answerOfNobody(_ variables: [String: String] = [:]) -> String {
        let standard = standard ?? ""
        guard type == "select", let choices = choices(variables), !choices.contains(standard) else { return standard }
        return choices.first ?? ""
    }

    /// What a value would have to be that is none for this question; nil where it is one.
    public func wanted(insteadOf value: String, _ variables: [String: String] = [:]) -> String? {
        switch type {
        case "boolean": ["true", "false"].contains(value) ? nil : "true or false"
        case "select", "multiselect":
            choices(variables).flatMap { choices in
                let values = type == "select" ? [value] : Debconf.split(value)
                return values.allSatisfy(choices.contains)
                    ? nil
                    : "\(type == "select" ? "one" : "some") of " + choices.map { "\"\($0)\"" }.joined(separator: ", ")
            }
        default: nil
        }
    }
}
