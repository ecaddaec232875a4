/// What became of a check.
public struct CheckResult: Sendable, Equatable {
    /// How it ended.
    public enum Outcome: String, Sendable, CaseIterable {
        /// All is well.
        case passed
        /// It is not, or could not be found out.
        case failed
        /// It did not end in its time, and was ended.
        case timedOut = "timed-out"
        /// There was no time left for it.
        case notRun = "not-run"
        /// It can never pass, however long one waits.
        case refused
    }

    /// What it is beside the same check of the generation before.
    public enum Comparison: String, Sendable, CaseIterable {
        /// Both passed, or neither did.
        case same
        /// It passed before.
        case worse
        /// It did not pass before.
        case better
        /// There is nothing to compare it with.
        case new
    }

    /// See ``HealthCheck/importance``.
    public var importance: HealthCheck.Importance
    /// See ``HealthCheck/source``.
    public var source: HealthCheck.Source
    /// See ``HealthCheck/name``.
    public var name: String
    /// How it ended.
    public var outcome: Outcome
    /// Why it did not pass, in a few words; empty where it did.
    public var detail: String
    /// How long it took.
    public var milliseconds = 0
    /// The last of what it wrote; what was not UTF-8 is U+FFFD.
    public var output = ""
    /// For the check `units`: the units that have failed, in byte order.
    public var failedUnits: [String] = []
    /// What it is beside the generation before.
    public var comparison = Comparison.new

    /// The result of a check.
    public init(of check: HealthCheck, _ outcome: Outcome, _ detail: String = "") {
        self.init(check.importance, check.source, check.name, outcome, detail)
    }

    init(
        _ importance: HealthCheck.Importance, _ source: HealthCheck.Source, _ name: String, _ outcome: Outcome,
        _ detail: String
    ) {
        self.importance = importance
        self.source = source
        self.name = name
        self.outcome = outcome
        self.detail = detail
    }

    /// Whether both are results of the same check.
    func isSameCheck(as other: CheckResult) -> Bool {
        importance == other.importance && source == other.source && name == other.name
    }

    /// What this is beside an earlier result of the same check; nil where there is none. Where neither passed, a unit
    /// that had not failed before makes it worse, and one that has recovered makes it better if no other has failed.
    func comparison(with old: CheckResult?) -> Comparison {
        guard let old else { return .new }
        switch (outcome == .passed, old.outcome == .passed) {
        case (true, true): return .same
        case (true, false): return .better
        case (false, true): return .worse
        case (false, false):
            let (units, before) = (Set(failedUnits), Set(old.failedUnits))
            if !units.isSubset(of: before) { return .worse }
            return units == before ? .same : .better
        }
    }
}
