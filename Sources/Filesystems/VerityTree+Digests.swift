internal import Glibc
internal import LinuxSystem

extension VerityTree {
    /// The salted digests of whole blocks in memory, one after the other.
    public static func digestsOfBlocks(of bytes: [UInt8], salt: [UInt8]) -> [UInt8] {
        var hash = SaltedSHA256(salt: salt)
        var digests = [UInt8](repeating: 0, count: bytes.count / blockSize * digestSize)
        digests.withUnsafeMutableBytes { digests in
            bytes.withUnsafeBytes { hashBlocks($0, into: digests, with: &hash) }
        }
        return digests
    }

    /// The digests of `count` blocks of a file from byte `offset` on, on two threads.
    static func digestsOfBlocks(
        of data: borrowing Descriptor, at offset: Int, count: Int, salt: [UInt8]
    ) throws(FilesystemError) -> [UInt8] {
        let half = count / 2
        let first = try lifting { () throws(SystemError) in
            Part(data: try data.duplicate(), offset: offset, count: half, salt: salt)
        }
        let second = try lifting { () throws(SystemError) in
            Part(data: try data.duplicate(), offset: offset + half * blockSize, count: count - half, salt: salt)
        }
        return try lifting { () throws(SystemError) in
            try withExtendedLifetime(first) { () throws(SystemError) in
                var thread = pthread_t()
                let body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { part in
                    if let part { Unmanaged<Part>.fromOpaque(part).takeUnretainedValue().run() }
                    return nil
                }
                let started = pthread_create(&thread, nil, body, Unmanaged.passUnretained(first).toOpaque()) == 0
                second.run()
                if started { pthread_join(thread, nil) } else { first.run() }
                return try first.result.get() + second.result.get()
            }
        }
    }

    /// A run of blocks and, once ``run()`` has ended, their digests. Used by one thread at a time.
    private final class Part {
        let data: Descriptor
        let offset: Int
        let count: Int
        let salt: [UInt8]
        var result: Result<[UInt8], SystemError> = .success([])

        init(data: consuming Descriptor, offset: Int, count: Int, salt: [UInt8]) {
            self.data = data
            self.offset = offset
            self.count = count
            self.salt = salt
        }

        func run() {
            do throws(SystemError) { result = .success(try digests()) } catch { result = .failure(error) }
        }

        private func digests() throws(SystemError) -> [UInt8] {
            var hash = SaltedSHA256(salt: salt)
            // 1 MiB stays in the processor's cache between reading and hashing.
            let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * blockSize, alignment: 4096)
            defer { chunk.deallocate() }
            let digests = UnsafeMutableRawBufferPointer.allocate(byteCount: count * digestSize, alignment: 16)
            defer { digests.deallocate() }
            var done = 0
            while done < count {
                let blocks = min(256, count - done)
                let part = UnsafeMutableRawBufferPointer(rebasing: chunk[..<(blocks * blockSize)])
                try data.readAll(into: part, at: offset + done * blockSize)
                hashBlocks(
                    UnsafeRawBufferPointer(part),
                    into: UnsafeMutableRawBufferPointer(rebasing: digests[(done * digestSize)...]), with: &hash)
                done += blocks
            }
            return Array(digests)
        }
    }

    private static func hashBlocks(
        _ bytes: UnsafeRawBufferPointer, into digests: UnsafeMutableRawBufferPointer, with hash: inout SaltedSHA256
    ) {
        for block in 0..<bytes.count / blockSize {
            hash.hash(
                UnsafeRawBufferPointer(rebasing: bytes[(block * blockSize)..<((block + 1) * blockSize)]),
                into: UnsafeMutableRawBufferPointer(rebasing: digests[(block * digestSize)...]))
        }
    }
}
