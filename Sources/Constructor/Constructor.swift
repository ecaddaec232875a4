internal import Archive
public import BlueprintModel
public import ContentStore
public import Debian
internal import Disk
internal import Filesystems
internal import Glibc
internal import LinuxSystem
internal import Synchronization

/// What is to be constructed, and from what.
public struct ConstructionRequest: Sendable {
    /// The blueprint.
    public var blueprint: Blueprint
    /// What it resolved to; its digest of the blueprint must be right.
    public var lock: Lock
    /// The layout that the blueprint names.
    public var layout: ImageLayout
    /// Where the locked packages are.
    public var store: ObjectStore
    /// What earlier builds left for this one; nil: everything is made anew.
    public var cache: BuildCache?
    /// An empty directory of the workshop for the staged root.
    public var workDirectory: String
    /// What is to be made, and where it goes.
    public var outputs: [Output]

    /// Makes a request.
    public init(
        blueprint: Blueprint, lock: Lock, layout: ImageLayout, store: ObjectStore, cache: BuildCache? = nil,
        workDirectory: String, outputs: [Output]
    ) {
        self.blueprint = blueprint
        self.lock = lock
        self.layout = layout
        self.store = store
        self.cache = cache
        self.workDirectory = workDirectory
        self.outputs = outputs
    }
}

/// What was constructed.
public struct Construction: Sendable {
    /// The lock, completed with the numbers of system users that the build saw first.
    public var lock: Lock
    /// The generation's manifest, as written beside disk images; nil where none was made.
    public var manifest: JSONValue?
}

/// A step of a construction, in order.
public enum ConstructionPhase: String, Sendable, CaseIterable {
    case restore = "restore configured packages"
    case unpack = "unpack packages"
    case configure = "configure packages"
    case customize = "apply blueprint"
    case root = "write root"
    case boot = "make boot files"
    case data = "make data partition"
    case verify = "verify image"
}

/// What a construction tells while it runs.
public enum ConstructionEvent: Sendable {
    /// A phase began.
    case began(ConstructionPhase)
    /// In the current phase, `done` of `total` items are done.
    case advanced(done: Int, total: Int)
    /// The phase is over.
    case ended(ConstructionPhase)
}

/// The universal constructor: a locked blueprint becomes a disk image that boots.
///
/// Runs in a ``Workshop``. Each output, with what goes beside it, appears whole under its final name, or not at all.
public struct Constructor: Sendable {
    let request: ConstructionRequest
    let report: @Sendable (ConstructionEvent) -> Void

    /// A constructor for one request.
    public init(_ request: ConstructionRequest, report: @escaping @Sendable (ConstructionEvent) -> Void) {
        self.request = request
        self.report = report
    }

    /// Constructs; a failure leaves nothing at the output's name.
    public func run() throws -> Construction {
        do {
            return try construct()
        } catch {
            throw withRemedy(error)
        }
    }

    private func construct() throws -> Construction {
        try check()
        let rootPath = "\(request.workDirectory)/root"
        let scratch = "\(request.workDirectory)/scratch"
        try makeDirectories(rootPath)
        try makeDirectories(scratch)
        let root = try StagedRoot(path: rootPath)
        try root.directory.setMode(0o755)
        let runner = Self.sandboxRunner(root: rootPath, scratch: scratch)

        try configuredPackages(in: root, scratch: try StagedRoot(path: scratch), runner: runner)
        let lock = try phase(.customize) { try customize(root, runner: runner) }
        let tree = try scan(root, lock: lock)
        let manifest = try writeDisks(tree, root: root, lock: lock, scratch: scratch, runner: runner)
        return Construction(lock: lock, manifest: manifest)
    }

    /// Unpacks and configures the packages, or restores what an earlier build made of the same packages.
    private func configuredPackages(in root: StagedRoot, scratch: StagedRoot, runner: @escaping ToolRunner) throws {
        let key = try configurationKey()
        if let configured = request.cache?.open(key) {
            report(.began(.restore))
            try root.restore(configured.bytes, name: "configured packages")
            return report(.ended(.restore))
        }
        let packages = try phase(.unpack) { try unpack(into: root) }
        try phase(.configure) {
            try Configure(
                root: root, scratch: scratch, packages: packages, epoch: request.lock.epoch, inRoot: runner,
                cache: request.cache
            ).run()
        }
        guard let cache = request.cache else { return }
        let tree = try FileTree.scan(root.directory)
        // Full or out of order, or a tree that no archive can hold: that costs the next build time, nothing else.
        _ = try? cache.store(key) { _ = try TarWriter.write(tree, source: root.directory, to: $0, at: 0) }
    }

    /// The digest of all that configured packages depend on: this program, the packages, which of them were asked for,
    /// and the time that scripts are told.
    private func configurationKey() throws -> Digest {
        let lock = request.lock
        var parts = ["configured packages 1", lock.architecture, "\(lock.epoch)"]
        for program in ["/proc/self/exe", try Workshop.findHelper()] {
            parts.append(try SHA256.hash(try Descriptor.open(program)).hex)
        }
        parts += lock.packages.map { "\($0.name) \($0.digest) \($0.isManual)" }
        return SHA256.hash(Array(parts.joined(separator: "\n").utf8))
    }

    /// Builds the disk image and writes it in every form that is wanted; returns its manifest.
    private func writeDisks(
        _ tree: FileTree, root: StagedRoot, lock: Lock, scratch: String, runner: @escaping ToolRunner
    ) throws -> JSONValue? {
        let outputs = request.outputs.filter(\.form.isDisk)
        guard let first = outputs.first else { return nil }
        let plan = try ImagePlan(blueprint: request.blueprint, seed: request.lock.blueprint, layout: request.layout)
        let image = try AtomicFile.create(first.path)
        try image.descriptor.truncate(to: plan.size)
        let builder = ImageBuilder(
            plan: plan, root: root, epoch: lock.epoch, inRoot: runner, scratch: scratch)
        let (rootHash, rootArtefacts) = try phase(.root) {
            let readOnly = try RootTree.readOnly(from: tree, epoch: lock.epoch)
            try SecretScan(root: root).run(readOnly)
            return try builder.writeRoot(readOnly, to: image.descriptor)
        }
        let boot = Boot(root: root, blueprint: request.blueprint, epoch: lock.epoch)
        let kernelImage = try phase(.boot) {
            let kernelImage = try boot.kernelImage(rootHash: rootHash)
            let title = "\(request.blueprint.name) (generation \(ImagePlan.firstGeneration))"
            try builder.writeSystemPartition(
                try boot.systemPartition(kernelImage: kernelImage, title: title), to: image.descriptor)
            return ImageBuilder.Artefact(name: "uki", size: kernelImage.count, digest: SHA256.hash(kernelImage))
        }
        let artefacts = rootArtefacts + [kernelImage]
        let manifest = try Manifest(
            blueprint: request.blueprint, lock: lock, plan: plan, rootHash: rootHash,
            artefacts: artefacts
        ).json
        try phase(.data) {
            let path = "lib/pisces/generations/\(ImagePlan.firstGeneration)/manifest.json"
            try builder.writeData(files: [(path, manifest.canonicalBytes)], to: image.descriptor)
        }
        try phase(.verify) {
            try builder.finish(image, rootHash: rootHash, rootSize: rootArtefacts[0].size)
        }
        // Nothing but a rename is left to fail once the image has its name.
        let manifestFile = try AtomicFile.create(first.manifestPath)
        try manifestFile.descriptor.writeAll(manifest.pretty)
        try image.commit()
        try manifestFile.commit()
        return manifest
    }

    /// Refuses what cannot be constructed, before anything is fetched or made.
    public func check() throws {
        let (blueprint, lock) = (request.blueprint, request.lock)
        let digest = SHA256.hash(blueprint.canonicalBytes)
        guard lock.blueprint == digest, lock.architecture == blueprint.distribution.architecture.rawValue else {
            throw ConstructorError(
                "the lock is not of this blueprint: it was made for \(lock.blueprintName) with digest "
                    + "\(lock.blueprint.hex.prefix(12)), the blueprint has \(digest.hex.prefix(12))"
                    + repositoriesOutsideLock.map { "; the lock knows nothing of the repository \($0)" }.joined(),
                hint: "run `pisces lock` to resolve the blueprint as it is now")
        }
        guard lock.tools["pisces"] == piscesVersion else {
            throw ConstructorError(
                "the lock was made for pisces \(lock.tools["pisces"] ?? "of no version"), this is \(piscesVersion): "
                    + "it would make other bits",
                hint: "run that version, or `pisces lock --update`")
        }
        // Scripts stamp what they make with the clock; what is newer than the epoch is cut to it, older stays.
        guard lock.epoch <= time(nil) else {
            throw ConstructorError(
                "the lock's epoch \(lock.epoch) is in the future of this machine's clock",
                hint: "set the clock, or an earlier `image: epoch`")
        }
        guard blueprint.image.verity else {
            throw ConstructorError("image: verity: a root without verity is not supported", hint: "leave the key out")
        }
        guard blueprint.distribution.debian == .trixie else {
            throw ConstructorError(
                "distribution: debian: an image of \(blueprint.distribution.debian.rawValue) is not supported",
                hint: "use trixie")
        }
        let plan = try ImagePlan(blueprint: blueprint, seed: digest, layout: request.layout)
        do throws(SystemError) {
            for output in request.outputs {
                let file = try AtomicFile.create(output.path)
                guard output.form.isDisk else { continue }
                try file.descriptor.truncate(to: plan.size)
                _ = try AtomicFile.create(output.manifestPath)
            }
        } catch {
            throw ConstructorError(
                "the output cannot be written: \(error)",
                hint: error.isTooLarge
                    ? "set smaller sizes by `image: slot` and `image: data`"
                    : "choose another place with --output, or make its folder")
        }
    }

    private var repositoriesOutsideLock: [String] {
        let known = request.lock.packages.map { package in
            switch package.source {
            case .directory(let name): name
            case .release(let name): String(name.prefix { $0 != "/" })
            }
        }
        return Set(request.blueprint.repositories.keys).subtracting(known).sorted(by: bytesPrecede)
    }

    /// Says what to do about a full disk.
    private func withRemedy(_ error: any Error) -> any Error {
        let cause: SystemError? =
            switch error {
            case let error as SystemError: error
            case let error as DiskError: error.cause
            case FilesystemError.system(let error): error
            default: nil
            }
        guard let cause, cause.isFull else { return error }
        let isInWorkshop = cause.subject.hasPrefix(request.workDirectory)
        return ConstructorError(
            "\(error)",
            hint: isInWorkshop
                ? "the root is made in memory, in half of it at most: free some, or leave packages out"
                : "free some space there, or choose another place with --output")
    }

    private func phase<Result>(_ phase: ConstructionPhase, _ body: () throws -> Result) throws -> Result {
        report(.began(phase))
        let result = try body()
        report(.ended(phase))
        return result
    }

    // MARK: - Phases

    private func unpack(into root: StagedRoot) throws -> [UnpackedPackage] {
        let packages = request.lock.packages
        let done = Counter()
        let sources = PackageSource(store: request.store, cache: request.cache)
        let unpack = Unpack(root: root, packages: packages, open: sources.open)
        let report = report
        let unpacked = try unpack.run { _ in report(.advanced(done: done.next(), total: packages.count)) }
        for (path, mode) in [("dev", 0o755), ("proc", 0o555), ("sys", 0o555), ("run", 0o755), ("tmp", 0o1777)]
            as [(String, UInt32)]
        {
            try root.makeDirectory(path, mode: mode)
        }
        return unpacked
    }

    /// Applies the blueprint, and completes the lock with the numbers that scripts and useradd chose.
    private func customize(_ root: StagedRoot, runner: @escaping ToolRunner) throws -> Lock {
        var lock = request.lock
        try Customization(root: root, blueprint: request.blueprint, lock: lock, inRoot: runner).run()
        let (_, settled) = try identities(of: root, lock: lock)
        lock.users.merge(settled.users) { $1 }
        lock.groups.merge(settled.groups) { $1 }
        // What the machine is made of, for the people who meet it and for drift; the copier never reads it.
        try root.write(request.blueprint.canonicalBytes, to: "usr/lib/pisces/system/blueprint.json")
        try root.write(lock.text, to: "usr/lib/pisces/system/lock")
        return lock
    }

    /// The numbers in the staged root, and those that the image is to have.
    private func identities(of root: StagedRoot, lock: Lock) throws -> (seen: Identities, wanted: Identities) {
        let (users, groups) = (request.blueprint.users, request.blueprint.groups)
        let chosen = Identities(
            users: users.compactMapValues { $0.uid.map { UInt32(clamping: $0) } },
            groups: groups.compactMapValues { $0.gid.map { UInt32(clamping: $0) } })
        let names = (users: Set(chosen.users.keys), groups: Set(chosen.groups.keys))
        let seen = Identities(accounts: try Accounts(root: root), chosen: names)
        let locked = Identities(
            users: lock.users.filter { !names.users.contains($0.key) },
            groups: lock.groups.filter { !names.groups.contains($0.key) })
        return (seen, try seen.settled(by: locked, chosen: chosen))
    }

    /// The staged root as a tree, with the numbers of users that the lock gives.
    private func scan(_ root: StagedRoot, lock: Lock) throws -> FileTree {
        var tree = try FileTree.scan(root.directory)
        let (seen, wanted) = try identities(of: root, lock: lock)
        seen.renumber(
            &tree, to: wanted, passwd: try root.readText("etc/passwd"), group: try root.readText("etc/group"))
        return tree
    }

    /// Runs programs in the sandbox over the staged root, with the scratch directory at ``scratchInRoot``.
    private static func sandboxRunner(root: String, scratch: String) -> ToolRunner {
        { argv, environment, input in
            var sandbox = Sandbox(root: root)
            sandbox.binds = [Sandbox.Bind(scratch, at: scratchInRoot, isReadOnly: false)]
            sandbox.environment = environment
            var command = try sandbox.command(argv)
            if let input { command.input = .bytes(input) }
            let result = try command.run(accepting: 0...255)
            return (result.status.shellStatus, result.output, result.errorOutput)
        }
    }
}

/// A count that several threads advance.
private final class Counter: Sendable {
    private let value = Mutex(0)

    func next() -> Int {
        value.withLock { value in
            value += 1
            return value
        }
    }
}
