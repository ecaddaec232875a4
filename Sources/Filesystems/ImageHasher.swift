internal import Dispatch
public import LinuxSystem
internal import Synchronization

/// Hashes an image behind its writer, on two threads of its own: its SHA-256, and what a ``VerityTree`` needs.
///
/// No thread outlives it: when its owner goes away, what is still to be hashed is left undone. A thread that went on while
/// the process ends would hash with what libcrypto has freed by then.
public struct ImageHasher: ~Copyable {
    private let work: Work

    /// Follows the image that begins at byte `offset` of a file, for a verity tree with this salt.
    public init(_ image: borrowing Descriptor, at offset: Int, salt: [UInt8]) throws(FilesystemError) {
        let image = try lifting { () throws(SystemError) in try image.duplicate() }
        work = Work(image, offset: offset, salt: salt)
    }

    deinit { work.stop() }

    /// To be called with a size in bytes, a multiple of 4096: so much of the image is as it will be.
    public var advance: (Int) -> Void { work.advance }

    /// The SHA-256 of the first `size` bytes, and the salted digests of their blocks one after the other.
    public func finish(size: Int) throws(FilesystemError) -> (digest: Digest, blockDigests: [UInt8]) {
        try work.finish(size: size)
    }
}

private final class Work: Sendable {
    /// Reads, and hashes the image.
    private let queue = DispatchQueue(label: "image hasher")
    /// Hashes the blocks of what was read.
    private let blockQueue = DispatchQueue(label: "block hasher")
    /// So much that was read may wait, in MiB.
    private let room = DispatchSemaphore(value: 8)
    private let image: Descriptor
    private let offset: Int
    private let salt: [UInt8]
    private let progress = Mutex(Progress())
    private let blockDigests = Mutex<[UInt8]>([])
    private let isStopped = Atomic(false)

    private struct Progress: ~Copyable {
        var hash = SHA256()
        var done = 0
        var failure: FilesystemError?
    }

    init(_ image: consuming Descriptor, offset: Int, salt: [UInt8]) {
        self.image = image
        self.offset = offset
        self.salt = salt
    }

    func advance(to size: Int) { queue.async { self.hash(to: size) } }

    /// Returns when nothing is being hashed any more, nor will be.
    func stop() {
        isStopped.store(true, ordering: .relaxed)
        queue.sync {}
        blockQueue.sync {}
    }

    func finish(size: Int) throws(FilesystemError) -> (digest: Digest, blockDigests: [UInt8]) {
        queue.sync { hash(to: size) }
        blockQueue.sync {}
        let end = progress.withLock { progress in
            var end = Progress()
            swap(&progress, &end)
            return end
        }
        if let failure = end.failure { throw failure }
        return (end.hash.finish(), blockDigests.withLock { $0 })
    }

    private func hash(to size: Int) {
        progress.withLock { progress in
            while progress.done < size, progress.failure == nil, !isStopped.load(ordering: .relaxed) {
                do throws(SystemError) {
                    let bytes = try image.bytes(at: offset + progress.done, count: min(1 << 20, size - progress.done))
                    room.wait()
                    blockQueue.async { self.hashBlocks(of: bytes) }
                    progress.hash.update(bytes)
                    progress.done += bytes.count
                } catch {
                    progress.failure = .system(error)
                }
            }
        }
    }

    private func hashBlocks(of bytes: [UInt8]) {
        defer { room.signal() }
        if isStopped.load(ordering: .relaxed) { return }
        let digests = VerityTree.digestsOfBlocks(of: bytes, salt: salt)
        blockDigests.withLock { $0 += digests }
    }
}
