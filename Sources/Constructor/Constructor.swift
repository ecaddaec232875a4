internal import Archive
public import BlueprintModel
internal import BootArtefacts
public import ContentStore
public import Debian
internal import Disk
internal import Filesystems
internal import Glibc
public import LinuxSystem
internal import Synchronization

/// What is to be constructed, and from what.
public struct ConstructionRequest: Sendable {
    /// The blueprint.
    public var blueprint: Blueprint
    /// What it resolved to; its digest of the blueprint must be right.
    public var lock: Lock
    /// The layout that the blueprint names; nil will do where no output is a disk.
    public var layout: ImageLayout?
    /// Where the locked packages are.
    public var store: ObjectStore
    /// What earlier builds left for this one; nil: everything is made anew.
    public var cache: BuildCache?
    /// An empty directory of the workshop for the staged root.
    public var workDirectory: String
    /// What is to be made, and where it goes.
    public var outputs: [Output]
    /// Signs what the firmware and the boot loader start; nil leaves it unsigned.
    public var signingKey: SigningKey?
    /// The number by which downgrades are recognised, from 0 on; nil takes the lock's epoch.
    public var release: Int?
    /// Signs the generation's manifest; nil leaves it unsigned.
    public var manifestSigner: ManifestSigner?
    /// What is written beside a disk image for others to read.
    public var documents = DocumentOptions()

    /// Makes a request.
    public init(
        blueprint: Blueprint, lock: Lock, layout: ImageLayout?, store: ObjectStore, cache: BuildCache? = nil,
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
    /// The digest of the OCI image's manifest, by which registries know it; nil where none was made.
    public var imageDigest: Digest?
}

/// A step of a construction, in order.
public enum ConstructionPhase: String, Sendable, CaseIterable {
    case restore = "restore configured packages"
    case unpack = "unpack packages"
    case configure = "configure packages"
    case customize = "apply blueprint"
    /// Only where an output is a form of the plain tree.
    case tree = "write file tree"
    case root = "write root"
    case boot = "make boot files"
    case data = "make data partition"
    case verify = "verify image"
    /// Only where an output is another form of the disk than the one it is built in.
    case forms = "write further forms"
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

/// The universal constructor: a locked blueprint becomes a disk image that boots, or a file tree.
///
/// Runs in a ``Workshop``. All outputs, with what goes beside them, appear whole under their final names, or none does.
public struct Constructor: Sendable {
    let request: ConstructionRequest
    let report: @Sendable (ConstructionEvent) -> Void
    /// Called when the packages or the blueprint could not be made, with the sandbox over the root as it is then; after
    /// it the construction fails, and the root is no more.
    public var inspect: (@Sendable (any Error, Sandbox) -> Void)?

    /// A constructor for one request.
    public init(_ request: ConstructionRequest, report: @escaping @Sendable (ConstructionEvent) -> Void) {
        self.request = request
        self.report = report
    }

    /// Constructs; a failure leaves the outputs' names as they were.
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
        let sandbox = Self.sandbox(root: rootPath, scratch: scratch)
        let runner = Self.runner(sandbox, scratch: scratch)

        let lock: Lock
        do {
            try configuredPackages(in: root, scratch: try StagedRoot(path: scratch), runner: runner)
            lock = try phase(.customize) {
                let lock = try customize(root, runner: runner)
                try requireRoom()
                return lock
            }
        } catch {
            inspect?(error, sandbox)
            throw error
        }
        let tree = try scan(root, lock: lock)

        let writer = OutputWriter(
            outputs: request.outputs, blueprint: request.blueprint, lock: lock, root: root,
            signer: request.manifestSigner)
        var written: [PendingOutput] = []
        var construction = Construction(lock: lock)
        if request.outputs.contains(where: { !$0.form.isDisk }) {
            try phase(.tree) {
                let plain = RootTree.plain(from: tree, epoch: lock.epoch)
                try SecretScan(root: root).run(plain)
                let (forms, image) = try writer.write(plain)
                written += forms
                construction.imageDigest = image
            }
        }
        if let output = OutputWriter.diskOutput(of: request.outputs) {
            let disk = try buildDisk(tree, output: output, root: root, lock: lock, scratch: scratch, runner: runner)
            construction.manifest = disk.facts.manifest
            let hasMore = request.outputs.contains { $0.form.isDisk && $0 != output } || output.form != .raw
            if hasMore { report(.began(.forms)) }
            let documents = try documents(beside: output, of: disk, root: root, lock: lock)
            written += try writer.write(disk) + documents
            if hasMore { report(.ended(.forms)) }
        }
        try PendingOutput.commit(written)
        try remember(construction, at: written.map(\.path))
        return construction
    }

    /// Unpacks and configures the packages, or restores what an earlier build made of the same packages.
    private func configuredPackages(in root: StagedRoot, scratch: StagedRoot, runner: @escaping ToolRunner) throws {
        let key = try configurationKey()
        if let configured = request.cache?.open(key) {
            report(.began(.restore))
            try root.restore(configured, name: "configured packages")
            return report(.ended(.restore))
        }
        let installation = try phase(.unpack) {
            var installation = try Installation(
                root: root, scratch: scratch, packages: request.lock.packages, answers: request.blueprint.debconf,
                epoch: request.lock.epoch, inRoot: runner,
                sources: PackageSource(store: request.store, cache: request.cache))
            let (done, total) = (Counter(), request.lock.packages.count)
            try installation.unpackAll { [report] in report(.advanced(done: done.next(), total: total)) }
            if wantsDisk { try boot(root).check() }
            return installation
        }
        try phase(.configure) {
            try installation.configureAll()
            try requireRoom()
        }
        guard let cache = request.cache else { return }
        let tree = try FileTree.scan(root.directory)
        // Full or out of order, or a tree that no archive can hold: that costs the next build time, nothing else.
        _ = try? cache.store(key) { _ = try TarWriter.write(tree, source: root.directory, to: $0, at: 0) }
    }

    /// The digest of all that configured packages depend on: this program, the packages, which of them were asked for,
    /// what they are answered, and the time that scripts are told.
    private func configurationKey() throws -> Digest {
        let lock = request.lock
        var parts = ["configured packages 1", lock.architecture, "\(lock.epoch)"] + (try programDigests())
        parts += lock.packages.map { "\($0.name) \($0.digest) \($0.isManual)" }
        parts += lock.packages.flatMap { $0.pristine.map { "\($0.value) \($0.key)" }.sorted(by: bytesPrecede) }
        parts += request.blueprint.debconf.flatMap { package, answers in
            answers.map { "\(package) \($0.key) \($0.value)" }
        }.sorted(by: bytesPrecede)
        return SHA256.hash(Array(parts.joined(separator: "\n").utf8))
    }

    /// The digests of the programs that construct.
    func programDigests() throws -> [String] { try Self.ownDigests.get() }

    /// They stay the same while this one runs.
    private static let ownDigests = Result {
        try ["/proc/self/exe", try Workshop.findHelper()].flatMap { path in
            // In parts, on all processors: each command that constructs waits for it.
            let size = try Descriptor.open(path).status().size
            return try parallelMap(count: (size >> 20) + 1) { part in
                let range = part << 20..<min(size, (part + 1) << 20)
                return try SHA256.hash(try Descriptor.open(path), in: range).hex
            }
        }
    }

    private func boot(_ root: StagedRoot) -> Boot {
        Boot(root: root, blueprint: request.blueprint, epoch: request.lock.epoch, signingKey: request.signingKey)
    }

    var wantsDisk: Bool { request.outputs.contains(where: \.form.isDisk) }

    /// Builds the disk image in a file without a name, in the place of the given output.
    private func buildDisk(
        _ tree: FileTree, output: Output, root: StagedRoot, lock: Lock, scratch: String, runner: @escaping ToolRunner
    ) throws -> BuiltDisk {
        let plan = try imagePlan()
        let image = try AtomicFile.create(output.path)
        try image.descriptor.truncate(to: plan.size)
        let builder = ImageBuilder(
            plan: plan, root: root,
            filesystem: RootFilesystem(
                image: request.blueprint.image, plan: plan, epoch: lock.epoch, scratch: scratch),
            epoch: lock.epoch, inRoot: runner, scratch: scratch)
        let (rootHash, rootArtefacts) = try phase(.root) {
            let readOnly = try RootTree.readOnly(from: tree, epoch: lock.epoch)
            try SecretScan(root: root).run(readOnly)
            let tools = {
                try Tools(
                    lock.toolPackages, from: PackageSource(store: request.store, cache: request.cache),
                    at: "\(request.workDirectory)/tools", scratch: scratch)
            }
            return try builder.writeRoot(readOnly, tools: tools, to: image.descriptor)
        }
        let boot = boot(root)
        let (kernelImage, kernelDigest) = try phase(.boot) {
            let kernelImage = try boot.kernelImage(commandLine: boot.commandLine(rootHash: rootHash))
            let digest = SHA256.hash(kernelImage)
            let title = SystemPartition.title(request.blueprint.name, generation: ImagePlan.firstGeneration)
            try builder.writeSystemPartition(
                try boot.systemPartition(kernelImage: kernelImage, digest: digest, title: title),
                to: image.descriptor)
            return (kernelImage, digest)
        }
        let artefacts =
            rootArtefacts + [.init(name: "uki", size: kernelImage.count, digest: kernelDigest)]
        let manifest = { (release: Int?) in
            try Manifest(
                blueprint: request.blueprint, lock: lock, plan: plan, rootHash: rootHash, artefacts: artefacts,
                commandLine: boot.commandLine(rootHash: rootHash), release: release
            ).json
        }
        try phase(.data) {
            let path = "lib/pisces/generations/\(ImagePlan.firstGeneration)/manifest.json"
            try builder.writeData(
                files: [(path, try manifest(nil).canonicalBytes)],
                objects: request.blueprint.image.store ? lock.objects : [],
                of: request.store,
                to: image.descriptor)
        }
        try phase(.verify) {
            try builder.finish(image, rootHash: rootHash, rootSize: rootArtefacts[0].size)
        }
        let facts = BuiltDisk.Facts(
            plan: plan, rootHash: rootHash, artefacts: artefacts, kernelImage: kernelImage, release: release(of: lock),
            manifest: try manifest(release(of: lock)))
        return BuiltDisk(image: image, facts: facts)
    }

    /// The number that the manifest bears.
    func release(of lock: Lock) -> Int { request.release ?? Int(lock.epoch) }

    func imagePlan() throws -> ImagePlan {
        let blueprint = request.blueprint
        guard let layout = request.layout else {
            throw ConstructorError("there is no layout \(blueprint.image.layout)")
        }
        return try ImagePlan(blueprint: blueprint, seed: request.lock.blueprint, layout: layout)
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
                ? ConstructorError.fullMemoryHint
                : "free some space there, or choose another place with --output")
    }

    /// Refuses to go on where the memory is all but full: a script that found no room may have hidden that, and what it
    /// made would be other bits. More than this is hardly ever given back by one that failed.
    private func requireRoom() throws {
        let wanted = 64 << 20
        var status = statvfs()
        guard statvfs(request.workDirectory, &status) == 0 else {
            throw SystemError(call: "statvfs", subject: request.workDirectory, code: errno)
        }
        let left = Int(status.f_bavail) * Int(status.f_frsize)
        guard left >= wanted else {
            throw ConstructorError(
                "there is too little room for the root in \(request.workDirectory): \(humanSize(left)) are left of "
                    + "\(humanSize(Int(status.f_blocks) * Int(status.f_frsize))), less than \(humanSize(wanted)), so that "
                    + "a script may have failed without a word",
                hint: ConstructorError.fullMemoryHint)
        }
    }

    private func phase<Result>(_ phase: ConstructionPhase, _ body: () throws -> Result) throws -> Result {
        report(.began(phase))
        let result = try body()
        report(.ended(phase))
        return result
    }

    // MARK: - Phases

    /// Applies the blueprint, and completes the lock with the numbers that scripts and useradd chose.
    private func customize(_ root: StagedRoot, runner: @escaping ToolRunner) throws -> Lock {
        var lock = request.lock
        try Customization(root: root, blueprint: request.blueprint, lock: lock, inRoot: runner).run()
        let (_, settled) = try identities(of: root, lock: lock)
        lock.users.merge(settled.users) { $1 }
        lock.groups.merge(settled.groups) { $1 }
        // What the machine is made of, for the people who meet it and for drift; the copier never reads it.
        try root.write(request.blueprint.canonicalBytes, to: blueprintInTree)
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
        try FileAttributes(accounts: try Accounts(root: root)).set(request.blueprint.files, in: &tree)
        let (seen, wanted) = try identities(of: root, lock: lock)
        seen.renumber(
            &tree, to: wanted, passwd: try root.readText("etc/passwd"), group: try root.readText("etc/group"))
        // Only where podman is told of it (``Customization``), which then wants one even without images.
        if request.blueprint.containers.isEmpty { return tree }
        // After that: the numbers in container images are not the system's.
        try ImageStorage.add(
            lock.images, to: &tree, store: request.store, root: root, architecture: lock.architecture,
            epoch: lock.epoch)
        return tree
    }

    /// The sandbox over the staged root, with the scratch directory at ``scratchInRoot``.
    private static func sandbox(root: String, scratch: String) -> Sandbox {
        Sandbox(root: root, binds: [Sandbox.Bind(scratch, at: scratchInRoot, isReadOnly: false)])
    }

    private static func runner(_ sandbox: Sandbox, scratch: String) -> ToolRunner {
        { argv, environment, input in
            var sandbox = sandbox
            sandbox.environment = environment
            sandbox.binds += PerlServer.binds(scratch: scratch)
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

/// Where every constructed tree has the blueprint that it was made from.
let blueprintInTree = "usr/lib/pisces/system/blueprint.json"
