public import BlueprintModel
public import Debian
public import LinuxSystem

/// The universal copier: reads a Debian system and writes down what it is, so that the constructor can make it again.
///
/// It inspects the system itself. A blueprint that a constructed system carries is never read: what somebody changed
/// since would be missing.
public struct Copier: Sendable {
    /// Whose copy it is.
    public enum Identity: Sendable {
        /// The same machine's: for its other slot.
        case same
        /// Another machine's: what makes a machine itself is not taken along.
        case offspring
    }

    /// Gives the blueprint's files, in view of the system, of all other kinds and of the paths that they explain.
    public typealias FilesReader =
        @Sendable (SourceRoot, Blueprint, inout CopyReport) throws -> [String: Blueprint.File]

    /// The root of the system.
    let root: SourceRoot
    /// Whose copy it is.
    public var identity = Identity.same
    /// The blueprint's name; nil takes the host's.
    public var name: String?
    /// Whether the root is that of the running system, so that `/proc` tells of it.
    public var isRunning = false
    /// The kernel's command line, where it is known from elsewhere: an image has it outside of its root.
    public var commandLine: String?
    /// Runs podman and docker, which tell of the containers that their commands made on the running system.
    public var tools: ToolRunner = runTool
    /// What a blueprint that names no mirror means; nil writes every mirror down.
    public var hostMirror: HostMirror?
    /// Makes the keyed hashes of secrets, as far as this copy has any; nil makes none.
    public var hasher: SecretHasher?
    /// Whether secrets have keyed hashes; an offspring's never do, since the key is another machine's.
    public var hasKeyedHashes = true
    /// Reads the kind `files`; by default there are none.
    public var files: FilesReader = { _, _, _ in [:] }

    /// A copier of the system below a root.
    public init(_ root: SourceRoot) { self.root = root }

    /// Reads the system.
    ///
    /// - Throws: ``CopyError`` where the root is no Debian system or its registers cannot be understood, and errors of
    ///   the system where they cannot be read.
    public func copy() throws -> SystemCopy {
        var reading = Reading(root: root, identity: identity, isRunning: isRunning)
        reading.knownCommandLine = commandLine
        reading.hasher = hasher
        let packages = try reading.installedPackages()
        var blueprint = Blueprint(name: "", distribution: try reading.distribution(packages))
        try reading.readPackages(packages, into: &blueprint)
        try reading.readAlternatives(into: &blueprint)
        reading.readDiversions(into: &blueprint)
        try reading.readDebconf(packages, into: &blueprint)
        try reading.readRepositories(packages, hostMirror: hostMirror, into: &blueprint)
        try reading.readLocale(into: &blueprint)
        try reading.readTime(into: &blueprint)
        try reading.readKernel(into: &blueprint)
        try reading.readHealth(into: &blueprint)
        // The name comes from the host's.
        try reading.readNetwork(named: name, into: &blueprint)
        reading.readMounts(into: &blueprint)
        let accounts = try reading.readUsers(into: &blueprint)
        try reading.readContainers(into: &blueprint)
        try reading.readMadeContainers(tools, into: &blueprint)
        try reading.readUnits(packages, into: &blueprint)
        try reading.readImage(into: &blueprint)
        reading.readStatOverrides(into: &blueprint)
        try reading.reportOthers()
        blueprint.files = try files(root, blueprint, &reading.report)
        if identity == .offspring || !hasKeyedHashes {
            blueprint = blueprint.withoutKeyedHashes
        } else if hasher == nil {
            reading.report.noteMissingKey()
        }
        return SystemCopy(
            blueprint: blueprint, report: reading.report, accounts: accounts,
            installed: packages.packages.map {
                .init(name: $0.name, architecture: $0.control["Architecture"] ?? "", isManual: !$0.isAutomatic)
            }, units: reading.enabledUnits, holding: reading.holding)
    }
}

/// What the copier made of a system.
public struct SystemCopy: Sendable {
    /// The system.
    public var blueprint: Blueprint
    /// What is not in the blueprint.
    public var report: CopyReport
    /// The numbers of the accounts that the blueprint gives none, for the lock: files on the data partition belong to
    /// them.
    public var accounts: AccountNumbers
    /// The packages whose files are there, by name.
    public var installed: [Installed]
    /// All units that are enabled.
    let units: Set<String>
    /// What dpkg's registers say, whoever wrote it.
    let holding: Holding

    /// A package whose files are there.
    public struct Installed: Sendable, Equatable {
        /// Its name.
        public var name: String
        /// Its architecture, or `all`.
        public var architecture: String
        /// Whether somebody asked for it (apt-mark(8)).
        public var isManual: Bool

        /// Makes a package.
        public init(name: String, architecture: String, isManual: Bool) {
            (self.name, self.architecture, self.isManual) = (name, architecture, isManual)
        }
    }

    /// The names of all installed packages.
    var packages: Set<String> { Set(installed.map(\.name)) }
}

/// What dpkg's registers say, also where nobody need write it down.
struct Holding: Sendable {
    /// The packages that are held.
    var packages: Set<String> = []
    /// What the links of update-alternatives lead to, by name.
    var choices: [String: String] = [:]
    /// Answers to questions of debconf, by question.
    var answers: [String: String] = [:]
    /// Owners and modes by path.
    var overrides: [String: Blueprint.StatOverride] = [:]
}

/// The numbers of users and groups that nobody chose, by name.
public struct AccountNumbers: Sendable, Equatable {
    /// Of users.
    public var users: [String: UInt32] = [:]
    /// Of groups.
    public var groups: [String: UInt32] = [:]
}
