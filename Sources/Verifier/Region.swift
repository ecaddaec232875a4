internal import Glibc
public import LinuxSystem

/// A disk image or a block device that several checks read at the same time.
public final class Medium: Sendable {
    /// Open for reading.
    let descriptor: Descriptor
    /// Bytes of the file or device.
    public let size: Int
    /// What findings call it.
    public var name: String { descriptor.name }

    /// Takes an open file or block device.
    public init(_ descriptor: consuming Descriptor) throws(SystemError) {
        // A block device has a size only for lseek(2).
        let end = lseek(descriptor.rawValue, 0, SEEK_END)
        let code = errno
        if end < 0 { throw SystemError(call: "lseek", subject: descriptor.name, code: code) }
        size = end
        self.descriptor = descriptor
    }

    /// All of it.
    public var whole: Region { Region(self, 0..<size) }
}

/// A run of bytes of a medium: a partition of an image, or a whole device that is one.
public struct Region: Sendable {
    /// Where it is.
    public var medium: Medium
    /// Its bytes, counted from the medium's start.
    public var range: Range<Int>

    /// Names a run of bytes; it may lie beyond the medium's end.
    public init(_ medium: Medium, _ range: Range<Int>) {
        self.medium = medium
        self.range = range
    }

    var start: Int { range.lowerBound }
    var size: Int { range.count }

    /// A part of this, counted from its start, and cut to it.
    subscript(part: Range<Int>) -> Region {
        let (lower, upper) = (min(part.lowerBound, size), min(part.upperBound, size))
        return Region(medium, start + lower..<start + upper)
    }
}
