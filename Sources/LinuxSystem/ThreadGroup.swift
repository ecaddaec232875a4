internal import Glibc

/// Threads that run one function, each with its number; the group ends when all of them have.
///
/// Not tasks: what waits for programs or disks would hold up all others on the few threads that tasks share.
public struct ThreadGroup: ~Copyable {
    private let threads: [pthread_t]

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts up to `count` threads that run `body` with 0, 1, …; fewer if the system allows no more, but at least one.
    public init(count: Int, _ body: @escaping @Sendable (Int) -> Void) throws(SystemError) {
        var threads: [pthread_t] = []
        for number in 0..<count {
            let context = Unmanaged.passRetained(Body { body(number) })
            var thread = pthread_t()
            let code = pthread_create(
                &thread, nil,
                { pointer in
                    guard let pointer else { return nil }
                    Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
                    return nil
                }, context.toOpaque())
            if code == 0 {
                threads.append(thread)
                continue
            }
            context.release()
            if threads.isEmpty { throw SystemError(call: "pthread_create", subject: "thread \(number)", code: code) }
            break
        }
        self.threads = threads
    }

    deinit { for thread in threads { pthread_join(thread, nil) } }

    /// Waits until every thread has ended.
    public consuming func join() {}
}
