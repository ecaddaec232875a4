public import LinuxSystem

/// Everything a blueprint resolved to: who constructs from a lock has nothing left to decide.
public struct Lock: Sendable, Equatable {
    /// The blueprint's name.
    public var blueprintName: String
    /// The blueprint's identity: the digest of its canonical form.
    public var blueprint: Digest
    /// Debian's name of the architecture.
    public var architecture: String
    /// The time of everything that needs one, seconds since 1970: the date of the newest release file.
    public var epoch: Int64
    /// What shapes bits besides the packages: name and version.
    public var tools: [String: String]
    /// The signed release files the packages were chosen from.
    public var releases: [LockedRelease]
    /// The packages of the image; the initializer and the codec sort them by name, then architecture.
    public var packages: [LockedPackage]
    /// The packages that the build itself runs: they are no part of the image. In the order of `packages`.
    public var toolPackages: [LockedPackage]
    /// The container images, in byte order of their references.
    public var images: [LockedImage]
    /// The uid of every system user.
    public var users: [String: UInt32]
    /// The gid of every system group.
    public var groups: [String: UInt32]

    /// Makes a lock; packages and releases are put into the lock's order.
    public init(
        blueprintName: String, blueprint: Digest, architecture: String, epoch: Int64, tools: [String: String] = [:],
        releases: [LockedRelease] = [], packages: [LockedPackage] = [], toolPackages: [LockedPackage] = [],
        images: [LockedImage] = [], users: [String: UInt32] = [:], groups: [String: UInt32] = [:]
    ) {
        self.blueprintName = blueprintName
        self.blueprint = blueprint
        self.architecture = architecture
        self.epoch = epoch
        self.tools = tools
        self.releases = releases.sorted { bytesPrecede($0.name, $1.name) }
        self.packages = packages.sorted(by: LockedPackage.precedes)
        self.toolPackages = toolPackages.sorted(by: LockedPackage.precedes)
        self.images = images.sorted { bytesPrecede($0.reference, $1.reference) }
        self.users = users
        self.groups = groups
    }
}

extension Lock {
    /// The digest of every file that a construction needs, each once: packages, those of the build's tools, and images'
    /// blobs.
    public var objects: [Digest] {
        var seen: Set<Digest> = []
        return ((packages + toolPackages).map(\.digest) + images.flatMap(\.blobs).map(\.digest))
            .filter { seen.insert($0).inserted }
    }
}

/// A signed release file (`InRelease`) of a repository.
public struct LockedRelease: Sendable, Equatable {
    /// Unique in the lock: `trixie-security` for Debian itself, `repository/suite` for others.
    public var name: String
    /// The repository: `uri/dists/suite/InRelease` is the file, `uri/filename` a package.
    public var uri: String
    /// The suite as in sources.list(5).
    public var suite: String
    /// The components that were used.
    public var components: [String]
    /// The SHA-256 of the `InRelease` file.
    public var digest: Digest
    /// Its `Date`, seconds since 1970.
    public var date: Int64

    /// Makes a release.
    public init(name: String, uri: String, suite: String, components: [String], digest: Digest, date: Int64) {
        self.name = name
        self.uri = uri
        self.suite = suite
        self.components = components
        self.digest = digest
        self.date = date
    }
}

/// A package file.
public struct LockedPackage: Sendable, Equatable {
    /// Where a package comes from.
    public enum Source: Sendable, Hashable {
        /// The ``LockedRelease`` of this name.
        case release(String)
        /// The directory of package files that the blueprint calls by this name.
        case directory(String)
        /// The system that was copied: the file is in a content store or a seal, and in no repository.
        case system(Origin)
    }

    /// How a system that was copied had a package.
    public enum Origin: String, Sendable, Hashable {
        /// As the file that was installed.
        case installed
        /// As files that lay there, of which a package was made.
        case repacked
    }

    /// The package's name.
    public var name: String
    /// The version.
    public var version: DebianVersion
    /// The architecture, or `all`.
    public var architecture: String
    /// Whether it is `Essential: yes`.
    public var isEssential: Bool
    /// Its priority, for example `required`; nil if it has none.
    public var priority: String?
    /// Where it comes from.
    public var source: Source
    /// The path below the repository's URI (`pool/…`) or below the directory.
    public var filename: String
    /// The size of the file in bytes.
    public var size: Int64
    /// The SHA-256 of the file.
    public var digest: Digest
    /// Whether a person asked for it; all others are there because these need them.
    public var isManual: Bool
    /// The MD5 of each conffile, by absolute path, that the file has in another form than it was distributed in: the one
    /// dpkg is to know it by.
    public var pristine: [String: String] = [:]

    /// Makes a package.
    public init(
        name: String, version: DebianVersion, architecture: String, isEssential: Bool = false, priority: String? = nil,
        source: Source, filename: String, size: Int64, digest: Digest, isManual: Bool = false
    ) {
        self.name = name
        self.version = version
        self.architecture = architecture
        self.isEssential = isEssential
        self.priority = priority
        self.source = source
        self.filename = filename
        self.size = size
        self.digest = digest
        self.isManual = isManual
    }

    /// The lock's order: name, then architecture, by bytes.
    public static func precedes(_ left: LockedPackage, _ right: LockedPackage) -> Bool {
        left.name == right.name
            ? bytesPrecede(left.architecture, right.architecture) : bytesPrecede(left.name, right.name)
    }
}

/// A container image, down to its blobs.
public struct LockedImage: Sendable, Equatable {
    /// A piece of an image by its content.
    public struct Blob: Sendable, Hashable {
        /// Its SHA-256.
        public var digest: Digest
        /// Its size in bytes.
        public var size: Int64

        /// Makes a blob.
        public init(digest: Digest, size: Int64) {
            self.digest = digest
            self.size = size
        }
    }

    /// The image's name as the blueprint has it.
    public var reference: String
    /// The index that offers the image for several machines; nil where the name leads to the manifest itself.
    public var index: Blob?
    /// The manifest.
    public var manifest: Blob
    /// The configuration, whose digest is the image's id.
    public var config: Blob
    /// The layers, lowest first, as they are kept: compressed, mostly.
    public var layers: [Blob]

    /// Makes an image.
    public init(reference: String, index: Blob?, manifest: Blob, config: Blob, layers: [Blob]) {
        self.reference = reference
        self.index = index
        self.manifest = manifest
        self.config = config
        self.layers = layers
    }

    /// What the name leads to: the index, or the manifest where there is none.
    public var digest: Digest { (index ?? manifest).digest }

    /// All blobs, each once, in the order of the lock.
    public var blobs: [Blob] {
        var seen: Set<Blob> = []
        return ([index, manifest, config].compactMap { $0 } + layers).filter { seen.insert($0).inserted }
    }
}
