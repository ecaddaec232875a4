/// One thing that a running machine is held to.
public struct HealthCheck: Sendable, Equatable {
    /// What follows if it does not pass.
    public enum Importance: String, Sendable, CaseIterable {
        /// A new generation is taken back.
        case required
        /// It is told of, beside what the generation before had there.
        case wanted
    }

    /// Who asks for it.
    public enum Source: String, Sendable, CaseIterable {
        /// Every machine makes it.
        case builtIn = "built-in"
        /// The blueprint, by `health:`.
        case blueprint
        /// This machine's `/etc/pisces/health`.
        case site
    }

    /// What is done.
    public enum Action: Sendable, Hashable {
        /// Asks systemd whether the unit is active.
        case unit(String)
        /// Runs a command with sh(1).
        case command(String)
        /// Runs an executable.
        case script(path: String)
        /// Makes a file in the directory, durably, and removes it.
        case writing(directory: String)
        /// Asks systemd which units have failed.
        case failedUnits
        /// Nothing: the plan is broken, for this reason, and that is a failure.
        case refused(String)
    }

    /// What follows if it does not pass.
    public var importance: Importance
    /// Who asks for it.
    public var source: Source
    /// Its name; with importance and source the only one.
    public var name: String
    /// What is done.
    public var action: Action
    /// Seconds after which it has failed.
    public var timeoutSeconds: Int

    /// Describes a check.
    public init(_ importance: Importance, _ source: Source, _ name: String, _ action: Action, timeoutSeconds: Int = 30)
    {
        self.importance = importance
        self.source = source
        self.name = name
        self.action = action
        self.timeoutSeconds = timeoutSeconds
    }
}
