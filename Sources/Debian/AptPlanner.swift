internal import Glibc
public import LinuxSystem

/// Resolves package names to package files with apt, in a root of its own: nothing of the host's package state counts.
///
/// apt checks the signatures of the release files against the given keyrings and chooses the packages; their digests
/// come from the package lists those release files vouch for.
public enum AptPlanner {
    /// Resolves a request.
    ///
    /// - Parameters:
    ///   - request: what to install, and from where.
    ///   - stateDirectory: an absolute path of a directory (made if missing) for the package lists; the next call
    ///     starts from them. One call at a time may use it.
    ///   - run: starts apt and dpkg-deb.
    public static func plan(
        _ request: PlanRequest, stateDirectory: String, run: @escaping ToolRunner
    ) throws(PlanError) -> Plan {
        try request.check()
        guard isPlainPath(stateDirectory) else {
            throw PlanError(
                .request, "apt's files cannot name the state directory '\(stateDirectory)'",
                remedy: "Choose an absolute path without spaces, commas and quotes.")
        }
        let directories = try DirectoryRepository.index(request.directories, below: stateDirectory, run: run)
        var lists = try load(request, directories, stateDirectory, run)
        let kept = lists.fitting(request.kept, request)
        let gone = try lists.gone(kept)
        if !gone.isEmpty {
            let store = try DirectoryRepository.index(gone, below: stateDirectory, run: run)
            lists = try load(request, directories + [store], stateDirectory, run)
        }
        let packages = try solve(request, kept, lists)
        let tools = try request.asTools.map { request throws(PlanError) in
            try AptSolution.solve(lists.root, request, lists.indices, isTools: true).packages(lists.indices, request)
        }
        return Plan(releases: releases(lists.indices, request), packages: packages, toolPackages: tools ?? [])
    }

    /// What apt has fetched.
    struct Lists {
        let root: AptRoot
        let indices: [Index]
    }

    static func load(
        _ request: PlanRequest, _ directories: [DirectoryRepository], _ stateDirectory: String,
        _ run: @escaping ToolRunner
    ) throws(PlanError) -> Lists {
        // The first source wins among equals: a directory over the archive, Debian's own suites over others.
        var sources = directories.map(\.source)
        sources += debianSources(request)
        sources += request.repositories.map {
            AptRoot.Source(
                name: "the repository '\($0.name)'", uri: $0.uri, suites: $0.suites, components: $0.components,
                keyring: $0.keyring)
        }
        let root = try AptRoot.create(stateDirectory, request, sources, run: run)
        try root.pin(without: request.without, kept: [])
        try update(root, sources)
        let indices = try loadIndices(root, directories)
        try requireAll(sources, indices)
        return Lists(root: root, indices: indices)
    }

    private static func debianSources(_ request: PlanRequest) -> [AptRoot.Source] {
        let security = AptRoot.Source(
            name: "Debian's security archive", uri: request.securityMirror, suites: ["\(request.suite)-security"],
            components: ["main"], keyring: request.keyring, acceptsExpired: request.acceptExpired)
        var archive = security
        archive.name = "Debian's archive"
        archive.uri = request.mirror
        archive.suites = [request.suite, "\(request.suite)-updates"]
        return [archive, security]
    }

    // MARK: - Lists

    /// A package list and where it came from.
    struct Index {
        let packages: PackageIndex
        /// As apt writes it, with a slash at its end.
        let repositoryURI: String
        let suite: String
        let component: String
        /// nil for a directory.
        let release: ReleaseFile?
        let directory: String?
    }

    /// Reads the lists apt has fetched, and holds each to what its release file says of it.
    private static func loadIndices(
        _ root: AptRoot, _ directories: [DirectoryRepository]
    ) throws(PlanError) -> [Index] {
        let listing = try root.apt(["apt-get", "indextargets", "Created-By: Packages"])
        try listing.requireSuccess()
        do {
            let text = Array(listing.output.joined(separator: "\n").utf8)
            return try Deb822.parse(text, file: "apt-get indextargets").map { try index($0, directories) }
        } catch let error as PlanError {
            throw error
        } catch {
            throw PlanError(
                .tool, "the package lists cannot be read: \(error)",
                remedy: "Remove \(root.directory)/lists and try again.")
        }
    }

    private static func index(_ target: Deb822.Stanza, _ directories: [DirectoryRepository]) throws -> Index {
        let (path, uri) = (target["Filename"] ?? "", target["Repo-URI"] ?? "")
        let (suite, component) = (target["Release"] ?? "", target["Component"] ?? "")
        if let directory = directories.first(where: { $0.source.uri == uri }) {
            return Index(
                packages: PackageIndex(try contents(of: path), file: path), repositoryURI: uri,
                suite: suite, component: component, release: nil, directory: directory.name)
        }
        let key = target["MetaKey"] ?? ""
        let flatKey = key.split(separator: "/", omittingEmptySubsequences: false).joined(separator: "_")
        guard !key.isEmpty, path.hasSuffix(flatKey) else {
            throw Deb822.SyntaxError(file: "apt-get indextargets", line: target.line, "'\(path)' is not '…\(flatKey)'")
        }
        let release = try releaseFile(String(path.dropLast(flatKey.count)))
        // apt keeps no file of an empty list.
        let bytes = release.files[key]?.size == 0 ? [] : try contents(of: path)
        let digest = SHA256.hash(bytes)
        // A release file that names only compressed lists leaves the check to apt.
        if let wanted = release.files[key]?.digest, wanted != digest {
            throw PlanError(
                .signature,
                "\(path) is not the package list that \(uri) \(suite) is signed for: wanted \(wanted), "
                    + "got \(digest)", remedy: "Remove this file and try again.")
        }
        return Index(
            packages: PackageIndex(bytes, file: path), repositoryURI: uri, suite: suite, component: component,
            release: release, directory: nil)
    }

    private static func releaseFile(_ prefix: String) throws -> ReleaseFile {
        // A repository of the older form has the signature in a file of its own.
        for path in [prefix + "InRelease", prefix + "Release"] where access(path, F_OK) == 0 {
            return try ReleaseFile(parsing: try contents(of: path), file: path)
        }
        throw SystemError(call: "access", subject: prefix + "InRelease", code: ENOENT)
    }

    private static func contents(of path: String) throws(SystemError) -> [UInt8] {
        let file = try Descriptor.open(path)
        return try file.bytes(at: 0, count: try file.status().size)
    }

    /// apt leaves out, with no more than a warning, what a release file does not list.
    private static func requireAll(_ sources: [AptRoot.Source], _ indices: [Index]) throws(PlanError) {
        for source in sources {
            for suite in source.suites {
                for component in source.components.isEmpty ? [""] : source.components
                where !indices.contains(where: {
                    withoutSlash($0.repositoryURI) == withoutSlash(source.uri) && $0.suite == suite
                        && $0.component == component
                }) {
                    throw PlanError(
                        .request,
                        "\(source.name) (\(source.uri)) has no component '\(component)' for this architecture in "
                            + "the suite '\(suite)'",
                        remedy: "Correct the components or the architecture; the release file lists what there is.")
                }
            }
        }
    }

    /// The release files, one for each suite.
    static func releases(_ indices: [Index], _ request: PlanRequest) -> [LockedRelease] {
        var releases: [LockedRelease] = []
        for index in indices {
            guard let release = index.release else { continue }
            let name = index.releaseName(request)
            if let known = releases.firstIndex(where: { $0.name == name }) {
                releases[known].components.append(index.component)
            } else {
                releases.append(
                    LockedRelease(
                        name: name, uri: withoutSlash(index.repositoryURI), suite: index.suite,
                        components: [index.component], digest: release.digest, date: release.date))
            }
        }
        return releases.sorted { bytesPrecede($0.name, $1.name) }
    }
}

extension AptPlanner.Index {
    /// What the lock calls the release this list belongs to.
    func releaseName(_ request: PlanRequest) -> String {
        let repository = request.repositories.first {
            withoutSlash($0.uri) == withoutSlash(repositoryURI) && $0.suites.contains(suite)
        }
        return repository.map { "\($0.name)/\(suite)" } ?? suite
    }
}

/// A URI without slashes at its end, and as apt writes it: that of a file without the empty host.
func withoutSlash(_ uri: String) -> String {
    let bytes = Array(uri.utf8.reversed().drop { $0 == UInt8(ascii: "/") }.reversed())
    let plain = bytes.starts(with: "file:///".utf8) ? Array("file:".utf8) + bytes.dropFirst(7) : bytes
    return String(decoding: plain, as: UTF8.self)
}

/// Whether apt's files can hold this path: between quotes, and as the keyring of a source.
func isPlainPath(_ path: String) -> Bool {
    path.utf8.first == UInt8(ascii: "/") && path.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && !"\",".utf8.contains($0) }
}
