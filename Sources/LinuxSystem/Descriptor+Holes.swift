internal import CLinux
internal import Glibc

// Sparse files are mostly holes: what is not there need not be read.

extension Descriptor {
    /// The next bytes from `position` on that the file system holds; nil if there are only holes up to `end`.
    ///
    /// Where holes are unknown (lseek(2), SEEK_DATA), all bytes count as data.
    func nextData(from position: Int, to end: Int) -> Range<Int>? {
        if position >= end { return nil }
        let data = clinux_seek_data(rawValue, Int64(position))
        let code = errno
        if data < 0 && code == ENXIO { return nil }
        if data < 0 { return position..<end }
        if data >= end { return nil }
        let hole = clinux_seek_hole(rawValue, data)
        return Int(data)..<(hole > data ? min(end, Int(hole)) : end)
    }

    /// The first run of bytes in `range` that are not zero, at most to the end of a block of 4096; nil if all are zero.
    ///
    /// Holes are not read, and what lies behind the file's end is one.
    public func firstNonzero(in range: Range<Int>) throws(SystemError) -> Range<Int>? {
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { chunk.deallocate() }
        var position = range.lowerBound
        while let data = nextData(from: position, to: range.upperBound) {
            position = data.lowerBound
            while position < data.upperBound {
                let part = UnsafeMutableRawBufferPointer(
                    rebasing: chunk[..<min(chunk.count, data.upperBound - position)])
                try readAll(into: part, at: position)
                if let first = Self.firstNonzero(UnsafeRawBufferPointer(part)) {
                    let blockEnd = min(part.count, ((position + first) / 4096 + 1) * 4096 - position)
                    let run = part[first..<blockEnd].prefix { $0 != 0 }
                    return position + first..<position + first + run.count
                }
                position += part.count
            }
        }
        return nil
    }

    fileprivate static func firstNonzero(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress, bytes[0] == 0 else { return bytes.isEmpty ? nil : 0 }
        // Equal to itself moved by one byte, and the first is zero: memcmp(3) is the fastest way to say so.
        if memcmp(base, base + 1, bytes.count - 1) == 0 { return nil }
        return bytes.firstIndex { $0 != 0 }
    }
}

/// Reads a range of a file in order, without holding more than a piece of it. Holes are not read.
public struct FilePieces: ~Copyable {
    /// The next bytes.
    public enum Piece {
        /// At most 1 MiB, valid until the next one is read.
        case bytes(UnsafeRawBufferPointer)
        /// As many zeros, which are a hole or as good as one.
        case zeros(Int)
    }

    private let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    private let end: Int
    private var position: Int
    /// The data that the position is in or before.
    private var data: Range<Int>

    /// Starts at the beginning of a range.
    public init(of range: Range<Int>) {
        (position, end) = (range.lowerBound, range.upperBound)
        data = position..<position
    }

    deinit { chunk.deallocate() }

    /// The next piece of a file, the same one each time; nil at the end of the range. A file that ends before is an error
    /// (`EIO`).
    public mutating func next(of file: borrowing Descriptor) throws(SystemError) -> Piece? {
        if position == end { return nil }
        if position == data.upperBound { data = file.nextData(from: position, to: end) ?? end..<end }
        if position < data.lowerBound {
            // What lies behind the end looks like a hole.
            if try file.status().size < data.lowerBound {
                throw SystemError(call: "lseek", subject: "\(file.name): file ends early", code: EIO)
            }
            defer { position = data.lowerBound }
            return .zeros(data.lowerBound - position)
        }
        let part = UnsafeMutableRawBufferPointer(rebasing: chunk[..<min(chunk.count, data.upperBound - position)])
        try file.readAll(into: part, at: position)
        position += part.count
        let bytes = UnsafeRawBufferPointer(part)
        return Descriptor.firstNonzero(bytes) == nil ? .zeros(part.count) : .bytes(bytes)
    }
}
