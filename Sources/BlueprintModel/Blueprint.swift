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
    /// What the administrator chooses of update-alternatives(1): the name of a group, and a path.
    public var alternatives: [String: String] = [:]
    /// Files of packages that are elsewhere: the path that packages ship, and the path on disk.
    public var diversions: [String: String] = [:]
    /// Answers to packages' questions (debconf(7)): by package, then by question.
    public var debconf: [String: [String: String]] = [:]
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
    /// Owner and mode that a path has whatever its package says, by absolute path.
    public var statOverrides: [String: StatOverride] = [:]
    /// What is mounted beside the image's own file systems, by mount point.
    public var mounts: [String: Mount] = [:]
    /// What podman runs, by name; a name with an ending is a quadlet file's.
    public var containers: [String: Container] = [:]
    /// Host name and links.
    public var network = Network()
    /// Language and keyboard.
    public var locale = Locale()
    /// Zone and clock.
    public var time = Time()
    /// Command line, modules and parameters.
    public var kernel = Kernel()
    /// How a machine finds out whether it works.
    public var health = Health()
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

extension Blueprint {
    /// The whole document. What only matters while files are merged is checked and dropped here.
    static let codec = Codec<Blueprint>.record(
        "blueprint", Blueprint(name: ""),
        [
            Key(
                "blueprint", dropping: .integer(formatVersion...formatVersion), "The version of this format.",
                always: formatVersion),
            Key("name", \.name, .text(.name), "What this system is called.", presence: .required),
            Key(
                "include", dropping: .list(.text(.relativePath)),
                "Blueprints that this one builds on, relative to this file; a later one goes before an earlier one."),
            Key(
                "distribution", \.distribution, Distribution.codec, "Which Debian, for which machine.",
                presence: .required),
            Key("packages", \.packages, Packages.codec, "Which packages are wanted; a plain list means `install`."),
            Key(
                "alternatives", \.alternatives, alternativesCodec,
                "What is chosen by hand where several packages offer the same: the path, by the name of the group."),
            Key(
                "diversions", \.diversions, diversionsCodec,
                "Files of packages that are to be elsewhere: the new path, by the one that packages ship."),
            Key(
                "debconf", \.debconf, debconfCodec,
                "Answers to packages' questions, before these are configured: by package, then by question."),
            Key(
                "repositories", \.repositories, .map(.name, Repository.codec),
                "Package sources beside Debian's own, by name."),
            Key("users", \.users, .map(.userName, User.codec), "User accounts, by login name."),
            Key("groups", \.groups, .map(.userName, Group.codec), "Groups, by name."),
            Key("units", \.units, Units.codec, "What systemd starts, and what it must not."),
            Key(
                "files", \.files, .map(.absolutePath, File.codec),
                "Files, symbolic links and directories, by absolute path."),
            Key(
                "stat-overrides", \.statOverrides, .map(.absolutePath, StatOverride.codec),
                "Owner and mode that a path has whatever its package says, by absolute path."),
            Key(
                "mounts", \.mounts, .map(.absolutePath, Mount.codec),
                "What is mounted beside the image's own file systems, by mount point."),
            Key(
                "containers", \.containers, .map(.containerName, Container.codec),
                "Containers and other quadlets, by name; their images are in the system from the first boot on."),
            Key("network", \.network, Network.codec, "Host name and network links."),
            Key("locale", \.locale, Locale.codec, "Language and keyboard."),
            Key("time", \.time, Time.codec, "Time zone and clock."),
            Key("kernel", \.kernel, Kernel.codec, "Command line, modules and parameters of the kernel."),
            Key("health", \.health, Health.codec, "Which checks a new generation must pass on the machine."),
            Key("image", \.image, Image.codec, "How the disk image is made."),
            Key("without", dropping: Without.codec, "What the included blueprints bring and this one does not want."),
        ],
        check: checkRelations)

    /// What is wrong between kinds.
    private static func checkRelations(_ blueprint: Blueprint, _ node: YAMLNode, _ decoding: inout Decoding) {
        for (kind, ids) in [
            ("users", blueprint.users.compactMapValues(\.uid)), ("groups", blueprint.groups.compactMapValues(\.gid)),
        ] {
            var names: [Int: String] = [:]
            for entry in node[kind]?.entries ?? [] {
                guard let id = ids[entry.key] else { continue }
                if let other = names.updateValue(entry.key, forKey: id) {
                    decoding.report(entry.keyMark, "\(kind).\(entry.key) has the id \(id), as has \(kind).\(other)")
                }
            }
        }
        for entry in node["files"]?.entries ?? [] {
            let path = entry.key.utf8
            for (offset, byte) in zip(path.indices, path) where byte == UInt8(ascii: "/") {
                let parent = String(decoding: path[..<offset], as: UTF8.self)
                if let file = blueprint.files[parent], file.content != .directory {
                    decoding.report(
                        entry.keyMark, "files.\(entry.key) lies below files.\(parent), which is no directory")
                }
            }
        }
        checkOverrides(blueprint, node, &decoding)
        checkDiversions(blueprint, node, &decoding)
        checkMounts(blueprint, node, &decoding)
        checkIDRanges(blueprint, node, &decoding)
        checkContainers(blueprint, node, &decoding)
        checkSecrets(blueprint, node, &decoding)
    }
}

extension Blueprint.Distribution {
    static let codec = Codec<Self>.record(
        "distribution", Self(),
        [
            Key(
                "debian", \.debian, .word("a release of Debian"), "Debian's release, by code name.", presence: .required
            ),
            Key(
                "architecture", \.architecture, .word("an architecture"), "The machine, in Debian's words.",
                presence: .required),
            Key("mirror", \.mirror, .text(.uri), "URI of the archive; by default that of the build host's apt."),
            Key(
                "security-mirror", \.securityMirror, .text(.uri),
                "URI of the security archive; by default that of the build host's apt."),
        ])
}
