/// What a web server says before the body: its status and the header fields that matter here (RFC 9112 §4 and §6,
/// RFC 9110 §14.4).
public struct ResponseHead: Sendable, Equatable {
    /// The status code.
    public var status: Int
    /// How many bytes the body has, if the server tells.
    public var contentLength: Int?
    /// The first byte of the whole that the body has; nil where the body is the whole.
    public var rangeStart: Int?
    /// How many bytes the whole has, where the body is a part and the server tells.
    public var rangeTotal: Int?
    /// Whether it says where else to look.
    public var hasLocation = false

    /// Whether another head follows: that of the answer proper, or of where it leads to.
    var isPreliminary: Bool { status < 200 || ((300..<400).contains(status) && hasLocation) }

    /// How many bytes a head may have.
    public static let limit = 64 << 10

    /// Reads the head at the start of `bytes`, and tells how many of them it takes; nil while its end is not there.
    ///
    /// - Throws: ``ControllerError`` of kind `source` if it is none, or tells two lengths.
    public static func parse(_ bytes: [UInt8]) throws(ControllerError) -> (head: ResponseHead, count: Int)? {
        var lines: [String] = []
        var rest = bytes.prefix(limit)
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            var line = rest[..<end]
            if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
            rest = rest[(end + 1)...]
            if line.isEmpty { return (try ResponseHead(lines), rest.startIndex) }
            lines.append(String(decoding: line, as: UTF8.self))
        }
        guard bytes.count < limit else { throw error("it begins with \(limit) bytes of header fields or more") }
        return nil
    }

    private init(_ lines: [String]) throws(ControllerError) {
        let words = (lines.first ?? "").split(separator: " ", omittingEmptySubsequences: false)
        guard words.count >= 2, words[0].hasPrefix("HTTP/"), words[1].utf8.count == 3,
            let status = Self.number(words[1])
        else { throw Self.error("it is no HTTP") }
        self.status = status
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = Self.trimmed(line[line.index(after: colon)...])
            switch line[..<colon].lowercased() {
            case "content-length":
                guard let length = Self.number(value), contentLength == nil || contentLength == length else {
                    throw Self.error("it tells no one length")
                }
                contentLength = length
            case "content-range": try readRange(value)
            case "location": hasLocation = true
            default: break
            }
        }
    }

    /// `bytes 0-499/1234`; the total may be `*`.
    private mutating func readRange(_ text: String) throws(ControllerError) {
        let words = text.split(whereSeparator: { " -/".contains($0) }).map(String.init)
        guard rangeStart == nil, words.count == 4, words[0] == "bytes", let start = Self.number(words[1]),
            let last = Self.number(words[2]), last >= start, last < .max
        else { throw Self.error("it tells no one range") }
        rangeStart = start
        if words[3] == "*" { return }
        guard let total = Self.number(words[3]), last < total else { throw Self.error("its range is beyond its total") }
        rangeTotal = total
    }

    private static func trimmed(_ text: Substring) -> String {
        let isBlank = { (character: Character) in character == " " || character == "\t" }
        return String(text.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }

    private static func number(_ text: some StringProtocol) -> Int? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
    }

    private static func error(_ message: String) -> ControllerError {
        ControllerError(.source, "the server's answer", message)
    }
}
