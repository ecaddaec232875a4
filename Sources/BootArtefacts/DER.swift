/// Writes ASN.1 values in DER (ITU-T X.690): each has a tag, a length and its content.
enum DER {
    static let integer: UInt8 = 0x02
    static let bitString: UInt8 = 0x03
    static let octetString: UInt8 = 0x04
    static let objectIdentifier: UInt8 = 0x06
    static let sequence: UInt8 = 0x30
    static let set: UInt8 = 0x31

    /// A value whose content is the given parts, one after another.
    static func element(_ tag: UInt8, _ parts: [UInt8]...) -> [UInt8] {
        let content = Array(parts.joined())
        return [tag] + length(content.count) + content
    }

    /// The tag of `[number]` around other values, or in the place of another constructed tag.
    static func context(_ number: UInt8) -> UInt8 { 0xA0 | number }

    static let null: [UInt8] = [0x05, 0]

    /// An object identifier from its numbers.
    static func identifier(_ first: Int, _ second: Int, _ rest: Int...) -> [UInt8] {
        var content: [UInt8] = []
        for number in [40 * first + second] + rest {
            var digits = [UInt8(number & 0x7F)]
            var left = number >> 7
            while left > 0 {
                digits.insert(UInt8(left & 0x7F) | 0x80, at: 0)
                left >>= 7
            }
            content += digits
        }
        return element(objectIdentifier, content)
    }

    private static func length(_ count: Int) -> [UInt8] {
        if count < 0x80 { return [UInt8(count)] }
        var digits: [UInt8] = []
        var left = count
        while left > 0 {
            digits.insert(UInt8(left & 0xFF), at: 0)
            left >>= 8
        }
        return [0x80 | UInt8(digits.count)] + digits
    }
}
