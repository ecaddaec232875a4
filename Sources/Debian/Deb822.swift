internal import LinuxSystem

/// Debian's control file format (deb822(5)): paragraphs of `Name: value` fields, parted by empty lines.
public enum Deb822 {
    /// One field, as written.
    public struct Field: Sendable, Equatable {
        /// The name with the letter case of the file.
        public var name: String
        /// The value without the space after the colon. Further lines follow a newline and keep their first space or tab,
        /// so that writing gives back what was read.
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
            var lines = value.split(separator: "\n", omittingEmptySubsequences: false).map { String(trimmed($0)) }
            if lines.first?.isEmpty == true { lines.removeFirst() }
            return lines
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

        /// The value of the field of this name in any letter case; nil if there is none. Setting keeps the field's place,
        /// or appends it; setting nil removes it.
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

    /// Reads all paragraphs. Lines that begin with `#` are comments.
    public static func parse(_ bytes: [UInt8], file: String) throws(SyntaxError) -> [Stanza] { [] }

    /// Writes paragraphs, each ended by an empty line but the last.
    public static func write(_ stanzas: [Stanza]) -> String { "" }
}

func sameName(_ a: String, _ b: String) -> Bool { a.lowercased() == b.lowercased() }
func trimmed(_ text: Substring) -> Substring { text }
