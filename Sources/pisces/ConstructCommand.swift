import ArgumentParser
import BlueprintModel
import Constructor
import ContentStore
import Controller
import Debian
import LinuxSystem

struct ConstructCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "construct",
        abstract: "Construct a bootable disk image, or a file tree, from a blueprint.",
        discussion: """
            Only packages that the lock names enter the outputs. The first run makes the lock, beside the blueprint. Works \
            as root and as an ordinary user with a range of subordinate ids (subuid(5)). A sealed system, NAME.seal of \
            `pisces copy --seal`, has all it takes: then no network is used, and nothing that has another digest.

            Of the disk: raw; qcow2; split, a directory with root, hash tree and kernel image for updaters; split-archive, \
            the same in a file.
            Of the plain tree, which needs no kernel: tar; directory; oci, an image layout; oci-archive, the same in a file.
            One run makes all outputs; the endings .raw, .qcow2, .split, .split.tar, .tar, .directory, .oci, .oci.tar \
            tell the form.
            """)

    @OptionGroup var argument: BlueprintArgument
    @OptionGroup var sources: SourceOptions
    @OptionGroup var secureBoot: SecureBootOptions
    @OptionGroup var documents: DocumentArguments
    @OptionGroup var output: OutputOptions

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: "What to make, as [FORM:]PATH; may be repeated (default: NAME.raw).", completion: .file())
    var outputs: [String] = []

    @Option(
        name: .long,
        help:
            "The number that machines recognise downgrades by; each release needs a higher one (default: the lock's epoch)."
    )
    var release: Int?

    @Option(
        help: ArgumentHelp(
            "Sign the manifest with this Ed25519 key (PEM, no passphrase), as `pisces key generate` makes it.",
            valueName: "file"),
        completion: .file())
    var signKey: String?

    @Flag(name: .long, help: "Replace any file that is where an output goes, not only what Pisces has made.")
    var force = false

    @Flag(name: .long, help: "Use nothing of earlier builds, and leave nothing for later ones.")
    var noCache = false

    @Option(name: .long, help: "The most GiB that results of builds may take in the cache; the oldest go first.")
    var cacheLimit = 8

    @Option(
        name: .long, help: "Build on disk in this folder instead of in memory; the same bits, slower.",
        completion: .directory)
    var work: String?

    @Flag(name: .long, help: "Print what would be made, and make nothing; needs a lock.")
    var dryRun = false

    @Flag(name: .long, help: "Open a shell in the root when a package's script or a tool of the root fails.")
    var debugShell = false

    func validate() throws {
        if let release, release < 0 { throw ValidationError("--release is a whole number from 0 on") }
    }

    func run() throws {
        Pisces.saySoWhenInterrupted(isOnDisk: work != nil)
        let console = Console(output)
        // First what can fail in an instant, so that mistakes show before anything is set up.
        let outputs = try self.outputs.map { try Output(argument: $0) }
        if debugShell { try DebugShell.requireTerminal() }
        let sealed = try argument.blueprint.hasSuffix(Seal.suffix) ? SealedInput(argument.blueprint) : nil
        let loaded = try sealed?.system.loaded ?? argument.load()
        let signingKey = try secureBoot.signingKey()
        let manifestSigner = try signKey.map { try ManifestSigner(keyFile: $0) }
        let wanted = outputs.isEmpty ? [Output(.raw, path: "\(loaded.blueprint.name).raw")] : outputs
        for output in wanted { try output.requireReplaceable(force: force) }
        let layout =
            wanted.contains(where: \.form.isDisk)
            ? try sealed?.system.layout(named: loaded.blueprint.image.layout)
                ?? Workspace.layout(named: loaded.blueprint.image.layout, near: argument.blueprint) : nil
        let mountPoint = try Workspace.cacheDirectory("workshop")
        if !dryRun, !Workshop.isInside {
            try Workshop.enter(mounting: work == nil ? [.init(directory: mountPoint)] : [])
        }
        let workDirectory = dryRun ? nil : try work.map { try WorkDirectory(in: $0) }
        defer { withExtendedLifetime(workDirectory) {} }

        let resolver = Resolver(loaded: loaded, path: argument.blueprint, options: sources, console: console)
        let lockPath = Workspace.lockPath(of: argument.blueprint)
        let lock = try sealed?.system.lock ?? lock(at: lockPath, resolver: resolver, console: console)
        var request = ConstructionRequest(
            blueprint: loaded.blueprint, lock: lock, layout: layout, store: try resolver.openStore(),
            cache: try openCache(), workDirectory: workDirectory?.path ?? mountPoint, outputs: wanted)
        request.signingKey = signingKey
        request.manifestSigner = manifestSigner
        request.release = release
        request.documents = documents.options
        var constructor = Constructor(request) { event in
            switch event {
            case .began(let phase): console.begin(phase.rawValue)
            case .advanced(let done, let total): console.advance(done, of: total, "\(done) of \(total)")
            case .ended: console.end()
            }
        }
        if dryRun {
            let preview = ConstructPreview(preview: try constructor.preview(), outputs: request.outputs)
            return console.result(output.json ? preview.json.canonical : preview.text)
        }
        if debugShell { constructor.inspect = { DebugShell.open(after: $0, in: $1, console) } }
        try constructor.check()
        if let construction = try constructor.repetition() {
            console.note("nothing has changed since the last run")
            return tell(construction, request.outputs, console)
        }
        try sealed?.restore(into: request.store, console)
        try resolver.fetch(lock, into: request.store)
        let construction = try constructor.run()
        try request.cache?.trim()
        // A seal is never changed: it has these numbers of the system that was copied.
        if construction.lock != lock, sealed == nil {
            try Workspace.write(construction.lock, to: lockPath)
            console.note("wrote the numbers of system users into \(lockPath)")
        }
        tell(construction, request.outputs, console)
    }

    private func tell(_ construction: Construction, _ outputs: [Output], _ console: Console) {
        if let hash = construction.manifest?["root-hash"]?.string { console.note("root hash \(hash)") }
        for output in outputs {
            console.result(self.output.json ? json(output, of: construction).canonical : output.path)
        }
        if let image = outputs.first(where: { [.raw, .qcow2].contains($0.form) }) {
            console.note("try it: pisces boot \(image.path)")
        }
    }

    private func openCache() throws -> BuildCache? {
        if noCache { return nil }
        return try BuildCache(try Workspace.cacheDirectory("build"), limitBytes: Int64(cacheLimit) << 30)
    }

    private func json(_ output: Output, of construction: Construction) -> JSONValue {
        var members: [String: JSONValue] = ["form": .string(output.form.rawValue), "output": .string(output.path)]
        switch output.form {
        case .raw, .qcow2, .split, .splitArchive: members["manifest"] = construction.manifest
        case .oci, .ociArchive: members["digest"] = construction.imageDigest.map { .string("sha256:\($0)") }
        case .tar, .directory: break
        }
        return .object(members)
    }

    private func lock(at path: String, resolver: Resolver, console: Console) throws -> Lock {
        if let lock = try Workspace.lock(at: path) { return lock }
        if dryRun { throw Failure("\(path): there is no lock yet, and --dry-run makes none; run `pisces lock` first") }
        console.note("no lock yet: resolving into \(path)")
        let lock = try resolver.resolve(previous: nil)
        try Workspace.write(lock, to: path)
        return lock
    }
}
