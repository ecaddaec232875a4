import ArgumentParser
import BlueprintModel
import Constructor
import ContentStore
import Debian
import LinuxSystem

/// Where packages come from and are kept.
struct SourceOptions: ParsableArguments {
    @Option(
        name: .long,
        help: "The content store (default: /var/lib/pisces/store if you may write there, else ~/.cache/pisces/store).",
        completion: .directory)
    var store: String?

    @Option(name: .long, help: "Debian's archive, as a URI (default: the blueprint's, else this host's own mirror).")
    var mirror: String?

    @Option(name: .long, help: "Debian's security archive, as a URI (default: as for --mirror).")
    var securityMirror: String?

    @Flag(name: .long, help: "Use only what the store holds; fetch nothing.")
    var offline = false
}

/// Turns a blueprint into a lock and a lock into packages in the store.
struct Resolver {
    let loaded: LoadedBlueprint
    let path: String
    let options: SourceOptions
    let console: Console

    private var blueprint: Blueprint { loaded.blueprint }
    private var folder: String { parentDirectory(of: path) }

    func openStore() throws -> ObjectStore {
        try ObjectStore(try options.store ?? Workspace.store())
    }

    /// Resolves the blueprint; the numbers of system users are taken over from the lock before.
    ///
    /// - Parameter moving: the packages that may have other versions than in the lock before; nil for all.
    func resolve(previous: Lock?, moving: Set<String>? = nil) throws -> Lock {
        if options.offline {
            throw Failure("a lock cannot be made offline: it needs the mirror's package lists; run without --offline")
        }
        let state = try stateDirectory()
        console.begin("resolve \(blueprint.name)")
        var request = try request(keyringDirectory: state)
        if let moving, let previous {
            let store = try openStore()
            request.kept = previous.packages.filter { !moving.contains($0.name) }.map { package in
                PlanRequest.Kept(
                    package, file: store.contains(package.digest) ? store.path(of: package.digest) : nil)
            }
        }
        let plan = try AptPlanner.plan(request, stateDirectory: state, run: runTool)
        let bytes = plan.packages.reduce(0) { $0 + $1.size }
        let tools = plan.toolPackages.isEmpty ? "" : " and \(plan.toolPackages.count) for the tools of the build"
        console.end("\(plan.packages.count) packages, \(humanSize(bytes))\(tools)")
        let images = try lockImages(keeping: moving == nil ? [] : previous?.images ?? [])
        return Lock(
            blueprintName: blueprint.name, blueprint: SHA256.hash(blueprint.canonicalBytes),
            architecture: blueprint.distribution.architecture.rawValue,
            epoch: blueprint.image.epoch.map(Int64.init) ?? plan.releases.map(\.date).max() ?? 0,
            tools: ["pisces": piscesVersion], releases: plan.releases, packages: plan.packages,
            toolPackages: plan.toolPackages, images: images, users: previous?.users ?? [:],
            groups: previous?.groups ?? [:])
    }

    /// Where apt's lists are kept from one run to the next.
    private func stateDirectory() throws -> String {
        let digest = SHA256.hash(Array(try Workspace.absolute(path).utf8))
        return try Workspace.cacheDirectory("apt/\(digest.hex.prefix(16))")
    }

    /// What the blueprint's repositories have of packages.
    func holdings(of names: Set<String>) throws -> Holdings {
        let state = try stateDirectory()
        console.begin("ask the mirrors")
        let holdings = try AptPlanner.find(
            names, in: try request(keyringDirectory: state), stateDirectory: state, run: runTool)
        console.end("\(holdings.releases.count) release files")
        return holdings
    }

    private func request(keyringDirectory: String) throws -> PlanRequest {
        let mirrors = try mirrors()
        var request = PlanRequest(
            suite: blueprint.distribution.debian.rawValue,
            architecture: blueprint.distribution.architecture.rawValue, mirror: mirrors.debian,
            securityMirror: mirrors.security, install: blueprint.packages.install,
            without: blueprint.packages.without, tools: blueprint.image.toolPackages,
            recommends: blueprint.packages.recommends)
        for (name, repository) in blueprint.repositories.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            switch repository {
            case .directory(let directory):
                request.directories.append(.init(name: name, path: try Workspace.absolute(beside(directory))))
            case .archive(let archive):
                let isArmored = archive.signedBy.starts(with: Array("-----BEGIN".utf8))
                let keyring = "\(keyringDirectory)/\(name).\(isArmored ? "asc" : "gpg")"
                try AtomicFile.write(archive.signedBy, to: keyring)
                request.repositories.append(
                    .init(
                        name: name, uri: archive.uri, suites: archive.suites, components: archive.components,
                        keyring: keyring))
            }
        }
        return request
    }

    private func mirrors() throws -> (debian: String, security: String) {
        let distribution = blueprint.distribution
        let debian = options.mirror ?? distribution.mirror
        let security = options.securityMirror ?? distribution.securityMirror
        var mirrors = (debian: debian ?? "", security: security ?? "")
        if debian == nil || security == nil {
            let host = try HostMirror.discover(run: runTool)
            mirrors = (debian ?? host.mirror, security ?? host.securityMirror)
        }
        // The lock and the image name the mirror for all to read.
        for uri in [mirrors.debian, mirrors.security] where uri.contains("@") {
            throw Failure(
                "the mirror's URI holds a user name or password; name another by --mirror or in the blueprint")
        }
        return mirrors
    }

    private func beside(_ path: String) -> String { path.hasPrefix("/") ? path : "\(folder)/\(path)" }

    // MARK: - Container images

    private func imageFetcher(_ store: ObjectStore) -> ImageFetcher {
        ImageFetcher(
            store: store, architecture: blueprint.distribution.architecture.rawValue, isOffline: options.offline,
            run: runTool)
    }

    /// What each image is made of; what is kept is not looked at anew.
    func lockImages(keeping kept: [LockedImage]) throws -> [LockedImage] {
        let images = blueprint.images
        if images.isEmpty { return [] }
        console.begin("resolve images")
        let fetcher = imageFetcher(try openStore())
        let locked = try images.map { image in
            if let same = kept.first(where: { $0.reference == image.reference.description }) { return same }
            return try fetcher.lock(
                image.reference, layout: try image.layout.map { try Workspace.absolute(beside($0)) })
        }
        console.end("\(locked.count)")
        return locked
    }

    /// Puts every blob of every locked image into the store.
    private func fetchImages(_ lock: Lock, into store: ObjectStore) throws {
        if lock.images.isEmpty { return }
        console.begin("fetch images")
        let fetcher = imageFetcher(store)
        var bytes: Int64 = 0
        for image in lock.images {
            let layout = blueprint.images.first { $0.reference.description == image.reference }?.layout
            bytes += try fetcher.fetch(image, layout: try layout.map { try Workspace.absolute(beside($0)) })
        }
        console.end(bytes == 0 ? "all in the store" : humanSize(bytes))
    }

    // MARK: - Packages

    /// Puts every locked package and image into the store; what is there already is not asked for again.
    func fetch(_ lock: Lock, into store: ObjectStore) throws {
        console.begin("fetch packages")
        var seen: Set<Digest> = []
        let packages = (lock.packages + lock.toolPackages).filter { seen.insert($0.digest).inserted }
        let items = try packages.map { package in
            Fetcher.Item(
                name: "\(package.name) \(package.version)", digest: package.digest, size: package.size,
                uris: try uris(of: package, in: lock))
        }
        let missing = items.filter { !store.contains($0.digest) }
        let lost = missing.filter { $0.uris.isEmpty }.map { "\n  \($0.name) (SHA-256 \($0.digest))" }
        guard lost.isEmpty else {
            throw Failure(
                "no repository has these packages of the system that was copied, and the store \(store.directory) lacks "
                    + "them:\(lost.joined())\n  to mend it: name the store of the copy by --store, or construct from a "
                    + "seal: pisces copy --seal FILE.seal")
        }
        let fetcher = Fetcher(store: store, isOffline: options.offline, run: runTool)
        try fetcher.fetch(missing) { progress in
            console.advance(
                Int(progress.bytes / 1024), of: Int(progress.totalBytes / 1024),
                "\(humanSize(progress.bytes)) of \(humanSize(progress.totalBytes))")
        }
        let bytes = missing.reduce(0) { $0 + $1.size }
        console.end(missing.isEmpty ? "all in the store" : "\(missing.count) fetched, \(humanSize(bytes))")
        try fetchImages(lock, into: store)
    }

    /// The rungs of the ladder below the store: the mirror of the lock, then the mirror in use now.
    private func uris(of package: LockedPackage, in lock: Lock) throws -> [String] {
        switch package.source {
        case .directory(let name):
            guard case .directory(let directory) = blueprint.repositories[name] else {
                throw Failure("the lock takes \(package.name) from repository \(name), which the blueprint lacks")
            }
            return ["file:\(try Workspace.absolute(beside(directory)))/\(package.filename)"]
        case .release(let name):
            guard let release = lock.releases.first(where: { $0.name == name }) else {
                throw Failure("the lock takes \(package.name) from \(name), which it does not describe")
            }
            var bases = [release.uri]
            // A slash is in the names of other repositories' releases: Debian's mirror does not have those.
            let mirror = release.suite.hasSuffix("-security") ? options.securityMirror : options.mirror
            if let mirror, !name.contains("/") { bases.insert(mirror, at: 0) }
            return bases.map { ($0.hasSuffix("/") ? $0 : $0 + "/") + package.filename }
        case .system: return []
        }
    }
}
