internal import LinuxSystem
public import SlotMachine

/// One copy of the record as bytes: lines of text that a person can read, the first a checksum of all behind it.
///
/// Each copy has the same size, so that overwriting one changes no metadata of its file system.
public struct RecordCopy: Sendable, Hashable {
    /// Counts the writes: the copy with the highest is the newest.
    public var sequence: UInt64
    /// What it says.
    public var record: Record

    /// Makes a copy.
    public init(sequence: UInt64, record: Record) {
        self.sequence = sequence
        self.record = record
    }

    /// Bytes of every copy.
    public static let sizeBytes = 8 << 10

    /// Why a copy cannot be used.
    public enum Problem: Error, Sendable, Hashable {
        /// Torn, bit-flipped, or never written.
        case damaged
        /// Whole, but of a format that a newer Pisces writes; its sequence.
        case newer(UInt64)
    }

    private static let version = 1
}

// MARK: - Writing

extension RecordCopy {
    /// The bytes, ``sizeBytes`` of them.
    public var bytes: [UInt8] {
        var lines = [
            "pisces-record \(Self.version)", "sequence \(sequence)", "phase \(record.phase.rawValue)",
            "good \(record.good.slot.rawValue) \(Self.text(record.good.generation))",
        ]
        if let previous = record.previous { lines.append("previous \(Self.text(previous))") }
        if let target = record.target { lines.append("target \(Self.text(target))") }
        lines += ["written \(record.written)", "floor \(record.floor)", "last \(record.lastNumber)"]
        if !record.boot.isEmpty { lines.append("boot \(Self.escaped(record.boot))") }
        lines += record.failures.map { "failure \($0.reason.rawValue) \(Self.text($0.generation))" }
        let text = Array((lines.joined(separator: "\n") + "\n").utf8)
        let room = Self.sizeBytes - Self.checksumBytes
        precondition(text.count <= room, "all texts are limited, so that a record fits")
        let body = text + [UInt8](repeating: 0, count: room - text.count)
        return Array("checksum \(SHA256.hash(body))\n".utf8) + body
    }

    /// `checksum `, 64 digits and the end of the line.
    private static let checksumBytes = 9 + 64 + 1

    private static func text(_ generation: Generation) -> String {
        let candidate = generation.candidate
        let texts = [candidate.kernelImage, candidate.name].map(escaped)
        let data = "\(candidate.data.version) \(candidate.data.floor)"
        return "\(generation.number) \(candidate.release) \(data) \(texts.joined(separator: " "))"
    }

    /// A text as one word: hexadecimal digits behind an `=` unless it is a word already.
    private static func escaped(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let isWord = bytes.allSatisfy { (0x21..<0x7F).contains($0) } && !bytes.isEmpty && bytes[0] != UInt8(ascii: "=")
        return isWord ? text : "=\(bytes.hex)"
    }
}

// MARK: - Reading

extension RecordCopy {
    /// Reads a copy of foreign bytes: of any size, torn, or of a version yet to come.
    public init(parsing bytes: [UInt8]) throws(Problem) {
        let body = bytes.dropFirst(Self.checksumBytes)
        guard bytes.count == Self.sizeBytes,
            bytes.starts(with: "checksum \(SHA256.hash(body))\n".utf8),
            let text = String(validating: body[..<(body.firstIndex(of: 0) ?? body.endIndex)], as: UTF8.self)
        else { throw .damaged }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
        func next(_ key: String) -> [Substring]? {
            guard let words = lines.first?.split(separator: " ", omittingEmptySubsequences: false), words[0] == key
            else { return nil }
            lines.removeFirst()
            return Array(words.dropFirst())
        }
        guard let version = next("pisces-record").flatMap(Self.number),
            let sequence = next("sequence").flatMap(Self.number)
        else { throw .damaged }
        guard version == Self.version else { throw .newer(sequence) }
        guard let phase = next("phase")?.first.flatMap({ Phase(rawValue: String($0)) }),
            let good = next("good"), let slot = good.first.flatMap({ Slot(rawValue: String($0)) }),
            let generation = Self.generation(good.dropFirst())
        else { throw .damaged }
        var record = Record(phase: phase, good: Installation(generation, in: slot), floor: 0, lastNumber: 0)
        record.previous = next("previous").flatMap { Self.generation($0[...]) }
        record.target = next("target").flatMap { Self.generation($0[...]) }
        guard let written = next("written").flatMap(Self.number), let floor = next("floor").flatMap(Self.number),
            let last = next("last").flatMap(Self.number)
        else { throw .damaged }
        (record.written, record.floor, record.lastNumber) = (written, floor, last)
        record.boot = next("boot")?.first.flatMap(Self.unescaped) ?? ""
        while let words = next("failure") {
            guard let reason = words.first.flatMap({ Failure.Reason(rawValue: String($0)) }),
                let generation = Self.generation(words.dropFirst()), record.failures.count < Record.failuresLimit
            else { throw .damaged }
            record.failures.append(Failure(generation, reason))
        }
        guard lines == [""] else { throw .damaged }
        self.init(sequence: sequence, record: record)
    }

    private static func number(_ words: [Substring]) -> UInt64? {
        guard words.count == 1 else { return nil }
        return UInt64(words[0])
    }

    private static func generation(_ words: ArraySlice<Substring>) -> Generation? {
        let words = Array(words)
        let numbers = words.prefix(4).compactMap { UInt64($0) }
        let texts = words.dropFirst(4).compactMap(unescaped)
        guard words.count == 6, numbers.count == 4, texts.count == 2 else { return nil }
        return Generation(
            number: numbers[0],
            Candidate(
                name: texts[1], release: numbers[1], kernelImage: texts[0],
                data: DataSchema(version: numbers[2], floor: numbers[3])))
    }

    private static func unescaped(_ word: Substring) -> String? {
        guard word.first == "=" else { return String(word) }
        return [UInt8](hex: word.dropFirst()).flatMap { String(validating: $0, as: UTF8.self) }
    }
}
