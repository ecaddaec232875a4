internal import LinuxSystem

/// A hook that forbids what was about to happen.
public struct HookError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The executable.
    public let path: String
    /// How it ended: `exit status 1`.
    public let status: String
    /// The last lines of what it wrote.
    public let output: String

    /// What happened, then the last lines of what the hook wrote, indented.
    public var description: String {
        let lines = output.split(whereSeparator: \.isNewline).suffix(20).map { "  \(printable($0))" }
        return (["\(path): \(status)"] + lines).joined(separator: "\n")
    }
}

/// This machine's own programs at the turning points of an upgrade: executables in `POINT.d`, run in byte order.
///
/// Each learns from its environment where it is: PISCES_POINT, PISCES_GENERATION, PISCES_SLOT and PISCES_NAME.
public struct Hooks: Sendable {
    /// A turning point.
    public enum Point: String, Sendable, CaseIterable {
        /// Before anything is written to the passive slot.
        case upgradeBefore = "upgrade-before"
        /// The generation is written and proven.
        case upgradeAfter = "upgrade-after"
        /// Before the next start is given to the generation.
        case flipBefore = "flip-before"
        /// The next start boots the generation.
        case flipAfter = "flip-after"
        /// The generation runs, and its required checks have passed.
        case healthy
        /// The generation runs, and its required checks have not passed.
        case unhealthy
        /// The generation is the one to fall back to.
        case commitAfter = "commit-after"
        /// Before the machine goes back to the other generation.
        case rollbackBefore = "rollback-before"

        /// Whether a hook that fails here forbids what is about to happen.
        public var isBefore: Bool { rawValue.hasSuffix("-before") }
    }

    /// What a hook is told.
    public struct Context: Sendable {
        /// The generation that it is about.
        public var generation: UInt64
        /// The slot of that generation, `a` or `b`.
        public var slot: String
        /// The name of that generation's system.
        public var name: String

        /// Describes a generation.
        public init(generation: UInt64, slot: String, name: String) {
            self.generation = generation
            self.slot = slot
            self.name = name
        }
    }

    /// The directory of the points.
    public let root: String

    /// How long one hook may take.
    static let limitMilliseconds = 60_000
    var limitMilliseconds = Hooks.limitMilliseconds

    /// The hooks below a directory, which need not be there.
    public init(root: String = "/etc/pisces/hooks.d") { self.root = root }

    /// Runs the hooks of a point. The first one that fails at a point before something ends it; elsewhere all are run.
    /// - Returns: what went wrong and forbids nothing, and what was passed over, for people.
    public func run(_ point: Point, _ context: Context) throws(HookError) -> [String] {
        let directory = ScriptDirectory(path: "\(root)/\(point.rawValue).d")
        var warnings = directory.notices
        if let failure = directory.failure {
            if point.isBefore { throw HookError(path: directory.path, status: failure, output: "") }
            warnings.append(failure)
        }
        for name in directory.names {
            do throws(HookError) {
                try run("\(directory.path)/\(name)", point, context)
            } catch {
                if point.isBefore { throw error }
                warnings.append("\(error)")
            }
        }
        return warnings
    }

    private func run(_ path: String, _ point: Point, _ context: Context) throws(HookError) {
        var command = Command(path)
        command.environment["PISCES_POINT"] = point.rawValue
        command.environment["PISCES_GENERATION"] = "\(context.generation)"
        command.environment["PISCES_SLOT"] = context.slot
        command.environment["PISCES_NAME"] = context.name
        let (end, output) = CheckProcess(command, limitMilliseconds: limitMilliseconds).run()
        let status: String
        switch end {
        case .exited(.exited(0)): return
        case .exited(let ended): status = "\(ended)"
        case .timedOut: status = "it did not end within \(limitMilliseconds / 1000) s, and was killed"
        case .notStarted(let reason): status = reason
        }
        throw HookError(path: path, status: status, output: String(decoding: output, as: UTF8.self))
    }
}
