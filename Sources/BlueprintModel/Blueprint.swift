/// One whole operating system as a person would describe it: pure values, every default filled in, nothing resolved.
///
/// The kinds of resources are nested here, one file each, named the same on every floor of the house.
public struct Blueprint: Sendable, Equatable {
    /// The version of the format that this code reads and writes: the value of the key `blueprint`.
    public static let formatVersion = 1

    /// Lower-case letters, digits and dashes.
    public var name: String
    /// Which Debian, for which machine.
    public var distribution: Distribution
    /// Which packages are wanted.
    public var packages = Packages()
    /// Package sources beside Debian's own, by name.
    public var repositories: [String: Repository] = [:]
    /// Users, by login name.
    public var users: [String: User] = [:]
    /// Groups, by name.
    public var groups: [String: Group] = [:]
    /// What systemd starts.
    public var units = Units()
    /// Files, symbolic links and directories, by absolute path.
    public var files: [String: File] = [:]
    /// Host name and links.
    public var network = Network()
    /// Language and keyboard.
    public var locale = Locale()
    /// Zone and clock.
    public var time = Time()
    /// Command line, modules and parameters.
    public var kernel = Kernel()
    /// How the disk image is made.
    public var image = Image()

    /// A blueprint of which all but name and distribution are defaults.
    public init(name: String, distribution: Distribution = Distribution()) {
        self.name = name
        self.distribution = distribution
    }
}

extension Blueprint {
    /// Which Debian, for which machine, fetched from where.
    public struct Distribution: Sendable, Equatable {
        /// Debian's release.
        public var debian: Release
        /// The machine's architecture in Debian's words.
        public var architecture: Architecture
        /// URI of the archive; nil means the one that the build host's own apt uses.
        public var mirror: String?
        /// URI of the security archive; nil means the one that the build host's own apt uses.
        public var securityMirror: String?

        /// Debian's own archives for one release and architecture.
        public init(debian: Release = .trixie, architecture: Architecture = .amd64) {
            self.debian = debian
            self.architecture = architecture
        }
    }

    /// A release of Debian, by code name.
    public enum Release: String, Sendable, CaseIterable {
        /// Debian 12.
        case bookworm
        /// Debian 13.
        case trixie
    }

    /// A machine architecture, by Debian's name for it.
    public enum Architecture: String, Sendable, CaseIterable {
        /// 64-bit x86.
        case amd64
        /// 64-bit Arm.
        case arm64
    }
}
