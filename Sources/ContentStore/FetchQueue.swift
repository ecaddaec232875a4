internal import LinuxSystem
internal import Synchronization

/// What the workers of one fetch share: the batches that wait, and what became of the items.
final class FetchQueue: Sendable {
    private struct State {
        var waiting: [[Fetcher.Item]]
        /// Batches that wait or are worked on.
        var unfinished: Int
        var inFlight: [Digest: Fetcher.Item] = [:]
        var items = 0
        var bytes: Int64 = 0
        /// By the item's place in the request, so that messages do not depend on timing.
        var failures: [Digest: [String]] = [:]
        var storeError: StoreError?
    }

    private let order: [Digest]
    private let state: Mutex<State>

    /// Cuts the items into about `batches` batches, the largest items first: they take longest.
    init(_ items: [Fetcher.Item], batches: Int) {
        let total = items.reduce(Int64(0)) { $0 &+ max(0, $1.size) }
        let limit = max(1 << 20, total / Int64(max(1, batches)))
        var result: [[Fetcher.Item]] = []
        var size: Int64 = 0
        for item in items.sorted(by: { $0.size > $1.size }) {
            // A program's arguments are limited too.
            if result.isEmpty || size >= limit || (result.last?.count ?? 0) >= 64 {
                result.append([])
                size = 0
            }
            result[result.count - 1].append(item)
            size &+= max(0, item.size)
        }
        order = items.map(\.digest)
        state = Mutex(State(waiting: result.reversed(), unfinished: result.count))
    }

    /// The next batch; nil when there is none, or the store has failed.
    func next() -> [Fetcher.Item]? {
        state.withLock { state in
            guard let batch = state.waiting.popLast() else { return nil }
            for item in batch { state.inFlight[item.digest] = item }
            return batch
        }
    }

    func arrived(_ item: Fetcher.Item) {
        state.withLock { state in
            state.inFlight[item.digest] = nil
            state.items += 1
            state.bytes += item.size
        }
    }

    func failed(_ item: Fetcher.Item, _ reasons: [String]) {
        state.withLock { state in
            state.inFlight[item.digest] = nil
            state.failures[item.digest] = reasons
        }
    }

    func finishedBatch() { state.withLock { $0.unfinished -= 1 } }

    /// The store cannot take more: nothing further is fetched.
    func stop(_ error: StoreError) {
        state.withLock { state in
            state.storeError = state.storeError ?? error
            state.unfinished -= state.waiting.count
            state.waiting = []
        }
    }

    var isFinished: Bool { state.withLock { $0.unfinished == 0 } }

    /// How many items have arrived, and how many bytes, those of unfinished files included.
    func arrived(partialPath: (Fetcher.Item) -> String) -> (items: Int, bytes: Int64) {
        let (items, bytes, inFlight) = state.withLock { ($0.items, $0.bytes, Array($0.inFlight.values)) }
        return (items, inFlight.reduce(bytes) { $0 + min($1.size, fileSize(partialPath($1))) })
    }

    func throwFailures() throws(FetchError) {
        let (failures, storeError) = state.withLock { ($0.failures, $0.storeError) }
        if let storeError { throw .store(storeError) }
        let lines = order.flatMap { failures[$0] ?? [] }
        if !lines.isEmpty { throw .failed(lines) }
    }
}
