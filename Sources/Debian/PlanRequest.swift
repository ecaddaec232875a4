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

    /// A package that was locked before and is to stay as it is.
    public struct Kept: Sendable, Equatable {
        /// What the lock says of it.
        public var package: LockedPackage
        /// A copy of its file, for when no repository has this version any more; nil if there is none.
        public var file: String?

        /// Makes a kept package.
        public init(_ package: LockedPackage, file: String?) {
            self.package = package
            self.file = file
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
    /// Packages that the build itself runs: they resolve apart from the others, and `without` and `recommends` do not
    /// touch them.
    public var tools: [String]
    /// Whether recommended packages are installed.
    public var recommends: Bool
    /// Whether release files may have expired: so with a snapshot of the archive.
    public var acceptExpired: Bool
    /// Packages that stay at the version they have, unless one that moves does not go with it.
    public var kept: [Kept] = []

    /// Makes a request.
    public init(
        suite: String, architecture: String, mirror: String, securityMirror: String,
        keyring: String = "/usr/share/keyrings/debian-archive-keyring.gpg", repositories: [Repository] = [],
        directories: [Directory] = [], install: [String], without: [String] = [], tools: [String] = [],
        recommends: Bool = false, acceptExpired: Bool = false
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
        self.tools = tools
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
    /// The tools with all they need and `base-files`, by name; empty if there are none.
    public var toolPackages: [LockedPackage]
}

extension PlanRequest {
    /// The request for the tools alone; nil if there are none.
    var asTools: PlanRequest? {
        if tools.isEmpty { return nil }
        var request = self
        // The links of a merged /usr, without which no program finds its interpreter, are in base-files.
        request.install = ["base-files"] + tools.filter { $0 != "base-files" }
        request.without = []
        return request
    }

    /// Holds the request to what apt's files and command line can carry: a name is never read as an option or a
    /// pattern.
    func check() throws(PlanError) {
        func require(_ condition: Bool, _ message: String, _ remedy: String) throws(PlanError) {
            if !condition { throw PlanError(.request, message, remedy: remedy) }
        }
        for name in install + without + tools {
            try require(
                isPackageName(name), "'\(name)' is not the name of a package",
                "A name has lower-case letters, digits, '+', '-' and '.', at least two of them.")
        }
        for name in install where without.contains(name) {
            try require(false, "'\(name)' is both to be installed and left out", "Remove it from one of the two lists.")
        }
        for word in [suite, architecture] + repositories.flatMap({ $0.suites + $0.components + [$0.name] })
            + directories.map(\.name)
        {
            try require(
                isWord(word), "'\(word)' is not the name of a suite, a component, an architecture or a repository",
                "Such a name has letters, digits and any of '.-_+~/'.")
        }
        for uri in [mirror, securityMirror] + repositories.map(\.uri) {
            try require(
                isURI(uri), "'\(uri)' is not the URI of a repository", "It looks like http://host/path or file:/path.")
        }
        for repository in repositories {
            try require(
                !repository.suites.isEmpty, "the repository '\(repository.name)' has no suite", "Name at least one.")
        }
        let names = repositories.map(\.name) + directories.map(\.name)
        for name in names where names.count(where: { $0 == name }) > 1 {
            try require(false, "two repositories or directories are called '\(name)'", "Give each a name of its own.")
        }
    }
}

/// Whether this is a package's name (Debian Policy 5.6.1), and none that apt would read as a removal.
func isPackageName(_ name: String) -> Bool {
    let bytes = name.utf8
    return bytes.count > 1 && bytes.first.map { isDigit($0) || isLower($0) } == true
        && bytes.last != UInt8(ascii: "-") && bytes.allSatisfy { isDigit($0) || isLower($0) || "+-.".utf8.contains($0) }
}

private func isLower(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }

private func isWord(_ text: String) -> Bool {
    text.utf8.first.map { isDigit($0) || isLetter($0) || $0 == UInt8(ascii: ".") } == true
        && text.utf8.allSatisfy { isDigit($0) || isLetter($0) || ".-_+~/".utf8.contains($0) }
}

private func isURI(_ text: String) -> Bool {
    text.utf8.first.map(isLetter) == true && text.utf8.contains(UInt8(ascii: ":"))
        && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"\"'[]".utf8.contains($0) }
}
