import Controller
import LinuxSystem
import SlotMachine
import Testing

func generation(_ number: UInt64, name: String = "node") -> Generation {
    let digest = SHA256.hash(Array("\(number)".utf8)).hex
    return Generation(
        number: number, Candidate(name: name, release: number * 10, kernelImage: digest))
}

/// A record in which everything is said.
func fullRecord() -> Record {
    var record = Record(good: Installation(generation(7), in: .b), floor: 70, lastNumber: 9)
    record.phase = .trying
    record.previous = generation(6)
    record.target = generation(8, name: "ein Name = mit \n Zeilen, ä")
    record.written = .max
    record.boot = "01234567-89ab-cdef-0123-456789abcdef"
    record.failures = [Failure(generation(3), .exhausted), Failure(generation(5), .rolledBack)]
    return record
}

@Suite struct RecordTests {
    @Test(arguments: Phase.allCases) func whatIsWrittenIsReadBack(_ phase: Phase) throws {
        var record = fullRecord()
        for isFull in [true, false] {
            if !isFull { record = Record(good: Installation(generation(1, name: ""), in: .a), floor: 0, lastNumber: 1) }
            record.phase = phase
            let copy = RecordCopy(sequence: .max - 1, record: record)
            #expect(copy.bytes.count == RecordCopy.sizeBytes)
            #expect(try RecordCopy(parsing: copy.bytes) == copy)
        }
    }

    @Test func largestRecordFits() throws {
        let name = String(repeating: "é", count: 32)
        var record = fullRecord()
        record.good = Installation(generation(.max / 16, name: name), in: .a)
        record.previous = record.good.generation
        record.target = record.good.generation
        record.failures = Array(
            repeating: Failure(record.good.generation, .rolledBack), count: Record.failuresLimit)
        let copy = RecordCopy(sequence: .max, record: record)
        #expect(try RecordCopy(parsing: copy.bytes) == copy)
    }

    @Test func tornTruncatedOrFlippedCopyIsNeverTaken() throws {
        let bytes = RecordCopy(sequence: 5, record: fullRecord()).bytes
        let next = RecordCopy(sequence: 7, record: Record(good: fullRecord().good, floor: 1, lastNumber: 9)).bytes
        for count in [0, 1, 73, 74, 75, 512, bytes.count - 1] {
            #expect(throws: RecordCopy.Problem.damaged) { try RecordCopy(parsing: Array(bytes.prefix(count))) }
        }
        #expect(throws: RecordCopy.Problem.damaged) { try RecordCopy(parsing: bytes + [0]) }
        // The new copy's first sectors over the old one's.
        for sectors in 1..<3 {
            let torn = Array(next.prefix(sectors * 512) + bytes.dropFirst(sectors * 512))
            if torn != bytes && torn != next {
                #expect(throws: RecordCopy.Problem.damaged) { try RecordCopy(parsing: torn) }
            }
        }
        for bit in stride(from: 0, to: 1200 * 8, by: 7) {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: RecordCopy.Problem.damaged) { try RecordCopy(parsing: flipped) }
        }
    }

    /// Bytes that bear a right checksum and say nonsense.
    @Test(arguments: [
        "", "pisces-record 1", "pisces-record 1\nsequence -1\n", "pisces-record 1\nsequence 1\nphase flying\n",
        "pisces-record 1\nsequence 1\nphase idle\ngood c 1 1 a b n\nwritten 0\nfloor 0\nlast 1\n",
        "pisces-record 1\nsequence 1\nphase idle\ngood a 1 1 a b\nwritten 0\nfloor 0\nlast 1\n",
        "pisces-record 1\nsequence 1\nphase idle\ngood a 1 1 a =f n\nwritten 0\nfloor 0\nlast 1\n",
        "pisces-record 1\nsequence 1\nphase idle\ngood a 1 1 a b n\nwritten 0\nfloor 0\nlast 1\nmore\n",
        "pisces-record 1\nsequence 1\nphase idle\ngood a 1 1 a b n\nwritten 99999999999999999999\nfloor 0\nlast 1\n",
        "pisces-record 1\nsequence 1\nphase idle\ngood a 1 1 a b n\nwritten 0\nfloor 0\nlast 1\nfailure why 1 1 a b n\n",
    ])
    func nonsenseWithARightChecksumIsRefused(_ text: String) {
        #expect(throws: RecordCopy.Problem.damaged) { try RecordCopy(parsing: checksummed(text)) }
    }

    @Test func recordOfANewerPiscesIsKnownAsSuch() {
        #expect(throws: RecordCopy.Problem.newer(12)) {
            try RecordCopy(parsing: checksummed("pisces-record 2\nsequence 12\nwhatever comes\n"))
        }
    }

    private func checksummed(_ text: String) -> [UInt8] {
        let body = Array(text.utf8) + [UInt8](repeating: 0, count: RecordCopy.sizeBytes - 74 - text.utf8.count)
        return Array("checksum \(SHA256.hash(body))\n".utf8) + body
    }
}
