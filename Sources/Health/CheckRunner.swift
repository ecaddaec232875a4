internal import LinuxSystem

/// Does one check on this machine.
struct CheckRunner: Sendable {
    /// The program that asks systemd.
    let systemctl: String

    /// How much of systemd's list is read: some hundred units.
    private static let listBytes = 64 << 10

    func callAsFunction(_ check: HealthCheck, limitMilliseconds: Int) -> CheckResult {
        if case .refused(let reason) = check.action { return CheckResult(of: check, .refused, reason) }
        var process = CheckProcess(command(for: check.action), limitMilliseconds: limitMilliseconds)
        if case .failedUnits = check.action { process.tailBytes = Self.listBytes }
        let start = monotonicMilliseconds()
        let (end, output) = process.run()
        var result = result(of: check, end, limitMilliseconds)
        if case .failedUnits = check.action, result.outcome == .passed {
            let isWhole = output.count < Self.listBytes
            result.failedUnits = Self.units(in: isWhole ? output[...] : output.drop { $0 != UInt8(ascii: "\n") })
            if !result.failedUnits.isEmpty {
                result.outcome = .failed
                result.detail = "failed: " + result.failedUnits.map(printable).joined(separator: ", ")
            }
        } else {
            result.output = String(decoding: output, as: UTF8.self)
        }
        result.milliseconds = monotonicMilliseconds() - start
        return result
    }

    private func command(for action: HealthCheck.Action) -> Command {
        switch action {
        case .unit(let name): Command(systemctl, ["is-active", "--", name])
        case .command(let text): Command("/bin/sh", ["-c", text])
        case .script(let path): Command(path)
        case .writing(let directory):
            // A program, though it is little: what a broken disk stops must be another process.
            Command(
                "/bin/sh",
                ["-c", #"f=$0/.health-$$ && echo >"$f" && sync "$f" && rm "$f" || { rm -f "$f"; exit 1; }"#, directory])
        case .failedUnits: Command(systemctl, ["list-units", "--failed", "--plain", "--no-legend"])
        case .refused: Command("/bin/false")
        }
    }

    private func result(of check: HealthCheck, _ end: CheckProcess.End, _ limitMilliseconds: Int) -> CheckResult {
        switch end {
        case .exited(.exited(0)): CheckResult(of: check, .passed)
        case .exited(.exited): CheckResult(of: check, .failed, Self.reason(check.action, end))
        case .exited(let status): CheckResult(of: check, .failed, "\(status)")
        case .timedOut:
            CheckResult(of: check, .timedOut, "it did not end within \(Self.text(limitMilliseconds)), and was killed")
        case .notStarted(let reason): CheckResult(of: check, .failed, reason)
        }
    }

    private static func reason(_ action: HealthCheck.Action, _ end: CheckProcess.End) -> String {
        guard case .exited(let status) = end else { return "" }
        return switch action {
        case .unit(let name): "\(name) is not active"
        case .writing(let directory): "nothing can be written to \(directory)"
        default: "\(status)"
        }
    }

    private static func text(_ milliseconds: Int) -> String {
        milliseconds < 1000 ? "\(milliseconds) ms" : "\(milliseconds / 1000) s"
    }

    /// The first words of the lines: `systemctl list-units --plain` puts the unit there.
    static func units(in list: some Collection<UInt8>) -> [String] {
        let names = list.split(separator: UInt8(ascii: "\n")).compactMap { line in
            line.split(separator: UInt8(ascii: " ")).first.map { String(decoding: $0, as: UTF8.self) }
        }
        return Set(names).sorted(by: bytesPrecede)
    }
}
