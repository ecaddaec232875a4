import PiscesTesting
import Synchronization
import Testing

@testable import Health

@Suite struct DecisionTests {
    private static let outcomes = CheckResult.Outcome.allCases

    @Test func whatIsDecidedFollowsFromOutcomesAndTimeAlone() {
        var random = SeededGenerator(state: 31)
        for _ in 0..<5000 {
            let some = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                // Many that pass, so that all do now and then.
                Bool.random(using: &random) ? .passed : Self.outcomes.randomElement(using: &random) ?? .passed
            }
            let now = Int.random(in: 0...10_000, using: &random)
            let deadline = Bool.random(using: &random) ? Int.random(in: 0...20_000, using: &random) : nil
            let allPassed = some.allSatisfy { $0 == .passed }
            switch HealthDecision.next(some, now: now, deadline: deadline) {
            case .healthy: #expect(allPassed)
            case .unhealthy:
                let isOver = deadline.map { now + HealthDecision.pauseMilliseconds >= $0 } ?? true
                #expect(!allPassed && (isOver || some.contains(.refused)))
            case .again(let failing):
                #expect(!failing.isEmpty && !some.contains(.refused))
                #expect(failing == some.indices.filter { some[$0] != .passed })
                // There is time for the pause and for more.
                #expect(deadline.map { now + HealthDecision.pauseMilliseconds < $0 } == true)
            }
        }
    }

    /// A machine whose checks behave as told, and whose clock only moves when something takes time.
    private final class Machine: Sendable {
        struct State {
            var now = 1000
            /// Per check, how it ends each time; the last one goes on for ever.
            var script: [String: [(outcome: CheckResult.Outcome, milliseconds: Int)]] = [:]
            var calls: [String: Int] = [:]
            var order: [String] = []
        }

        let state = Mutex(State())

        func run(_ plan: HealthPlan, _ deadline: Int?) -> [CheckResult] {
            let clock = HealthClock(
                now: { self.state.withLock { $0.now } }, sleep: { time in self.state.withLock { $0.now += time } })
            return HealthRun(plan, clock: clock) { check, limit in
                self.state.withLock { state in
                    let call = state.calls[check.name, default: 0]
                    state.calls[check.name] = call + 1
                    state.order.append(check.name)
                    let steps = state.script[check.name] ?? [(.passed, 0)]
                    let (outcome, time) = steps[min(call, steps.count - 1)]
                    state.now += min(time, limit)
                    return CheckResult(of: check, time > limit ? .timedOut : outcome)
                }
            }.run(untilDeadline: deadline)
        }
    }

    private static func plan(_ required: [String], _ wanted: [String], timeoutSeconds: Int = 300) -> HealthPlan {
        HealthPlan(
            // In no order of importance.
            wanted.map { HealthCheck(.wanted, .site, $0, .command("")) }
                + required.map { HealthCheck(.required, .site, $0, .command("")) }, timeoutSeconds: timeoutSeconds)
    }

    @Test func onlyWhatFailsIsRepeatedUntilItPasses() {
        let machine = Machine()
        machine.state.withLock {
            $0.script["slow"] = [(.failed, 10), (.timedOut, 10), (.passed, 10)]
            $0.script["w"] = [(.failed, 0)]
        }
        let results = machine.run(Self.plan(["quick", "slow"], ["w"]), 60_000)
        #expect(results.map(\.name) == ["w", "quick", "slow"])
        #expect(results.map(\.outcome) == [.failed, .passed, .passed])
        #expect(machine.state.withLock { $0.order } == ["quick", "slow", "slow", "slow", "w"])
        #expect(machine.state.withLock { $0.now } == 1000 + 30 + 2 * HealthDecision.pauseMilliseconds)
    }

    @Test func withoutADeadlineEachIsDoneOnce() {
        let machine = Machine()
        machine.state.withLock { $0.script["a"] = [(.failed, 0), (.passed, 0)] }
        #expect(machine.run(Self.plan(["a", "b"], ["w"]), nil).map(\.outcome) == [.passed, .failed, .passed])
        #expect(machine.state.withLock { $0.calls } == ["a": 1, "b": 1, "w": 1])
    }

    @Test func howItFailedIsNotLostWhenTimeIsOver() {
        let machine = Machine()
        machine.state.withLock { $0.script = ["a": [(.failed, 10)], "b": [(.timedOut, 29_000)], "c": [(.failed, 0)]] }
        let results = machine.run(Self.plan(["a", "b", "c"], []), 20_000)
        #expect(results.map(\.outcome) == [.failed, .timedOut, .notRun])
        let other = Machine()
        other.state.withLock { $0.script = ["a": [(.failed, 0), (.failed, 60_000)], "b": [(.failed, 0)]] }
        #expect(other.run(Self.plan(["a", "b"], []), 20_000).map(\.outcome) == [.timedOut, .failed])
    }

    @Test func anyMachineIsJudgedInTimeAndByItsRequiredChecksAlone() {
        var random = SeededGenerator(state: 41)
        for _ in 0..<400 {
            let machine = Machine()
            let required = (0..<Int.random(in: 0...4, using: &random)).map { "r\($0)" }
            let wanted = (0..<Int.random(in: 0...4, using: &random)).map { "w\($0)" }
            machine.state.withLock { state in
                for name in required + wanted {
                    state.script[name] = (0...3).map { _ in
                        let outcome: CheckResult.Outcome = Bool.random(using: &random) ? .passed : .failed
                        return (outcome, [0, 5, 900, 31_000].randomElement(using: &random) ?? 0)
                    }
                }
            }
            let plan = Self.plan(required, wanted, timeoutSeconds: Int.random(in: 1...60, using: &random))
            let deadline = 1000 + plan.timeoutSeconds * 1000
            let results = machine.run(plan, deadline)
            #expect(results.map(\.name) == plan.checks.map(\.name))
            let (now, script, calls) = machine.state.withLock { ($0.now, $0.script, $0.calls) }
            #expect(now <= deadline + plan.timeoutSeconds * 1000)
            #expect(wanted.allSatisfy { calls[$0, default: 0] <= 1 })
            let report = HealthReport(generation: 1, boot: "", time: 0, checks: results, baseline: nil)
            let passed = required.allSatisfy { name in
                let steps = script[name] ?? []
                let calls = calls[name, default: 0]
                return calls > 0 && steps[min(calls, steps.count) - 1].outcome == .passed
                    && results.first { $0.name == name }?.outcome == .passed
            }
            #expect(report.isHealthy == passed)
        }
    }
}
