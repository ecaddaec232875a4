internal import Glibc
public import LinuxSystem

/// Brings what is missing into a store.
///
/// Downloads are apt's own (`apt-helper`), so that the host's proxies and credentials count; what arrives is verified
/// here before it becomes an object. A download that was broken off goes on where it ended.
public struct Fetcher: Sendable {
    /// A file to fetch.
    public struct Item: Sendable, Equatable {
        /// What errors call it, for example `bash 5.2-1`.
        public var name: String
        /// Its digest.
        public var digest: Digest
        /// Its size in bytes.
        public var size: Int64
        /// Where it may be, best first: `http:`, `https:` or `file:` (see ``Fetcher/uri(_:_:)``).
        public var uris: [String]

        /// Makes an item.
        public init(name: String, digest: Digest, size: Int64, uris: [String]) {
            self.name = name
            self.digest = digest
            self.size = size
            self.uris = uris
        }
    }

    /// How far a fetch is.
    public struct Progress: Sendable, Equatable {
        /// Items in the store.
        public var items: Int
        /// Items wanted.
        public var totalItems: Int
        /// Bytes of the missing items that have arrived.
        public var bytes: Int64
        /// Bytes of all missing items.
        public var totalBytes: Int64
    }

    /// Where objects go.
    public var store: ObjectStore
    /// How many downloads run at once.
    public var workers: Int
    /// Whether nothing but the store may be used.
    public var isOffline: Bool
    /// Starts the downloads; called from several threads at once.
    public var run: ToolRunner

    /// Makes a fetcher.
    public init(store: ObjectStore, workers: Int = 4, isOffline: Bool = false, run: @escaping ToolRunner) {
        self.store = store
        self.workers = workers
        self.isOffline = isOffline
        self.run = run
    }

    /// The URI of a file below a repository: the path's bytes that a URI cannot have are percent-encoded.
    ///
    /// For a local directory the base is `file:` and the directory's path is part of `path`.
    public static func uri(_ base: String, _ path: String) -> String {
        let plain = Set("/.-_~".utf8)
        let encoded = path.utf8.flatMap { byte -> [UInt8] in
            isLetterOrDigit(byte) || plain.contains(byte) ? [byte] : Array("%\([byte].hex)".utf8)
        }
        let needsSlash = base.utf8.last != UInt8(ascii: "/") && encoded.first != UInt8(ascii: "/")
        return base + (needsSlash ? "/" : "") + String(decoding: encoded, as: UTF8.self)
    }

    /// Returns when every item is in the store and verified; else throws what could not be had, all of it.
    ///
    /// Another fetch into the same store is waited for.
    ///
    /// - Parameter progress: called on the caller's thread, a few times a second.
    public func fetch(_ items: [Item], progress: (Progress) -> Void = { _ in }) throws(FetchError) {
        var missing = try missingItems(items)
        if missing.isEmpty {
            return progress(Progress(items: items.count, totalItems: items.count, bytes: 0, totalBytes: 0))
        }
        if isOffline { throw .missing(missing) }
        let lock = try lockPartialFiles()
        defer { try? lockFile(lock, LOCK_UN) }
        // The fetch that was waited for may have brought some.
        missing = try missingItems(items)
        let queue = FetchQueue(missing, batches: workers * 4)
        let total = missing.reduce(Int64(0)) { $0 &+ $1.size }
        func report() {
            let (done, bytes) = queue.arrived { partialPath($0) }
            progress(
                Progress(
                    items: items.count - missing.count + done, totalItems: items.count, bytes: min(bytes, total),
                    totalBytes: total))
        }
        do throws(SystemError) {
            let group = try ThreadGroup(count: max(1, min(workers, missing.count))) { [self] _ in work(queue) }
            while !queue.isFinished {
                report()
                usleep(50_000)
            }
            group.join()
        } catch {
            throw .store(.system(error))
        }
        report()
        try queue.throwFailures()
    }

    private func lockPartialFiles() throws(FetchError) -> Descriptor {
        do throws(SystemError) {
            let lock = try Descriptor.open("\(store.directory)/partial/lock", O_RDWR | O_CREAT, mode: 0o644)
            try lockFile(lock, LOCK_EX)
            return lock
        } catch {
            throw .store(.system(error))
        }
    }

    /// The items without a good object, each digest once.
    private func missingItems(_ items: [Item]) throws(FetchError) -> [Item] {
        var missing: [Item] = []
        var seen: Set<Digest> = []
        for item in items where seen.insert(item.digest).inserted {
            do throws(StoreError) {
                if try !store.containsVerified(item.digest) { missing.append(item) }
            } catch {
                throw .store(error)
            }
        }
        return missing
    }

    func partialPath(_ item: Item) -> String { "\(store.directory)/partial/\(item.digest)" }
}

func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
}

/// Why items could not be fetched.
public enum FetchError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The store itself failed.
    case store(StoreError)
    /// Offline, and these are not in the store.
    case missing([Fetcher.Item])
    /// These could not be had; one line for each place that was tried.
    case failed([String])

    /// For a person.
    public var description: String {
        switch self {
        case .store(let error): error.description
        case .missing(let items):
            "offline, and the content store lacks:\n"
                + items.map { "  \($0.name) (\($0.size) bytes, SHA-256 \($0.digest))\n" }.joined()
                + "Fetch these once with a network, or copy them into the store."
        case .failed(let lines):
            "these files could not be fetched:\n" + lines.map { "  \($0)\n" }.joined()
                + "Check the network and the mirror. A mirror keeps a version for days only, a snapshot for ever: where one "
                + "is gone, resolve the blueprint anew with `pisces lock --update`."
        }
    }
}
