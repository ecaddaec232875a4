extension Secrets {
    /// Cuts a stream of bytes into pieces that overlap, so that whoever looks for secrets in each finds also those that
    /// lie on the border of two chunks.
    public struct Windows {
        /// The bytes that the next window begins with.
        private var tail: [UInt8] = []

        /// More than any secret that is recognised by its form.
        private static let overlap = 1 << 16

        /// Starts a stream.
        public init() {}

        /// The next bytes of the stream, behind some that were given before: at least as many as a secret has that ends in
        /// these, and from the start of a line where there is one.
        public mutating func next(_ chunk: UnsafeRawBufferPointer) -> [UInt8] {
            let window = tail + chunk
            tail = Self.tail(of: window)
            return window
        }

        /// Zeros follow, at least one: in no secret there are any.
        public mutating func skipZeros() { tail = [] }

        private static func tail(of window: [UInt8]) -> [UInt8] {
            if window.count <= overlap { return window }
            let start = window.count - overlap
            // Elsewhere than at its start, a line has another meaning: it could be a comment.
            let line = window[max(0, start - overlap)..<start].lastIndex(of: UInt8(ascii: "\n"))
            if let line { return Array(window[(line + 1)...]) }
            // A token begins behind a byte of another kind. What begins in the middle of a word is none.
            return [isWordByte(window[start - 1]) ? UInt8(ascii: "_") : window[start - 1]] + window[start...]
        }

        private static func isWordByte(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }
}
