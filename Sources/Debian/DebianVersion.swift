/// A version as in deb-version(7): `[epoch:]upstream[-revision]`.
///
/// Equal means spelled alike; ``order(against:)`` is dpkg's order, in which `1.0` and `1.00` are the same.
public struct DebianVersion: Sendable, Hashable, CustomStringConvertible {
    /// The epoch; 0 if none is written.
    public let epoch: Int32
    /// The upstream version.
    public let upstream: String
    /// The Debian revision; empty if none is written.
    public let revision: String
    /// The version as it was written.
    public let description: String

    /// How one version stands to another.
    public enum Order: Sendable {
        /// Before the other.
        case earlier
        /// Neither before nor after it.
        case same
        /// After the other.
        case later
    }

    /// Reads a version; nil if deb-version(7) does not allow it.
    public init?(_ text: some StringProtocol) {
        var rest = Substring(text).utf8
        var epoch: Int32 = 0
        if let colon = rest.firstIndex(of: UInt8(ascii: ":")) {
            // Int32's own reader takes a sign.
            guard rest.first.map(isDigit) == true, let number = Int32(Substring(rest[..<colon])) else { return nil }
            epoch = number
            rest = rest[rest.index(after: colon)...]
        }
        var revision = rest[rest.endIndex...]
        if let hyphen = rest.lastIndex(of: UInt8(ascii: "-")) {
            revision = rest[rest.index(after: hyphen)...]
            rest = rest[..<hyphen]
            if revision.isEmpty { return nil }
        }
        let marks = Set(".+~".utf8)
        guard rest.first.map(isDigit) == true,
            rest.allSatisfy({ isDigit($0) || isLetter($0) || marks.contains($0) || $0 == 0x2d || $0 == 0x3a }),
            revision.allSatisfy({ isDigit($0) || isLetter($0) || marks.contains($0) })
        else { return nil }
        self.epoch = epoch
        self.upstream = String(Substring(rest))
        self.revision = String(Substring(revision))
        self.description = String(text)
    }

    /// As dpkg writes it: without an epoch of 0, unless a colon behind it would then end one.
    public var canonical: String {
        let hasEpoch = epoch != 0 || upstream.utf8.contains(UInt8(ascii: ":"))
        return (hasEpoch ? "\(epoch):" : "") + upstream + (revision.isEmpty ? "" : "-" + revision)
    }

    /// dpkg's order: by epoch, then upstream version, then revision.
    public func order(against other: DebianVersion) -> Order {
        if epoch != other.epoch { return epoch < other.epoch ? .earlier : .later }
        let order = Self.order(upstream, other.upstream)
        return order == .same ? Self.order(revision, other.revision) : order
    }

    /// Compares a stretch of non-digits, then a number, and so on to the end of both.
    private static func order(_ left: String, _ right: String) -> Order {
        var left = left.utf8[...]
        var right = right.utf8[...]
        while !left.isEmpty || !right.isEmpty {
            while left.first.map({ !isDigit($0) }) == true || right.first.map({ !isDigit($0) }) == true {
                let (a, b) = (weight(left.first), weight(right.first))
                if a != b { return a < b ? .earlier : .later }
                left = left.dropFirst()
                right = right.dropFirst()
            }
            let a = left.prefix(while: isDigit).drop { $0 == UInt8(ascii: "0") }
            let b = right.prefix(while: isDigit).drop { $0 == UInt8(ascii: "0") }
            // Without leading zeros the longer number is the greater one; no number is too large this way.
            if a.count != b.count { return a.count < b.count ? .earlier : .later }
            if !a.elementsEqual(b) { return a.lexicographicallyPrecedes(b) ? .earlier : .later }
            left = left.drop(while: isDigit)
            right = right.drop(while: isDigit)
        }
        return .same
    }

    /// `~` sorts before the end, the end (or a digit) before letters, letters before all else.
    private static func weight(_ byte: UInt8?) -> Int {
        guard let byte, !isDigit(byte) else { return 0 }
        if byte == UInt8(ascii: "~") { return -1 }
        return isLetter(byte) ? Int(byte) : Int(byte) + 256
    }
}

func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) }
