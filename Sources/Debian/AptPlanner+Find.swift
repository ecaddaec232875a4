public import LinuxSystem

/// What repositories have of packages that are installed: nothing is chosen, the versions are those of the system.
public struct Holdings: Sendable {
    /// The release files that were read, by name.
    public var releases: [LockedRelease] = []
    /// Every file of the packages asked for, whatever its version.
    public var files: [File] = []
    /// The tools of the build with all they need; empty where none were asked for.
    public var toolPackages: [LockedPackage] = []

    /// Nothing: as where there is no network.
    public init() {}

    /// A file of a package list.
    public struct File: Sendable {
        /// What a lock says of it.
        public var package: LockedPackage
        /// `Installed-Size`: another build of the same version rarely has the same.
        public var installedSize: String?

        /// Makes a file.
        public init(package: LockedPackage, installedSize: String? = nil) {
            (self.package, self.installedSize) = (package, installedSize)
        }
    }
}

extension AptPlanner {
    /// Looks up, in signed package lists, which files of the named packages there are.
    ///
    /// - Parameters:
    ///   - request: the repositories; what is to be installed does not count, the tools do.
    ///   - names: the packages.
    ///   - stateDirectory: as for ``plan(_:stateDirectory:run:)``.
    public static func find(
        _ names: Set<String>, in request: PlanRequest, stateDirectory: String, run: @escaping ToolRunner
    ) throws(PlanError) -> Holdings {
        try request.check()
        let directories = try DirectoryRepository.index(request.directories, below: stateDirectory, run: run)
        let lists = try load(request, directories, stateDirectory, run)
        var holdings = Holdings()
        holdings.releases = releases(lists.indices, request)
        for index in lists.indices {
            do throws(Deb822.SyntaxError) {
                for stanza in try index.packages.stanzas(named: names) {
                    guard let package = index.package(stanza, request) else { continue }
                    holdings.files.append(.init(package: package, installedSize: stanza["Installed-Size"]))
                }
            } catch {
                throw PlanError(
                    .tool, "a package list is damaged: \(error)", remedy: "Tell who publishes the repository.")
            }
        }
        holdings.toolPackages =
            try request.asTools.map { request throws(PlanError) in
                try AptSolution.solve(lists.root, request, lists.indices, isTools: true)
                    .packages(lists.indices, request)
            } ?? []
        return holdings
    }
}

extension AptPlanner.Index {
    /// What a lock says of a file of this list; nil where the list says too little.
    fileprivate func package(_ stanza: Deb822.Stanza, _ request: PlanRequest) -> LockedPackage? {
        guard let name = stanza["Package"], let version = stanza["Version"].flatMap({ DebianVersion($0) }),
            let architecture = stanza["Architecture"], var filename = stanza["Filename"],
            let size = stanza["Size"].flatMap({ Int64($0) }), let digest = stanza["SHA256"].flatMap({ Digest(hex: $0) })
        else { return nil }
        if filename.hasPrefix("./") { filename.removeFirst(2) }
        return LockedPackage(
            name: name, version: version, architecture: architecture, isEssential: stanza["Essential"] == "yes",
            priority: stanza["Priority"], source: directory.map { .directory($0) } ?? .release(releaseName(request)),
            filename: filename, size: size, digest: digest)
    }
}
