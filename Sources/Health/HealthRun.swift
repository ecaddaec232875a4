internal import Glibc

/// What to do next, seeing how the required checks ended. Nothing else decides.
enum HealthDecision: Equatable {
    /// All have passed.
    case healthy
    /// Not all have, and no time is left.
    case unhealthy
    /// These, by place, are to be done again after a pause: services need time to start.
    case again([Int])

    /// Milliseconds between two rounds.
    static let pauseMilliseconds = 2000

    /// Decides.
    /// - Parameter deadline: nil where nobody waits.
    static func next(_ outcomes: [CheckResult.Outcome], now: Int, deadline: Int?) -> HealthDecision {
        let failing = outcomes.indices.filter { outcomes[$0] != .passed }
        if failing.isEmpty { return .healthy }
        guard let deadline, !outcomes.contains(.refused), now < deadline - pauseMilliseconds else { return .unhealthy }
        return .again(failing)
    }
}

/// The time by which checks are made.
public struct HealthClock: Sendable {
    /// Milliseconds since some moment.
    public var now: @Sendable () -> Int
    /// Waits so many milliseconds.
    public var sleep: @Sendable (Int) -> Void

    /// The machine's: milliseconds of CLOCK_MONOTONIC, which begins when the kernel does and is never set.
    public static let machine = HealthClock(
        now: monotonicMilliseconds,
        sleep: { milliseconds in
            // A signal may end it early: that is a round more, and no harm.
            var time = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
            nanosleep(&time, nil)
        })
}

/// The checks of a plan, done one after the other.
public struct HealthRun: Sendable {
    private let plan: HealthPlan
    private let clock: HealthClock
    private let perform: @Sendable (HealthCheck, _ limitMilliseconds: Int) -> CheckResult

    /// Checks of this machine.
    public init(_ plan: HealthPlan, roots: HealthRoots = HealthRoots()) {
        let runner = CheckRunner(systemctl: roots.systemctl)
        self.init(plan, clock: .machine) { runner($0, limitMilliseconds: $1) }
    }

    init(
        _ plan: HealthPlan, clock: HealthClock, perform: @escaping @Sendable (HealthCheck, Int) -> CheckResult
    ) {
        self.plan = plan
        self.clock = clock
        self.perform = perform
    }

    /// Does all checks. Required ones that do not pass are repeated every two seconds until all have passed or the
    /// deadline is there; then the wanted ones are done once, together within the plan's time-out.
    ///
    /// So it takes no longer than until the deadline, the plan's time-out, and some seconds to kill what hangs.
    /// - Parameter deadline: in milliseconds of ``HealthClock/machine``; nil does each check once, in its own time.
    /// - Returns: a result for each check of the plan, in its order.
    public func run(untilDeadline deadline: Int?) -> [CheckResult] {
        let required = plan.checks.filter { $0.importance == .required }
        var results = required.map { attempt($0, before: deadline) }
        while case .again(let failing) = HealthDecision.next(
            results.map(\.outcome), now: clock.now(), deadline: deadline)
        {
            clock.sleep(HealthDecision.pauseMilliseconds)
            for index in failing {
                let result = attempt(required[index], before: deadline)
                // That there was no time left says less than how it failed before.
                if result.outcome != .notRun { results[index] = result }
            }
        }
        let end = clock.now() + plan.timeoutSeconds * 1000
        var rest = results[...]
        return plan.checks.compactMap { check in
            check.importance == .required ? rest.popFirst() : attempt(check, before: end)
        }
    }

    private func attempt(_ check: HealthCheck, before deadline: Int?) -> CheckResult {
        let left = deadline.map { $0 - clock.now() } ?? .max
        if left <= 0 { return CheckResult(of: check, .notRun, "no time was left for it") }
        return perform(check, min(left, check.timeoutSeconds * 1000))
    }
}
