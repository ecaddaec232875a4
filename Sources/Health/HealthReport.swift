public import BlueprintModel
internal import LinuxSystem

/// A report that cannot be kept or read.
public struct HealthError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file.
    public let path: String
    /// What is wrong.
    public let reason: String

    /// `path: reason`.
    public var description: String { "\(path): \(reason)" }
}

/// What was found out about a generation on this machine.
public struct HealthReport: Sendable, Equatable {
    /// The number of the generation.
    public var generation: UInt64
    /// The kernel's id of the boot.
    public var boot: String
    /// Seconds since 1970, as the machine's clock had it.
    public var time: Int
    /// The generation that it was compared with; nil if there was no report of it.
    public var baseline: UInt64?
    /// What became of the checks.
    public var checks: [CheckResult]
    /// What was passed over, and why.
    public var notices: [String]

    /// A report of these results, compared with those of another report.
    public init(
        generation: UInt64, boot: String, time: Int, checks: [CheckResult], baseline: HealthReport?,
        notices: [String] = []
    ) {
        self.generation = generation
        self.boot = boot
        self.time = time
        self.baseline = baseline?.generation
        self.notices = notices
        self.checks = checks.map { check in
            var check = check
            check.comparison = check.comparison(with: baseline?.checks.first { $0.isSameCheck(as: check) })
            return check
        }
    }

    /// Whether all required checks have passed: the verdict on the generation.
    public var isHealthy: Bool { checks.allSatisfy { $0.importance == .wanted || $0.outcome == .passed } }
}

// MARK: - Directory

extension HealthReport {
    /// Where a machine keeps its reports.
    public static let directory = "/var/lib/pisces/health"

    /// How many reports are kept.
    static let keptCount = 8
    /// No report is larger.
    private static let limitBytes = 8 << 20

    private static func path(_ generation: UInt64, _ directory: String) -> String { "\(directory)/\(generation).json" }

    /// Keeps the report, whole and durable or not at all, in place of an older one of the same generation. The newest
    /// eight generations' reports stay, and the one this was compared with; older ones go.
    public func save(in directory: String = HealthReport.directory) throws(HealthError) {
        let path = Self.path(generation, directory)
        do throws(SystemError) {
            try makeDirectories(directory)
            try AtomicFile.write(Array(json.pretty.utf8), to: path, mode: 0o600)
            let names = try Descriptor.directory(directory).entries()
            let generations = names.compactMap { name in
                UInt64(name.dropLast(".json".count)).flatMap { "\($0).json" == name ? $0 : nil }
            }
            let kept = Set(generations.sorted(by: >).prefix(Self.keptCount) + [generation, baseline ?? generation])
            for number in generations where !kept.contains(number) { try removeTree(Self.path(number, directory)) }
        } catch { throw HealthError(path: path, reason: "\(error)") }
    }

    /// The report of a generation; nil if there is none.
    public static func load(
        _ generation: UInt64, from directory: String = HealthReport.directory
    ) throws(HealthError) -> HealthReport? {
        let path = path(generation, directory)
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Descriptor.open(path).readToEnd(limit: limitBytes)
        } catch  where error.isNotFound { return nil } catch { throw HealthError(path: path, reason: "\(error)") }
        let report = try HealthReport(parsing: bytes, file: path)
        guard report.generation == generation else {
            throw HealthError(path: path, reason: "it is a report of generation \(report.generation)")
        }
        return report
    }
}

// MARK: - JSON

extension HealthReport {
    private static let version = 1

    /// The report as JSON; `healthy` is there for others, and follows from the rest.
    public var json: JSONValue {
        var members: [String: JSONValue] = [
            "version": .integer(Self.version), "generation": .integer(Int(clamping: generation)), "boot": .string(boot),
            "time": .integer(time), "healthy": .bool(isHealthy), "checks": .array(checks.map(\.json)),
            "notices": .array(notices.map(JSONValue.string)),
        ]
        members["baseline"] = baseline.map { .integer(Int(clamping: $0)) }
        return .object(members)
    }

    /// Reads a report.
    /// - Parameter file: what errors call it.
    public init(parsing bytes: [UInt8], file: String) throws(HealthError) {
        let value: JSONValue
        do throws(DocumentError) { value = try JSONValue(parsing: bytes, file: file) } catch {
            throw HealthError(path: file, reason: "it is damaged: \(error)")
        }
        guard value["version"]?.integer == Self.version else {
            throw HealthError(path: file, reason: "it is no health report of version \(Self.version)")
        }
        let checks = value["checks"]?.array?.map(CheckResult.init(json:)) ?? [nil]
        let notices = value["notices"]?.array?.map(\.string) ?? [nil]
        guard let generation = value["generation"]?.integer.flatMap({ UInt64(exactly: $0) }),
            let boot = value["boot"]?.string, let time = value["time"]?.integer, !checks.contains(nil),
            !notices.contains(nil)
        else { throw HealthError(path: file, reason: "it is damaged: not all that a report has is there") }
        self.generation = generation
        self.boot = boot
        self.time = time
        baseline = value["baseline"]?.integer.flatMap { UInt64(exactly: $0) }
        self.checks = checks.compactMap { $0 }
        self.notices = notices.compactMap { $0 }
    }
}

extension CheckResult {
    fileprivate var json: JSONValue {
        var members: [String: JSONValue] = [
            "importance": .string(importance.rawValue), "source": .string(source.rawValue), "name": .string(name),
            "result": .string(outcome.rawValue), "milliseconds": .integer(milliseconds),
            "comparison": .string(comparison.rawValue),
        ]
        if !detail.isEmpty { members["detail"] = .string(detail) }
        if !output.isEmpty { members["output"] = .string(output) }
        if !failedUnits.isEmpty { members["failed-units"] = .array(failedUnits.map(JSONValue.string)) }
        return .object(members)
    }

    fileprivate init?(json value: JSONValue) {
        let units = value["failed-units"].map { $0.array?.map(\.string) ?? [nil] } ?? []
        guard let importance = value["importance"]?.string.flatMap(HealthCheck.Importance.init),
            let source = value["source"]?.string.flatMap(HealthCheck.Source.init), let name = value["name"]?.string,
            let outcome = value["result"]?.string.flatMap(Outcome.init), !units.contains(nil),
            let comparison = value["comparison"]?.string.flatMap(Comparison.init),
            let milliseconds = value["milliseconds"]?.integer
        else { return nil }
        self.init(importance, source, name, outcome, value["detail"]?.string ?? "")
        self.milliseconds = milliseconds
        output = value["output"]?.string ?? ""
        failedUnits = units.compactMap { $0 }
        self.comparison = comparison
    }
}
