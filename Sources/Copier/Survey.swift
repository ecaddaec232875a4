internal import Debian
internal import Glibc
internal import LinuxSystem

/// What is below a root, and why: every path is owned by a package and as it shipped it, or has a ``Finding``.
///
/// A survey only reads. It holds no string per path: findings are made while one goes through them.
public struct Survey: Sendable {
    /// How a survey is taken.
    public struct Options: Sendable {
        /// Paths that are not entered, besides other file systems: of each there is one finding.
        public var notEntered = ["/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp"]
        /// Areas where people put what they want.
        public var policyAreas = ["/home", "/root", "/srv", "/opt", "/mnt", "/media", "/var"]
        /// What is looked at whole of areas where people put what they want: an area or a path below it. Of the rest, which
        /// `/home`, `/srv` and each top directory are that no system has, a survey knows what lies right in the area, and
        /// what packages own.
        public var inside: [String] = []
        /// Where digests are kept from one survey to the next; nil for nowhere. The directory must exist.
        public var cacheDirectory: String?

        /// The usual way: no cache.
        public init() {}
    }

    /// How many paths there are of each kind.
    public struct Counts: Sendable, Equatable {
        /// Paths on disk that were looked at.
        public var paths = 0
        /// Those that a package owns.
        public var owned = 0
        /// Regular files whose content was compared.
        public var compared = 0
        /// Of these, the files that had to be read; the digests of the others were known.
        public var read = 0
        /// Regular files that packages own, but of which nothing tells what was shipped.
        public var notComparable = 0
        /// Paths that packages own below directories that were not entered.
        public var notLookedAt = 0
        /// Paths by cause; the pristine ones are here, too.
        public var causes: [Finding.Cause: Int] = [:]
    }

    /// What dpkg says.
    public let dpkg: DpkgState
    /// What people must know of the survey itself.
    public let notes: [String]
    /// Whether dpkg's database changed meanwhile, or was being changed: repeat the survey.
    public let isProvisional: Bool
    /// The numbers.
    public let counts: Counts

    let tree: PathTree
    let owned: OwnedPaths
    let verdicts: Verdicts
    let xattrs: [Int32: [String: [UInt8]]]

    /// Looks at a root.
    ///
    /// What cannot be read, vanishes or changes meanwhile is a finding, not an error.
    ///
    /// - Throws: if the root is not that of a Debian system, or its dpkg database is broken.
    public static func take(of root: SourceRoot, _ options: Options = Options()) throws(SurveyError) -> Survey {
        try Survey(of: root, options)
    }

    private init(of root: SourceRoot, _ options: Options) throws(SurveyError) {
        var clock = timespec()
        clock_gettime(CLOCK_REALTIME, &clock)
        let now = Int64(clock.tv_sec) * 1_000_000_000
        let dpkg = try DpkgState(of: root)
        let stamp = DpkgState.stamp(root, dpkg.directory)
        var notes = dpkg.notes
        var tree = PathTree()
        tree.addAliases(of: root)
        var owned = OwnedPaths()
        notes += Self.readLists(root, dpkg, &owned, &tree)

        var status = stat()
        guard fstat(root.directory.rawValue, &status) == 0 else {
            throw .system(SystemError(call: "fstat", subject: root.directory.name, code: errno))
        }
        let rootFacts = PathTree.Facts(status)
        let cache = options.cacheDirectory.map { DigestCache.load(from: $0, root: rootFacts) } ?? DigestCache()
        let mounts = Self.mounts(of: root)
        let walk = PathTree.Walk(
            notEntered: options.notEntered, inside: options.inside, mounts: mounts, cache: cache)
        try surveying { () throws(SystemError) in try tree.walk(root.directory, walk) }
        owned.resolve(in: &tree)
        let registers = Registers(root, dpkg, &tree)
        let files =
            owned.comparable(in: tree) + registers.ucf.keys.filter { tree.has($0, .isOnDisk) && tree[$0].facts.isFile }
        let contents = try surveying { () throws(SystemError) in
            try ContentCheck(files, in: tree, root: root.directory, cache: cache)
        }
        if let directory = options.cacheDirectory {
            notes += Self.store(tree, contents, cache, in: directory, root: rootFacts, now: now)
        }
        let (xattrs, unreadable) = tree.readXattrs(root.directory)
        notes += unreadable
        var classifier = Classifier(
            tree: tree, owned: owned, dpkg: dpkg, registers: registers, contents: contents, mounts: mounts,
            options: options, xattrs: xattrs, root: root)
        classifier.run()
        if DpkgState.stamp(root, dpkg.directory) != stamp {
            notes.append("dpkg's database changed during the survey: repeat it")
        }
        isProvisional = dpkg.isProvisional || DpkgState.stamp(root, dpkg.directory) != stamp
        self.dpkg = dpkg
        self.notes = notes
        self.owned = owned
        self.xattrs = xattrs
        verdicts = classifier.verdicts
        var counts = classifier.counts
        counts.read = contents.readCount
        self.counts = counts
        self.tree = tree
    }

    /// Reads what packages own; what it cannot read is in the result.
    private static func readLists(
        _ root: SourceRoot, _ dpkg: DpkgState, _ owned: inout OwnedPaths, _ tree: inout PathTree
    ) -> [String] {
        var notes: [String] = []
        let diversions = dpkg.diversions.map {
            (from: tree.makePath($0.from), to: tree.makePath($0.to), package: $0.package)
        }
        func information(_ package: DpkgDatabase.InstalledPackage, _ member: String) -> [UInt8]? {
            // A package that became Multi-Arch: same, or is it no longer, may still have the other name.
            for name in [package.informationName, package.name, "\(package.name):\(package.architecture)"] {
                if let content = try? root.read("\(dpkg.directory)/info/\(name).\(member)") { return content }
            }
            return nil
        }
        for (number, package) in dpkg.packages.enumerated() {
            let list = information(package, "list")
            if list == nil && package.state != "config-files" {
                notes.append("\(package.informationName) has no readable list of files: what it owns is not known")
            }
            let sums = information(package, "md5sums")
            let hasFiles = list?.contains(UInt8(ascii: "\n")) == true && package.state == "installed"
            if sums == nil && hasFiles && list?.split(separator: UInt8(ascii: "\n")).count ?? 0 > 1 {
                notes.append("\(package.informationName) has no sums (md5sums): its files cannot be compared")
            }
            var diverted: [Int32: Int32] = [:]
            for diversion in diversions where diversion.package != package.name {
                diverted[diversion.from] = diversion.to
            }
            owned.read(
                Int32(number), list: list ?? [], sums: sums ?? [], conffiles: package.conffiles, diverted: diverted,
                into: &tree)
        }
        return notes
    }

    /// The mounts below a root, where the root's own path is known.
    private static func mounts(of root: SourceRoot) -> Mounts {
        guard let descriptor = try? Descriptor.directory("/proc/self/fd"),
            let path = try? descriptor.linkTarget("\(root.directory.rawValue)"),
            let file = try? Descriptor.open("/proc/self/mountinfo"), let text = try? file.readToEnd(limit: 16 << 20)
        else { return Mounts() }
        return Mounts(mountinfo: String(decoding: text, as: UTF8.self), root: path)
    }

    /// Keeps what was found out, unless all of it was known; what went wrong is in the result.
    private static func store(
        _ tree: PathTree, _ contents: ContentCheck, _ cache: DigestCache, in directory: String,
        root: PathTree.Facts, now: Int64
    ) -> [String] {
        var entries: [DigestCache.Known] = []
        var isNew = false
        for index in tree.nodes.indices {
            let node = tree.nodes[index]
            guard node.flags.contains(.isOnDisk), DigestCache.isTrustworthy(node.facts, now: now),
                let filesystem = tree.filesystems[node.facts.device]
            else { continue }
            var entry = DigestCache.Entry(digest: nil, hasNoXattrs: node.flags.contains(.hasNoXattrs))
            if case .digest(let digest)? = contents.outcomes[Int32(index)] { entry.digest = digest }
            if entry.digest == nil && !entry.hasNoXattrs { continue }
            entries.append((filesystem, node.facts, entry))
            isNew = isNew || cache.entry(for: node.facts, on: filesystem) != entry
        }
        guard isNew || entries.count != cache.count else { return [] }
        do throws(SystemError) {
            try DigestCache.store(entries, in: directory, root: root)
            return []
        } catch {
            return ["the digests could not be kept, so the next survey reads all files again: \(error)"]
        }
    }
}
