public import LinuxSystem

/// Brings what is missing into a store.
public struct Fetcher: Sendable {
    /// A file to fetch.
    public struct Item: Sendable, Equatable {
        /// What errors call it, for example `bash 5.2-1`.
        public var name: String
        /// Its digest.
        public var digest: Digest
        /// Its size in bytes.
        public var size: Int64
        /// Where it may be, best first: `http:`, `https:` or `file:`.
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
    /// Starts the downloads.
    public var run: ToolRunner

    /// Makes a fetcher.
    public init(store: ObjectStore, workers: Int = 4, isOffline: Bool = false, run: @escaping ToolRunner) {
        self.store = store
        self.workers = workers
        self.isOffline = isOffline
        self.run = run
    }

    /// Returns when every item is in the store and verified; else throws what could not be had, all of it.
    ///
    /// - Parameter progress: called on the caller's thread, a few times a second.
    public func fetch(_ items: [Item], progress: (Progress) -> Void = { _ in }) throws(FetchError) {}
}

/// Why items could not be fetched.
public enum FetchError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The store itself failed.
    case store(StoreError)
    /// Offline, and these are not in the store.
    case missing([Fetcher.Item])
    /// One line for each candidate of each item that failed.
    case failed([String])

    /// For a person.
    public var description: String { "" }
}
