import BlueprintModel
import Health

extension FuzzTarget {
    /// What is read on a machine that is to be judged.
    static let health = [healthPlan, healthReport]

    private static let healthPlan = FuzzTarget(
        "health-plan", words: [#""required":"#, #""wanted":"#, #""unit":"a.service""#, #""timeout":"5min""#],
        seeds: {
            [joined(#"{"required":{"a":{"unit":"a.service"},"b":{"command":"c","timeout":"5s"}},"timeout":"1h"}"#)]
        },
        read: { input in
            let health = try Blueprint.Health(canonical: input, file: "h")
            try expectSame("what was read is written so that it is read again", health) {
                try Blueprint.Health(canonical: health.canonicalBytes, file: "h")
            }
        })

    private static let healthReport = FuzzTarget(
        "health-report", words: [#""comparison":"worse""#, #""result":"timed-out""#, #""failed-units":["#],
        seeds: {
            let check = HealthCheck(.required, .builtIn, "state", .failedUnits)
            var result = CheckResult(of: check, .failed, "x")
            (result.failedUnits, result.output) = (["a.service"], "\u{FFFD}")
            let report = HealthReport(
                generation: 7, boot: "b", time: 5, checks: [result], baseline: nil, notices: ["n"])
            return [report.json.canonicalBytes]
        },
        read: { input in
            let report = try HealthReport(parsing: input, file: "h")
            try expectSame("what was read is written so that it is read again", report) {
                try HealthReport(parsing: report.json.canonicalBytes, file: "h")
            }
        })
}
