internal import BlueprintModel
internal import Glibc
public import LinuxSystem

/// What the controller did and what befell it, for people: JSON, one object a line, the newest last.
///
/// It decides nothing: the record does. So a log that cannot be read or written stops nobody.
public struct EventLog: Sendable {
    /// The file.
    public let path: String

    /// Bytes that are kept at most.
    static let limitBytes = 64 << 10

    /// Names the file, which need not be there.
    public init(path: String) { self.path = path }

    /// Something that happened.
    public struct Entry: Sendable, Equatable {
        /// Seconds since 1970, as the machine's clock had it.
        public var time: Int
        /// One word: what happened.
        public var event: String
        /// The generation it happened to.
        public var generation: UInt64
        /// A sentence.
        public var message: String

        /// Describes an event.
        public init(time: Int, event: String, generation: UInt64, message: String) {
            self.time = time
            self.event = event
            self.generation = generation
            self.message = message
        }
    }

    /// The events that can be read, oldest first.
    public func entries() -> [Entry] {
        lines().compactMap { line in
            guard let value = try? JSONValue(parsing: Array(line), file: path), let time = value["time"]?.integer,
                let event = value["event"]?.string, let generation = value["generation"]?.integer, generation >= 0,
                let message = value["message"]?.string
            else { return nil }
            return Entry(time: time, event: event, generation: UInt64(generation), message: message)
        }
    }

    /// Adds an event; the oldest go when there are too many.
    public func append(_ event: String, generation: UInt64, _ message: String) throws(SystemError) {
        let line = JSONValue.object([
            "time": .integer(time(nil)), "event": .string(event), "generation": .integer(Int(clamping: generation)),
            "message": .string(message),
        ]).canonical
        var lines = lines().map { Array($0) } + [Array(line.utf8)]
        var size = lines.reduce(0) { $0 + $1.count + 1 }
        while size > Self.limitBytes, lines.count > 1 { size -= lines.removeFirst().count + 1 }
        try AtomicFile.write(Array(lines.map { $0 + [UInt8(ascii: "\n")] }.joined()), to: path, mode: 0o600)
    }

    private func lines() -> [ArraySlice<UInt8>] {
        let bytes = (try? Descriptor.open(path).readToEnd(limit: 2 * Self.limitBytes)) ?? []
        return bytes.split(separator: UInt8(ascii: "\n"))
    }
}
