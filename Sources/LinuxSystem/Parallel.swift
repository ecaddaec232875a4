internal import Dispatch
internal import Glibc
internal import Synchronization

/// How many threads can run at once.
public var processorCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

/// Runs `body` for 0..<count on all processors and returns the results in order.
///
/// Items start in order, so put the longest first. After a failure no new item starts; of several failures the one with
/// the lowest index is thrown, so that the message does not depend on timing.
public func parallelMap<Result: Sendable>(
    count: Int, _ body: @Sendable (Int) throws -> Result
) throws -> [Result] {
    let progress = Mutex(Progress<Result>(results: Array(repeating: nil, count: count)))
    DispatchQueue.concurrentPerform(iterations: count) { _ in
        let index = progress.withLock { progress -> Int? in
            guard progress.failure == nil else { return nil }
            defer { progress.next += 1 }
            return progress.next
        }
        guard let index else { return }
        do {
            let result = try body(index)
            progress.withLock { $0.results[index] = result }
        } catch {
            progress.withLock { progress in
                if progress.failure.map({ index < $0.index }) ?? true { progress.failure = (index, error) }
            }
        }
    }
    let ended = progress.withLock { $0 }
    if let failure = ended.failure { throw failure.error }
    return ended.results.compactMap { $0 }
}

private struct Progress<Result: Sendable>: Sendable {
    var next = 0
    var results: [Result?]
    var failure: (index: Int, error: any Error)?
}
