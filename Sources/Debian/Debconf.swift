/// The files of debconf(7): its database, and the templates of packages (debconf-devel(7)).
public enum Debconf {
    /// A paragraph of the database: a question in `config.dat`, a template in `templates.dat`.
    public struct Record: Sendable, Equatable {
        /// Its name.
        public var name: String
        /// Fields such as `value` and `template`, their names in lower case.
        public var fields: [String: String] = [:]
        /// The packages that want it; of a template the questions.
        public var owners: [String] = []
        /// Flags such as `seen`.
        public var flags: Set<String> = []
        /// What the texts of the template name as `${NAME}`.
        public var variables: [String: String] = [:]
    }

    /// Reads a database as debconf does (Debconf::Format::822): of two paragraphs of a name the last one counts, and
    /// nothing behind one without a name.
    ///
    /// - Returns: the paragraphs by name, and the line from which on debconf reads nothing, if there is one.
    public static func records(_ bytes: [UInt8]) -> (records: [String: Record], unreadFrom: Int?) {
        var records: [String: Record] = [:]
        var number = 0
        var rest = bytes[...]
        while !rest.isEmpty {
            let start = number + 1
            var lines: [ArraySlice<UInt8>] = []
            while !rest.isEmpty {
                let line = rest.prefix { $0 != newline }
                rest = rest[line.endIndex...].dropFirst()
                number += 1
                if line.isEmpty { break }
                lines.append(line)
            }
            guard let record = Record(lines) else { return (records, start) }
            records[record.name] = record
        }
        return (records, nil)
    }

    private static let newline = UInt8(ascii: "\n")

    /// The parts of a list of choices or values, which are parted by commas and white space; a backslash keeps either.
    public static func split(_ list: String) -> [String] {
        var items: [String] = []
        var item: [UInt8] = []
        var rest = Array(list.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), let next = rest.first, ", ".utf8.contains(next) {
                rest.removeFirst()
                item.append(next)
            } else if byte == UInt8(ascii: ","), let next = rest.first, isSpace(next) {
                rest = rest.drop(while: isSpace)
                items.append(String(decoding: item, as: UTF8.self))
                item = []
            } else {
                item.append(byte)
            }
        }
        return item.isEmpty ? items : items + [String(decoding: item, as: UTF8.self)]
    }

    /// Perl's `\s`.
    fileprivate static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}

extension Debconf.Record {
    /// Nil for a paragraph without a name.
    fileprivate init?(_ lines: [ArraySlice<UInt8>]) {
        self.init(name: "")
        var isNamed = false
        var isInVariables = false
        for line in lines {
            if isInVariables, line.first.map(Debconf.isSpace) ?? false {
                let text = line.drop(while: Debconf.isSpace)
                let (name, value) = Self.parts(text, at: UInt8(ascii: "="))
                variables[Self.text(Self.trimmingEnd(name))] = Self.unescaped(value)
                continue
            }
            isInVariables = false
            let (key, value) = Self.parts(line, at: UInt8(ascii: ":"))
            switch Self.text(key).lowercased() {
            case "name": (name, isNamed) = (Self.text(value), true)
            case "owners": owners = Self.list(value)
            case "flags": flags = Set(Self.list(value))
            case "variables": isInVariables = true
            case "": break
            case let key: fields[key] = Self.unescaped(value)
            }
        }
        if !isNamed { return nil }
    }

    /// What stands before a separator, and behind it and one space.
    private static func parts(
        _ line: ArraySlice<UInt8>, at separator: UInt8
    ) -> (ArraySlice<UInt8>, ArraySlice<UInt8>) {
        guard let index = line.firstIndex(of: separator) else { return (line, []) }
        let value = line[index...].dropFirst()
        return (line[..<index], value.first.map(Debconf.isSpace) ?? false ? value.dropFirst() : value)
    }

    private static func trimmingEnd(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes
        while let last = bytes.last, Debconf.isSpace(last) { bytes.removeLast() }
        return bytes
    }

    private static func list(_ bytes: ArraySlice<UInt8>) -> [String] {
        var names: [String] = []
        var name: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: ","), rest.first.map(Debconf.isSpace) ?? false {
                rest = rest.drop(while: Debconf.isSpace)
                names.append(String(decoding: name, as: UTF8.self))
                name = []
            } else {
                name.append(byte)
            }
        }
        return names + (name.isEmpty ? [] : [String(decoding: name, as: UTF8.self)])
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    /// `\n` stands for a line break, and nothing for a backslash before an "n".
    private static func unescaped(_ bytes: ArraySlice<UInt8>) -> String {
        var result: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.first == UInt8(ascii: "n") {
                rest.removeFirst()
                result.append(UInt8(ascii: "\n"))
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
