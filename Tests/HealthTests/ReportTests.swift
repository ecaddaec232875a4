import BlueprintModel
import LinuxSystem
import PiscesTesting
import Testing

@testable import Health

@Suite struct ReportTests {
    private static func report(
        _ generation: UInt64 = 7, _ checks: [CheckResult] = [], baseline: HealthReport? = nil, notices: [String] = []
    ) -> HealthReport {
        HealthReport(generation: generation, boot: "b-1", time: 5, checks: checks, baseline: baseline, notices: notices)
    }

    @Test func aReportIsReadBack() throws {
        var random = SeededGenerator(state: 47)
        let texts = ["", "é\u{FFFD}\0\n\t\"\\\u{1B}[31m", "plain"]
        for _ in 0..<200 {
            var report = Self.report(
                random.next() >> 1, baseline: Bool.random(using: &random) ? Self.report(3) : nil, notices: texts)
            for _ in 0..<random.next() % 4 {
                var check = result(
                    texts[Int(random.next() % 3)],
                    CheckResult.Outcome.allCases.randomElement(using: &random) ?? .passed,
                    HealthCheck.Importance.allCases.randomElement(using: &random) ?? .wanted,
                    units: Array(texts.prefix(Int(random.next() % 3))))
                check.source = HealthCheck.Source.allCases.randomElement(using: &random) ?? .site
                check.comparison = CheckResult.Comparison.allCases.randomElement(using: &random) ?? .new
                check.detail = texts[Int(random.next() % 3)]
                check.output = texts[Int(random.next() % 3)]
                check.milliseconds = Int(random.next() >> 2)
                report.checks.append(check)
            }
            #expect(try HealthReport(parsing: report.json.canonicalBytes, file: "x") == report)
            #expect(report.json["healthy"]?.bool == report.isHealthy)
        }
    }

    @Test func aGenerationIsHealthyWhereAllRequiredChecksPassed() {
        #expect(Self.report().isHealthy)
        #expect(Self.report(7, [result("a", .passed), result("w", .failed, .wanted)]).isHealthy)
        for outcome in CheckResult.Outcome.allCases where outcome != .passed {
            #expect(!Self.report(7, [result("a", .passed), result("b", outcome)]).isHealthy)
        }
    }

    @Test func eachCheckIsComparedWithTheSameOneBefore() {
        let before = Self.report(
            6,
            [
                result("same", .passed), result("worse", .passed), result("better", .failed), result("both", .failed),
                result("late", .failed), result("w", .failed, .wanted), result("s", .failed),
            ])
        let now = Self.report(
            7,
            [
                result("same", .passed), result("worse", .failed), result("better", .passed), result("both", .failed),
                result("late", .timedOut), result("w", .passed), result("n", .failed), result("s", .passed, .wanted),
            ], baseline: before)
        #expect(now.baseline == 6)
        #expect(now.checks.map(\.comparison) == [.same, .worse, .better, .same, .same, .new, .new, .new])
        #expect(Self.report(7, now.checks).checks.allSatisfy { $0.comparison == .new })
        // A check of another source is another check.
        var other = result("same", .failed)
        other.source = .site
        #expect(Self.report(7, [other], baseline: before).checks[0].comparison == .new)
    }

    @Test(arguments: [
        (["a"], ["a"], CheckResult.Comparison.same), (["a"], ["a", "b"], .worse), (["a", "b"], ["a"], .better),
        (["a"], ["b"], .worse), (["a"], [], .better), ([], ["a"], .worse), ([], [], .same),
        (["a", "b"], ["b", "c"], .worse),
    ])
    func failedUnitsAreComparedUnitByUnit(before: [String], now: [String], comparison: CheckResult.Comparison) {
        func units(_ names: [String]) -> CheckResult {
            result("units", names.isEmpty ? .passed : .failed, .wanted, units: names)
        }
        #expect(units(now).comparison(with: units(before)) == comparison)
    }

    // MARK: - Directory

    @Test func aReportIsKeptAndTheOldestGo() throws {
        let site = try Site()
        let directory = "\(site.path)/a/health"
        try site.write("", to: "a/health/note.json")
        try site.write("", to: "a/health/007.json")
        for generation in [2, 1, 3] + Array(4...11) as [UInt64] {
            try Self.report(generation, baseline: Self.report(2)).save(in: directory)
            #expect(try HealthReport.load(generation, from: directory)?.generation == generation)
        }
        // The baseline is kept, however old.
        #expect(
            try Descriptor.directory(directory).entries() == [
                "007.json", "10.json", "11.json", "2.json", "4.json", "5.json", "6.json", "7.json", "8.json", "9.json",
                "note.json",
            ])
        // A machine that goes back keeps what it has just learnt.
        try Self.report(1).save(in: directory)
        #expect(try HealthReport.load(1, from: directory) != nil)
        #expect(try HealthReport.load(2, from: directory) == nil)
        try Self.report(11, notices: ["again"]).save(in: directory)
        #expect(try HealthReport.load(11, from: directory)?.notices == ["again"])
    }

    @Test func whereNothingCanBeKeptAnErrorNamesTheFile() throws {
        let site = try Site()
        try site.write("", to: "file")
        #expect(throws: HealthError.self) { try Self.report().save(in: "\(site.path)/file/health") }
        #expect(throws: HealthError.self) { try HealthReport.load(1, from: "\(site.path)/file") }
    }

    @Test func noReportIsNoError() throws {
        let site = try Site()
        #expect(try HealthReport.load(1, from: site.path) == nil)
        #expect(try HealthReport.load(1, from: "\(site.path)/gone") == nil)
    }

    @Test func aForeignOrDamagedReportIsNamed() throws {
        let site = try Site()
        let good = Self.report(5, [result("a", .passed)]).json.canonical
        #expect(good.contains(#""version":1"#))
        for (text, reason) in [
            ("", "damaged"), ("{", "damaged"), ("[]", "no health report"), ("{}", "no health report"),
            (good.replacing(#""version":1"#, with: #""version":2"#), "no health report"),
            (good.replacing(#""generation":5"#, with: #""generation":6"#), "generation 6"),
            (good.replacing(#""generation":5"#, with: #""generation":-5"#), "damaged"),
            (good.replacing("passed", with: "well"), "damaged"), (good.replacing("required", with: "nice"), "damaged"),
            (good.replacing(#""notices":[]"#, with: #""notices":[1]"#), "damaged"),
            (good.replacing(#""notices":[]"#, with: #""notices":{}"#), "damaged"),
            (good.replacing(#""name":"a""#, with: #""failed-units":[1],"name":"a""#), "damaged"),
            (good.replacing(#""name":"a""#, with: #""failed-units":1,"name":"a""#), "damaged"),
        ] {
            #expect(text != good)
            try site.write(text, to: "5.json")
            do {
                _ = try HealthReport.load(5, from: site.path)
                Issue.record("read: \(text)")
            } catch {
                #expect(error.path == "\(site.path)/5.json" && error.reason.contains(reason), "\(error)")
            }
        }
        try site.write(good, to: "5.json")
        #expect(try HealthReport.load(5, from: site.path)?.generation == 5)
    }

    @Test func damagedReportsNeverTrap() {
        let whole = Self.report(
            5, [result("a", .failed, units: ["x.service"])], baseline: Self.report(4), notices: ["n"]
        )
        .json.canonicalBytes
        var random = SeededGenerator(state: 53)
        var refused = 0
        for _ in 0..<500 {
            var bytes = whole
            for _ in 0...random.next() % 3 {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                if Bool.random(using: &random) {
                    bytes[place] = UInt8.random(in: 0...255, using: &random)
                } else {
                    bytes.removeSubrange(place..<min(place + 9, bytes.count))
                }
            }
            refused += (try? HealthReport(parsing: bytes, file: "x")) == nil ? 1 : 0
        }
        #expect((250..<500).contains(refused))
    }
}
