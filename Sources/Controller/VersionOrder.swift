/// The order of versions of the Version Format Specification (uapi-group.org/specifications, UAPI.10), by which
/// systemd-boot sorts.
enum VersionOrder {
    /// Negative, zero or positive as `left` is older than, equal to or newer than `right`.
    static func compare(_ left: String, _ right: String) -> Int {
        var (left, right) = (Array(left.utf8)[...], Array(right.utf8)[...])
        while true {
            left = left.drop { !isValid($0) }
            right = right.drop { !isValid($0) }
            // A pre-release is older even than the end of the other.
            if let order = compareMark("~", &left, &right) { return order }
            if left.isEmpty || right.isEmpty { return sign(left.isEmpty ? 0 : 1, right.isEmpty ? 0 : 1) }
            for mark: Unicode.Scalar in ["-", "^", "."] {
                if let order = compareMark(mark, &left, &right) { return order }
            }
            let isNumber = left.first.map(isDigit) == true || right.first.map(isDigit) == true
            let order =
                isNumber
                ? compareNumbers(take(&left, isDigit), take(&right, isDigit))
                : compareLetters(take(&left, isLetter), take(&right, isLetter))
            if order != 0 { return order }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
    private static func isValid(_ byte: UInt8) -> Bool { isDigit(byte) || isLetter(byte) || "-.~^".utf8.contains(byte) }
    private static func sign<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
        left == right ? 0 : left < right ? -1 : 1
    }

    /// Takes a mark off both; who alone has it is older.
    private static func compareMark(
        _ mark: Unicode.Scalar, _ left: inout ArraySlice<UInt8>, _ right: inout ArraySlice<UInt8>
    ) -> Int? {
        let has = (left.first == UInt8(ascii: mark), right.first == UInt8(ascii: mark))
        if has.0 != has.1 { return has.0 ? -1 : 1 }
        if has.0 {
            left.removeFirst()
            right.removeFirst()
        }
        return nil
    }

    private static func take(_ text: inout ArraySlice<UInt8>, _ belongs: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        let part = text.prefix(while: belongs)
        text = text.dropFirst(part.count)
        return part
    }

    /// Who has no number is older; otherwise the value decides, however many digits it has.
    private static func compareNumbers(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Int {
        if left.isEmpty != right.isEmpty { return left.isEmpty ? -1 : 1 }
        let (left, right) = (left.drop { $0 == UInt8(ascii: "0") }, right.drop { $0 == UInt8(ascii: "0") })
        if left.count != right.count { return sign(left.count, right.count) }
        return compareLetters(left, right)
    }

    private static func compareLetters(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Int {
        if left.elementsEqual(right) { return 0 }
        return left.lexicographicallyPrecedes(right) ? -1 : 1
    }
}
