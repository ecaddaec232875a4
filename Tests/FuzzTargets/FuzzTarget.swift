/// A parser of foreign bytes, as a fuzzer drives it and as a test replays what a fuzzer found.
public struct FuzzTarget: Sendable {
    /// What it is called on the command line, and the folder of its fixtures.
    public let name: String
    /// Real inputs from which mutation starts; each is read without an error.
    public let seeds: @Sendable () throws -> [[UInt8]]
    /// Words of the format that mutation may put in.
    public let words: [String]
    /// Reads one input. Any error is a refusal, and fine, but for ``BrokenLaw``.
    public let read: @Sendable ([UInt8]) throws -> Void

    init(
        _ name: String, words: [String] = [], seeds: @escaping @Sendable () throws -> [[UInt8]],
        read: @escaping @Sendable ([UInt8]) throws -> Void
    ) {
        self.name = name
        self.seeds = seeds
        self.words = words
        self.read = read
    }

    /// Every target.
    public static let all =
        documents + controlFiles + archives + packages + disks + bootFiles + initrd + controllers + upgrades + health
        + copies
}

/// Something that must hold for whatever a parser accepts, and did not.
public struct BrokenLaw: Error, CustomStringConvertible {
    /// The law.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// What is written and read again must be the same. The second reading may not be refused.
func expectSame<Value: Equatable>(_ law: String, _ first: Value, _ second: () throws -> Value) throws {
    let again: Value
    do {
        again = try second()
    } catch { throw BrokenLaw("\(law), but is refused: \(error)") }
    if again != first { throw BrokenLaw(law) }
}
