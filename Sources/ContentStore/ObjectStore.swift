internal import Glibc
public import LinuxSystem
internal import Synchronization

/// Files by their SHA-256 below one directory; safe under concurrent writers, in threads and in processes.
///
/// An object appears whole and durable under `sha256/ab/abcd…` or not at all, and is read-only from then on. What is
/// read was verified by this process first. Beside the objects there are `temporary` (being written), `partial` (being
/// fetched), `corrupt` (set aside) and `lock`.
public final class ObjectStore: Sendable {
    /// The store's directory.
    public let directory: String
    /// Held shared while a store is open, so that no other process collects garbage meanwhile.
    private let lock: Descriptor
    /// The files that were verified by this process.
    private let verified = Mutex<[Digest: FileIdentity]>([:])

    /// Opens the store in `directory`, which is made if missing.
    public init(_ directory: String) throws(StoreError) {
        self.directory = directory
        do throws(SystemError) {
            for name in ["sha256", "temporary", "partial", "corrupt"] { try makeDirectories("\(directory)/\(name)") }
            lock = try Descriptor.open("\(directory)/lock", O_RDWR | O_CREAT, mode: 0o644)
            try lockFile(lock, LOCK_SH)
        } catch {
            throw .system(error)
        }
    }

    /// Whether there is an object of this digest; its content is not looked at.
    public func contains(_ digest: Digest) -> Bool { access(path(of: digest), F_OK) == 0 }

    /// Where an object of this digest is or would be: for messages, and for tools that read it after ``open(_:)``.
    public func path(of digest: Digest) -> String {
        let hex = digest.hex
        return "\(directory)/sha256/\(hex.prefix(2))/\(hex)"
    }
}

// MARK: - Reading

extension ObjectStore {
    /// Opens an object for reading; nil if there is none. An object with other content than its digest says is set
    /// aside and reported as ``StoreError/corrupt(_:kept:)``.
    public func open(_ digest: Digest) throws(StoreError) -> Descriptor? {
        let path = path(of: digest)
        do throws(SystemError) {
            let file = try Descriptor.open(path)
            let identity = try FileIdentity(file)
            if verified.withLock({ $0[digest] == identity }) { return file }
            if try SHA256.hash(file) == digest {
                verified.withLock { $0[digest] = identity }
                return file
            }
        } catch {
            if error.isNotFound { return nil }
            throw .system(error)
        }
        let kept = "\(directory)/corrupt/\(digest)-\(UInt32.random(in: 0 ... .max))"
        do throws(SystemError) { try renameFile(path, to: kept) } catch { throw .system(error) }
        throw .corrupt(digest, kept: kept)
    }

    /// Whether there is a good object of this digest; a damaged one is set aside.
    func containsVerified(_ digest: Digest) throws(StoreError) -> Bool {
        do throws(StoreError) {
            return try open(digest) != nil
        } catch {
            if case .corrupt = error { return false }
            throw error
        }
    }
}

extension ObjectStore {
    /// The digests of all objects, in their order; no content is looked at.
    public func digests() throws(StoreError) -> [Digest] {
        do throws(SystemError) {
            var digests: [Digest] = []
            for prefix in try Descriptor.directory("\(directory)/sha256").entries() {
                let names = try Descriptor.directory("\(directory)/sha256/\(prefix)").entries()
                digests += names.compactMap { Digest(hex: $0) }
            }
            return digests
        } catch {
            throw .system(error)
        }
    }

    /// A file without a name on the store's file system, for what is to be ``put(file:expecting:)``.
    public func temporaryFile() throws(StoreError) -> AtomicFile {
        do throws(SystemError) {
            return try AtomicFile.create("\(directory)/temporary/unnamed")
        } catch {
            throw .system(error)
        }
    }
}

// MARK: - Writing

extension ObjectStore {
    /// Stores bytes. A damaged object of the same digest is replaced.
    @discardableResult
    public func put(_ bytes: [UInt8]) throws(StoreError) -> Digest {
        let digest = SHA256.hash(bytes)
        if try containsVerified(digest) { return digest }
        let file = try TemporaryFile(below: directory)
        do throws(SystemError) { try file.descriptor.writeAll(bytes) } catch { throw .system(error) }
        return try adopt(file.path, file.descriptor, expecting: digest, called: "what was written")
    }

    /// Stores a copy of a file; with `expected`, only if that is its digest.
    @discardableResult
    public func put(file source: borrowing Descriptor, expecting expected: Digest? = nil) throws(StoreError) -> Digest {
        let file = try TemporaryFile(below: directory)
        do throws(SystemError) {
            let size = try source.status().size
            try file.descriptor.truncate(to: size)
            try file.descriptor.copy(from: source, at: 0, length: size, to: 0)
        } catch {
            throw .system(error)
        }
        return try adopt(file.path, file.descriptor, expecting: expected, called: source.name)
    }

    /// Makes the file at `path`, which is on the store's file system, an object.
    @discardableResult
    func adopt(_ path: String, expecting expected: Digest, called name: String) throws(StoreError) -> Digest {
        try adopt(path, try openFile(path), expecting: expected, called: name)
    }

    private func openFile(_ path: String) throws(StoreError) -> Descriptor {
        do throws(SystemError) { return try Descriptor.open(path) } catch { throw .system(error) }
    }

    /// Makes the file at `path` an object; `file` is open on it, and it is on the store's file system.
    ///
    /// - Throws: ``StoreError/unexpected(_:wanted:got:)`` if it has another digest; it stays where it is then.
    private func adopt(
        _ path: String, _ file: borrowing Descriptor, expecting expected: Digest?, called name: String
    ) throws(StoreError) -> Digest {
        // What is stored gets hashed, not what it was copied from: that may have changed meanwhile.
        let digest: Digest
        do throws(SystemError) { digest = try SHA256.hash(file) } catch { throw .system(error) }
        if let expected, expected != digest { throw .unexpected(name, wanted: expected, got: digest) }
        if try containsVerified(digest) {
            _ = unlink(path)
            return digest
        }
        let target = self.path(of: digest)
        do throws(SystemError) {
            try makeDirectories(parentDirectory(of: target))
            try file.setMode(0o444)
            try file.sync()
            try renameFile(path, to: target)
            try Descriptor.directory(parentDirectory(of: target)).sync()
            try Descriptor.directory("\(directory)/sha256").sync()
            let identity = try FileIdentity(file)
            verified.withLock { $0[digest] = identity }
        } catch {
            throw .system(error)
        }
        return digest
    }
}

/// A file that is being written; its name goes away with it, unless it was renamed.
private struct TemporaryFile: ~Copyable {
    let path: String
    let descriptor: Descriptor

    init(below directory: String) throws(StoreError) {
        let path = "\(directory)/temporary/\(getpid())-\(UInt64.random(in: 0 ... .max))"
        do throws(SystemError) {
            descriptor = try Descriptor.open(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        } catch {
            throw .system(error)
        }
        self.path = path
    }

    deinit { _ = unlink(path) }
}

// MARK: - Garbage

extension ObjectStore {
    /// Removes every object that is not in `roots`, what crashed writers and fetches left, and what was set aside.
    ///
    /// Refused (``StoreError/busy(_:)``) while another store is open on the directory. Nothing else may use this one
    /// meanwhile.
    ///
    /// - Returns: how many objects went, and their bytes.
    public func collectGarbage(keeping roots: Set<Digest>) throws(StoreError) -> (objects: Int, bytes: Int64) {
        do throws(SystemError) {
            try lockFile(lock, LOCK_EX | LOCK_NB)
        } catch {
            // A lock that could not be changed may be lost.
            do throws(SystemError) { try lockFile(lock, LOCK_SH) } catch { throw .system(error) }
            throw error.code == EWOULDBLOCK ? .busy(directory) : .system(error)
        }
        defer { try? lockFile(lock, LOCK_SH) }
        do throws(SystemError) {
            for name in ["temporary", "partial", "corrupt"] {
                for entry in try Descriptor.directory("\(directory)/\(name)").entries() {
                    try removeTree("\(directory)/\(name)/\(entry)")
                }
            }
            let removed = try removeObjects(notIn: roots)
            verified.withLock { $0 = $0.filter { roots.contains($0.key) } }
            return removed
        } catch {
            throw .system(error)
        }
    }

    private func removeObjects(notIn roots: Set<Digest>) throws(SystemError) -> (objects: Int, bytes: Int64) {
        var objects = 0
        var bytes: Int64 = 0
        for prefix in try Descriptor.directory("\(directory)/sha256").entries() {
            let group = "\(directory)/sha256/\(prefix)"
            for name in try Descriptor.directory(group).entries() {
                if let digest = Digest(hex: name), roots.contains(digest) { continue }
                bytes += fileSize("\(group)/\(name)")
                objects += 1
                try removeTree("\(group)/\(name)")
            }
        }
        return (objects, bytes)
    }
}
