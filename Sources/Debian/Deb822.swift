/// Debian's control file format (deb822(5)): paragraphs of `Name: value` fields, parted by empty lines.
public enum Deb822 {
    /// One field, as written.
    public struct Field: Sendable, Equatable {
        /// The name with the letter case of the file.
        public var name: String
        /// The value without the space after the colon. Further lines follow a newline and keep their first space or
        /// tab, so that writing gives back what was read.
        public var value: String
        /// The line in the file, from 1; 0 for a field that was not read from one.
        public var line: Int

        /// Makes a field.
        public init(_ name: String, _ value: String, line: Int = 0) {
            self.name = name
            self.value = value
            self.line = line
        }

        /// Fields are equal when they say the same, wherever they stood.
        public static func == (left: Field, right: Field) -> Bool {
            left.name == right.name && left.value == right.value
        }

        /// Each line of the value without space at its ends; an empty first line is dropped.
        public var lines: [String] {
            let all = Debian.lines(of: value).map(trimmed)
            return all.first?.isEmpty == true ? Array(all.dropFirst()) : all
        }
    }

    /// One paragraph: fields in their order.
    public struct Stanza: Sendable, Equatable {
        /// The fields in the order of the file.
        public var fields: [Field]

        /// Makes a paragraph from fields.
        public init(_ fields: [Field] = []) { self.fields = fields }

        /// The field of this name in any letter case; nil if there is none.
        public func field(_ name: String) -> Field? { fields.first { sameName($0.name, name) } }

        /// The value of the field of this name in any letter case; nil if there is none. Setting keeps the field's
        /// place, or appends it; setting nil removes it.
        public subscript(name: String) -> String? {
            get { field(name)?.value }
            set {
                let index = fields.firstIndex { sameName($0.name, name) }
                switch (index, newValue) {
                case (let index?, let value?): fields[index].value = value
                case (let index?, nil): fields.remove(at: index)
                case (nil, let value?): fields.append(Field(name, value))
                case (nil, nil): break
                }
            }
        }

        /// The line of the first field; 0 if none was read from a file.
        public var line: Int { fields.first?.line ?? 0 }
    }
}

extension Deb822 {
    /// Text that is not a control file.
    public struct SyntaxError: Error, Sendable, Equatable, CustomStringConvertible {
        /// The file, as the caller named it.
        public let file: String
        /// The line, from 1.
        public let line: Int
        /// What is wrong there.
        public let message: String

        /// Makes an error.
        public init(file: String, line: Int, _ message: String) {
            self.file = file
            self.line = line
            self.message = message
        }

        /// `file:line: message`.
        public var description: String { "\(file):\(line): \(message)" }
    }

    /// Writes paragraphs, parted by empty lines.
    ///
    /// A further line of a value gets the space that it must begin with, and an empty one becomes ` .`, so that no
    /// value can end its field.
    public static func write(_ stanzas: [Stanza]) -> String {
        stanzas.map { stanza in stanza.fields.map(text).joined() }.joined(separator: "\n")
    }

    private static func text(of field: Field) -> String {
        var result = field.name + ":"
        for (number, line) in lines(of: field.value).enumerated() {
            if number == 0 {
                result += line.isEmpty ? "" : " \(line)"
            } else if line.isEmpty {
                result += "\n ."
            } else {
                result += line.utf8.first.map(isBlank) == true ? "\n\(line)" : "\n \(line)"
            }
        }
        return result + "\n"
    }
}

// MARK: - Text by bytes

// Characters would be wrong here: "\r\n" is one of them, and so is a colon with a combining mark.

/// The lines of a text, without their newlines; one more than there are newlines.
func lines(of text: some StringProtocol) -> [String] {
    text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
        String(decoding: $0, as: UTF8.self)
    }
}

/// The parts of a text between spaces, tabs and newlines.
func words(of text: some StringProtocol) -> [String] {
    text.utf8.split { isBlank($0) || $0 == UInt8(ascii: "\n") }.map { String(decoding: $0, as: UTF8.self) }
}

/// The text without spaces and tabs at its ends.
func trimmed(_ text: some StringProtocol) -> String {
    var bytes = Array(text.utf8.drop(while: isBlank))
    while let last = bytes.last, isBlank(last) { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
}

func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

/// Whether two field names are the same: the case of ASCII letters does not count.
func sameName(_ left: String, _ right: String) -> Bool {
    left.utf8.count == right.utf8.count && zip(left.utf8, right.utf8).allSatisfy { lowercased($0) == lowercased($1) }
}

func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}
