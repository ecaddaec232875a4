/// What is to be resolved, and from where.
public struct PlanRequest: Sendable, Equatable {
    /// A repository besides Debian's own.
    public struct Repository: Sendable, Equatable {
        /// What errors and the lock call it.
        public var name: String
        /// As in sources.list(5).
        public var uri: String
        /// As in sources.list(5).
        public var suites: [String]
        /// As in sources.list(5).
        public var components: [String]
        /// The file with the keys that may sign it.
        public var keyring: String

        /// Makes a repository.
        public init(name: String, uri: String, suites: [String], components: [String], keyring: String) {
            self.name = name
            self.uri = uri
            self.suites = suites
            self.components = components
            self.keyring = keyring
        }
    }

    /// A local directory with package files.
    public struct Directory: Sendable, Equatable {
        /// What errors and the lock call it.
        public var name: String
        /// An absolute path; the files in it that end in `.deb` count.
        public var path: String

        /// Makes a directory.
        public init(name: String, path: String) {
            self.name = name
            self.path = path
        }
    }

    /// Debian's release, for example `trixie`: its `-updates` and `-security` come with it.
    public var suite: String
    /// Debian's name of the architecture.
    public var architecture: String
    /// The URI of Debian's archive.
    public var mirror: String
    /// The URI of Debian's security archive.
    public var securityMirror: String
    /// The file with Debian's archive keys.
    public var keyring: String
    /// Further repositories.
    public var repositories: [Repository]
    /// Directories with package files; they win over repositories with the same version.
    public var directories: [Directory]
    /// The packages a person asked for. The essential and required ones come with them.
    public var install: [String]
    /// Packages that must not come in, not even because another recommends them.
    public var without: [String]
    /// Whether recommended packages are installed.
    public var recommends: Bool
    /// Whether release files may have expired: so with a snapshot of the archive.
    public var acceptExpired: Bool

    /// Makes a request.
    public init(
        suite: String, architecture: String, mirror: String, securityMirror: String,
        keyring: String = "/usr/share/keyrings/debian-archive-keyring.gpg", repositories: [Repository] = [],
        directories: [Directory] = [], install: [String], without: [String] = [], recommends: Bool = false,
        acceptExpired: Bool = false
    ) {
        self.suite = suite
        self.architecture = architecture
        self.mirror = mirror
        self.securityMirror = securityMirror
        self.keyring = keyring
        self.repositories = repositories
        self.directories = directories
        self.install = install
        self.without = without
        self.recommends = recommends
        self.acceptExpired = acceptExpired
    }
}

/// What a request resolved to.
public struct Plan: Sendable, Equatable {
    /// The release files, by name.
    public var releases: [LockedRelease]
    /// The packages, by name.
    public var packages: [LockedPackage]
}
