internal import CCrypto

/// MD5 over a stream of bytes, by libcrypto: only for registers that are defined by it, as dpkg's `md5sums`.
public struct MD5: ~Copyable {
    private let context: OpaquePointer

    /// Starts an empty hash.
    public init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_md5(), nil) == 1 else {
            preconditionFailure("libcrypto has no MD5 or no memory is left")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes.
    public mutating func update(_ buffer: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, buffer.baseAddress, buffer.count)
    }

    /// Ends the hash: 32 lower-case hexadecimal digits.
    public consuming func finish() -> String { digest().hex }

    /// Ends the hash.
    public consuming func digest() -> MD5Digest {
        var bytes = [UInt8](repeating: 0, count: 16)
        EVP_DigestFinal_ex(context, &bytes, nil)
        return bytes.withUnsafeBytes { MD5Digest(bytes: $0) }
    }
}

/// An MD5 digest in 16 bytes, for those who keep many.
public struct MD5Digest: Sendable, Hashable, CustomStringConvertible {
    /// The first eight bytes, the first of them the most significant.
    public let high: UInt64
    /// The last eight bytes.
    public let low: UInt64

    /// Makes a digest from its halves.
    @inlinable public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    fileprivate init(bytes: UnsafeRawBufferPointer) {
        high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
        low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    /// Reads 32 hexadecimal digits; nil for anything else.
    @inlinable public init?(hex digits: some Collection<UInt8>) {
        guard digits.count == 32 else { return nil }
        var halves: (high: UInt64, low: UInt64) = (0, 0)
        for digit in digits {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = digit - UInt8(ascii: "A") + 10
            default: return nil
            }
            halves = (halves.high << 4 | halves.low >> 60, halves.low << 4 | UInt64(value))
        }
        self.init(high: halves.high, low: halves.low)
    }

    /// 32 lower-case hexadecimal digits.
    public var hex: String {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0).hex }
    }

    /// 32 lower-case hexadecimal digits.
    public var description: String { hex }
}
