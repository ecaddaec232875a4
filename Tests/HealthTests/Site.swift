import Glibc
import LinuxSystem
import PiscesTesting

@testable import Health

/// A directory that stands for a machine.
final class Site: Sendable {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory(prefix: "pisces-health-") }

    var path: String { directory.path }

    var roots: HealthRoots {
        var roots = HealthRoots()
        roots.blueprint = "\(path)/health.json"
        roots.site = "\(path)/etc"
        roots.state = path
        roots.systemctl = "\(path)/systemctl"
        return roots
    }

    func write(_ text: String, to name: String, mode: UInt32 = 0o644) throws {
        try makeDirectories(parentDirectory(of: "\(path)/\(name)"))
        try AtomicFile.write(Array(text.utf8), to: "\(path)/\(name)", mode: mode)
    }

    func script(_ text: String, _ name: String) throws { try write("#!/bin/sh\n\(text)\n", to: name, mode: 0o755) }

    func read(_ name: String) throws -> String {
        String(decoding: try Descriptor.open("\(path)/\(name)").readToEnd(), as: UTF8.self)
    }

    func exists(_ name: String) -> Bool { access("\(path)/\(name)", F_OK) == 0 }

    /// Does one check, for at most so long.
    func run(_ action: HealthCheck.Action, limitMilliseconds: Int = 60_000) -> CheckResult {
        let runner = CheckRunner(systemctl: roots.systemctl)
        return runner(HealthCheck(.required, .site, "x", action), limitMilliseconds: limitMilliseconds)
    }
}

/// A result of a made-up check.
func result(
    _ name: String, _ outcome: CheckResult.Outcome, _ importance: HealthCheck.Importance = .required,
    units: [String] = []
) -> CheckResult {
    var result = CheckResult(importance, .blueprint, name, outcome, "")
    result.failedUnits = units
    return result
}
