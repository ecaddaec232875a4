internal import Glibc
internal import LinuxSystem

/// Takes the bytes of an image in order, and compares them with those that are there.
final class ImageComparison {
    private let image: Descriptor
    private let offset: Int
    private var position = 0
    /// The first runs of different bytes, counted from the image's start.
    private(set) var differences: [Range<Int>] = []

    private static let limit = 16

    /// Compares with the bytes from `offset` on.
    init(_ image: borrowing Descriptor, at offset: Int) throws(FilesystemError) {
        self.image = try lifting { () throws(SystemError) in try image.duplicate() }
        self.offset = offset
    }

    func compare(_ wanted: UnsafeRawBufferPointer) throws(FilesystemError) {
        let start = position
        position += wanted.count
        let seen = UnsafeMutableRawBufferPointer.allocate(byteCount: wanted.count, alignment: 4096)
        defer { seen.deallocate() }
        try lifting { () throws(SystemError) in try image.readAll(into: seen, at: offset + start) }
        guard let left = wanted.baseAddress, let right = seen.baseAddress, memcmp(left, right, wanted.count) != 0
        else { return }
        var index = 0
        while differences.count < Self.limit,
            let first = (index..<wanted.count).first(where: { wanted[$0] != seen[$0] })
        {
            index = (first..<wanted.count).first { wanted[$0] == seen[$0] } ?? wanted.count
            differences.append(start + first..<start + index)
        }
    }
}
