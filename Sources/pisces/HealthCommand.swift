import ArgumentParser
import BlueprintModel
import Controller
import Glibc
import Health
import LinuxSystem
import SlotMachine

struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Check this machine now, beside what the last good generation had.",
        discussion: """
            The checks are the blueprint's, from its key `health`, and this machine's own: executables in \
            /etc/pisces/health/required.d and wanted.d. Without --judge nothing is decided and nothing is kept.

            Exit status: 0 all required checks passed; 1 not all did.
            """)

    @Flag(
        name: .long,
        help: """
            Repeat required checks until all have passed or the blueprint's time-out is over; with --judge, wait for \
            another pisces that changes this machine.
            """)
    var wait = false

    @Flag(
        name: .long,
        help: "Keep the report, and decide: a generation on trial that is not healthy restarts the machine.")
    var judge = false

    @OptionGroup var output: OutputOptions

    func run() throws {
        let console = Console(output)
        if judge { return try decide(console) }
        let report = try Self.check(isWaiting: wait)
        console.result(output.json ? report.json.canonical : Self.text(report))
        if !report.isHealthy { throw ExitCode.failure }
    }

    /// Checks, and lets the controller know. While it checks, other commands are not kept waiting.
    private func decide(_ console: Console) throws {
        let report = try Self.check(baseline: try begin(console), isWaiting: wait)
        console.result(Self.text(report))
        var machine = try SlotCommand.open(console, isPatient: wait)
        do { try report.save() } catch { console.warning("the report cannot be kept: \(error)") }
        let notices = try machine.controller.judge(isHealthy: report.isHealthy)
        try SlotCommand.hooks(report.isHealthy ? .healthy : .unhealthy, machine.controller.seen.booted, console)
        if report.isHealthy {
            // Nothing is to restart what has proved itself.
            _ = try? Command("systemctl", ["stop", "pisces-deadline.timer"]).run(accepting: 0...255)
        } else {
            let failed = report.checks.filter { $0.importance == .required && $0.outcome != .passed }.map(\.name)
            SlotCommand.note("unhealthy", report.generation, failed.joined(separator: ", "), machine)
        }
        try SlotCommand.tell(notices, machine, console)
        if !report.isHealthy { throw ExitCode.failure }
    }

    /// Lets the trial begin, if this boot is one.
    /// - Returns: the generation that this one is compared with.
    private func begin(_ console: Console) throws -> UInt64? {
        let machine = try SlotCommand.open(console, isPatient: wait)
        let record = machine.controller.record
        return record.good.generation.number == machine.report.generation
            ? record.previous?.number ?? machine.report.generation : record.good.generation.number
    }

    /// Makes all checks of the running generation; keeps nothing.
    ///
    /// - Parameters:
    ///   - baseline: the generation to compare with; nil: the good one of this machine's record.
    ///   - isWaiting: whether required checks are repeated until the plan's time-out is over.
    /// - Throws: an error if this is no machine that Pisces constructed.
    static func check(
        baseline: UInt64? = nil, isWaiting: Bool, roots: HealthRoots = HealthRoots(),
        reports directory: String = HealthReport.directory
    ) throws -> HealthReport {
        let generation = try runningGeneration()
        let plan = HealthPlan(reading: roots)
        var notices = plan.notices
        var old: HealthReport?
        do {
            old = try HealthReport.load(try baseline ?? goodGeneration(), from: directory)
        } catch { notices.append("compared with nothing: \(error)") }
        let deadline = isWaiting ? HealthClock.machine.now() + plan.timeoutSeconds * 1000 : nil
        let checks = HealthRun(plan, roots: roots).run(untilDeadline: deadline)
        return HealthReport(
            generation: generation, boot: bootIdentifier(), time: Glibc.time(nil), checks: checks, baseline: old,
            notices: notices)
    }

    private static func runningGeneration() throws -> UInt64 {
        let path = RunningMachine.reportPath
        guard let bytes = try? Descriptor.open(path).readToEnd(limit: 64 << 10) else {
            throw Failure("\(path): there is none: this system was not booted from an image that Pisces constructed")
        }
        return try BootReport(parsing: String(decoding: bytes, as: UTF8.self)).generation
    }

    private static func goodGeneration() throws -> UInt64 {
        try RunningMachine.open(.reading).controller.record.good.generation.number
    }

    private static func bootIdentifier() -> String {
        let bytes = try? Descriptor.open("/proc/sys/kernel/random/boot_id").readToEnd(limit: 4 << 10)
        return String(decoding: (bytes ?? []).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// A line for each check, and the verdict.
    static func text(_ report: HealthReport) -> String {
        var lines = report.checks.map { check in
            let beside =
                switch check.comparison {
                case .same: check.outcome == .passed ? "" : "as before"
                case .worse: "passed before"
                case .better: "did not pass before"
                case .new: report.baseline == nil ? "" : "new"
                }
            let facts = [check.detail, beside].filter { !$0.isEmpty }.joined(separator: "; ")
            let mark = check.outcome == .passed ? "✓" : "✗"
            let name = "\(mark) \(check.name) (\(check.importance.rawValue), \(check.source.rawValue))"
            let said = check.outcome == .passed ? [] : check.output.split(whereSeparator: \.isNewline).suffix(5)
            return ([facts.isEmpty ? name : "\(name): \(facts)"] + said.map { "    \($0)" })
                .map(printable).joined(separator: "\n")
        }
        lines += report.notices.map { "! \(printable($0))" }
        let beside = report.baseline.map { ", beside generation \($0)" } ?? ""
        lines.append("generation \(report.generation) is \(report.isHealthy ? "healthy" : "not healthy")\(beside)")
        return lines.joined(separator: "\n")
    }
}
