internal import Glibc

extension Deb822 {
    /// Reads all paragraphs of a control file: UTF-8, paragraphs parted by empty lines, no field twice in a paragraph.
    ///
    /// Lines that begin with `#` are comments.
    public static func parse(_ bytes: [UInt8], file: String) throws(SyntaxError) -> [Stanza] {
        try parse(bytes[...], file: file, firstLine: 1)
    }

    /// Reads the one paragraph of a control file, for example a package's `control`.
    public static func parseOne(_ bytes: [UInt8], file: String) throws(SyntaxError) -> Stanza {
        let stanzas = try parse(bytes, file: file)
        guard let first = stanzas.first else { throw SyntaxError(file: file, line: 1, "there is no paragraph") }
        if stanzas.count > 1 {
            throw SyntaxError(file: file, line: stanzas[1].line, "there is a second paragraph; only one belongs here")
        }
        return first
    }

    /// Reads the paragraphs of a part of a file that begins at line `firstLine`.
    static func parse(_ bytes: ArraySlice<UInt8>, file: String, firstLine: Int) throws(SyntaxError) -> [Stanza] {
        var parser = Parser(file: file)
        var position = bytes.startIndex
        var number = firstLine
        while position < bytes.endIndex {
            let end = endOfLine(in: bytes, from: position)
            try parser.read(bytes[position..<end], number)
            position = end + 1
            number += 1
        }
        try parser.endStanza()
        return parser.stanzas
    }

    /// The index of the newline that ends the line at `start`, or the end of `bytes`.
    static func endOfLine(in bytes: ArraySlice<UInt8>, from start: Int) -> Int {
        bytes[start...].withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress, let found = memchr(base, Int32(UInt8(ascii: "\n")), buffer.count)
            else { return bytes.endIndex }
            return start + (UnsafeRawPointer(found) - base)
        }
    }
}

/// Takes lines, gives paragraphs.
private struct Parser {
    let file: String
    var stanzas: [Deb822.Stanza] = []
    var fields: [Deb822.Field] = []
    /// The field whose lines are being read: its name, its line, and the bytes of its value so far.
    var name: String?
    var line = 0
    var value: [UInt8] = []

    init(file: String) { self.file = file }

    mutating func read(_ text: ArraySlice<UInt8>, _ number: Int) throws(Deb822.SyntaxError) {
        guard let first = text.first else { return try endStanza() }
        if first == UInt8(ascii: "#") { return }
        if isBlank(first) {
            try readFurtherLine(text, number)
        } else {
            try endField()
            try readName(text, number)
        }
    }

    private mutating func readFurtherLine(_ text: ArraySlice<UInt8>, _ number: Int) throws(Deb822.SyntaxError) {
        if text.allSatisfy(isBlank) {
            throw error(number, "the line has only spaces; an empty line inside a value is written ' .'")
        }
        guard name != nil else {
            throw error(number, "the line begins with a space, but there is no field above that it could go on")
        }
        value.append(UInt8(ascii: "\n"))
        value.append(contentsOf: text)
    }

    private mutating func readName(_ text: ArraySlice<UInt8>, _ number: Int) throws(Deb822.SyntaxError) {
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")), colon > text.startIndex,
            text.first != UInt8(ascii: "-"), text[..<colon].allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else {
            let shown = String(decoding: text.prefix(60), as: UTF8.self)
            throw error(number, "'\(shown)' is not of the form 'Name: value'")
        }
        let name = String(decoding: text[..<colon], as: UTF8.self)
        if let earlier = fields.first(where: { sameName($0.name, name) }) {
            throw error(number, "the field '\(name)' is there twice; it was first given in line \(earlier.line)")
        }
        self.name = name
        line = number
        value = Array(text[(colon + 1)...].drop(while: isBlank))
    }

    private mutating func endField() throws(Deb822.SyntaxError) {
        guard let name else { return }
        while let last = value.last, isBlank(last) { value.removeLast() }
        // Bytes that are not UTF-8 must not be changed silently.
        guard let text = String(validating: value, as: UTF8.self) else {
            throw error(line, "the value of '\(name)' is not UTF-8")
        }
        fields.append(Deb822.Field(name, text, line: line))
        self.name = nil
    }

    mutating func endStanza() throws(Deb822.SyntaxError) {
        try endField()
        if fields.isEmpty { return }
        stanzas.append(Deb822.Stanza(fields))
        fields = []
    }

    private func error(_ line: Int, _ message: String) -> Deb822.SyntaxError {
        Deb822.SyntaxError(file: file, line: line, message)
    }
}
