internal import Dispatch
public import LinuxSystem
internal import Synchronization

/// Hashes an image behind its writer, on a thread of its own: its SHA-256 and what a ``VerityTree`` needs.
public final class ImageHasher: Sendable {
    private let queue = DispatchQueue(label: "image hasher")
    private let image: Descriptor
    private let offset: Int
    private let salt: [UInt8]
    private let progress: Mutex<Progress>

    private struct Progress: ~Copyable {
        var hash = SHA256()
        var digests: [UInt8] = []
        var done = 0
        var failure: FilesystemError?
    }

    /// Follows the image that begins at byte `offset` of a file, for a verity tree with this salt.
    public init(_ image: borrowing Descriptor, at offset: Int, salt: [UInt8]) throws(FilesystemError) {
        self.image = try lifting { () throws(SystemError) in try image.duplicate() }
        self.offset = offset
        self.salt = salt
        progress = Mutex(Progress())
    }

    /// The first `size` bytes, a multiple of 4096, are as they will be.
    public func advance(to size: Int) { queue.async { self.hash(to: size) } }

    /// The SHA-256 of the first `size` bytes, and the salted digests of their blocks one after the other.
    public func finish(size: Int) throws(FilesystemError) -> (digest: Digest, blockDigests: [UInt8]) {
        queue.sync { hash(to: size) }
        let end = progress.withLock { progress in
            var end = Progress()
            swap(&progress, &end)
            return end
        }
        if let failure = end.failure { throw failure }
        return (end.hash.finish(), end.digests)
    }

    private func hash(to size: Int) {
        progress.withLock { progress in
            while progress.done < size, progress.failure == nil {
                do throws(SystemError) {
                    let bytes = try image.bytes(at: offset + progress.done, count: min(1 << 20, size - progress.done))
                    progress.hash.update(bytes)
                    progress.digests += VerityTree.digestsOfBlocks(of: bytes, salt: salt)
                    progress.done += bytes.count
                } catch {
                    progress.failure = .system(error)
                }
            }
        }
    }
}
