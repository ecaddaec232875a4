internal import LinuxSystem
internal import SlotMachine

/// The record's two copies in a directory of the data partition.
///
/// The older copy is overwritten, flushed and read back: whenever the power fails, the newer is whole.
struct RecordStore {
    let volume: any FileVolume
    /// The sequence of the newest copy, and which of the two it is.
    private var newest: (sequence: UInt64, copy: Int)?

    private static let paths = ["record-0", "record-1"]

    init(_ volume: any FileVolume) { self.volume = volume }

    /// Reads the newest valid copy; nil if none was ever written whole.
    /// - Throws: ``ControllerError`` if the newest was written by a newer Pisces: this one must not decide anything.
    mutating func load() throws(ControllerError) -> Record? {
        var found: RecordCopy?
        for (copy, path) in Self.paths.enumerated() {
            guard
                let bytes = try system({ () throws(SystemError) in
                    try volume.contents(of: path, limit: RecordCopy.sizeBytes + 1)
                })
            else { continue }
            do throws(RecordCopy.Problem) {
                let read = try RecordCopy(parsing: bytes)
                if found.map({ $0.sequence < read.sequence }) ?? true {
                    found = read
                    newest = (read.sequence, copy)
                }
            } catch {
                if case .newer = error {
                    throw ControllerError(
                        .record, "\(volume.name)/\(path)",
                        "a newer Pisces wrote this: use that one, or remove both copies to begin without a record")
                }
            }
        }
        return found?.record
    }

    /// Makes a record the newest, durably.
    mutating func save(_ record: Record) throws(ControllerError) {
        let copy = newest.map { 1 - $0.copy } ?? 0
        let sequence = (newest?.sequence ?? 0) + 1
        let path = Self.paths[copy]
        let bytes = RecordCopy(sequence: sequence, record: record).bytes
        try system { () throws(SystemError) in
            let isNew = try volume.size(of: path) == nil
            try volume.write(bytes, to: path, at: 0)
            try volume.flush(path)
            if isNew { try volume.flushDirectory(".") }
        }
        guard try system({ () throws(SystemError) in try volume.contents(of: path, limit: bytes.count + 1) }) == bytes
        else { throw ControllerError(.readBack, "\(volume.name)/\(path)", "the record reads back differently") }
        newest = (sequence, copy)
    }
}
