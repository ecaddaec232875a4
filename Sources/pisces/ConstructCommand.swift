import ArgumentParser
import BlueprintModel
import Constructor
import ContentStore
import Debian
import LinuxSystem

struct ConstructCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "construct",
        abstract: "Construct a bootable disk image, or a file tree, from a blueprint.",
        discussion: """
            Only packages that the lock names enter the outputs. The first run makes the lock, beside the blueprint. Works \
            as root and as an ordinary user with a range of subordinate ids (subuid(5)).

            Of the disk: raw; qcow2; split, a directory with root, hash tree and kernel image for updaters.
            Of the plain tree, which needs no kernel: tar; directory; oci, an image layout; oci-archive, the same in a file.
            One run makes all outputs; the endings .raw, .qcow2, .split, .tar, .directory, .oci, .oci.tar tell the form.
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

    @Flag(name: .long, help: "Use nothing of earlier builds, and leave nothing for later ones.")
    var noCache = false

    @Option(name: .long, help: "The most GiB that results of builds may take in the cache; the oldest go first.")
    var cacheLimit = 8

    func run() throws {
        Pisces.saySoWhenInterrupted()
        let console = Console(output)
        // First what can fail in an instant, so that mistakes show before anything is set up.
        let outputs = try self.outputs.map { try Output(argument: $0) }
        let loaded = try argument.load()
        let signingKey = try secureBoot.signingKey()
        let wanted = outputs.isEmpty ? [Output(.raw, path: "\(loaded.blueprint.name).raw")] : outputs
        let layout =
            wanted.contains(where: \.form.isDisk)
            ? try Workspace.layout(named: loaded.blueprint.image.layout, near: argument.blueprint) : nil
        let mountPoint = try Workspace.cacheDirectory("workshop")
        if !Workshop.isInside { try Workshop.enter(mounting: [.init(directory: mountPoint)]) }

        let resolver = Resolver(loaded: loaded, path: argument.blueprint, options: sources, console: console)
        let lockPath = Workspace.lockPath(of: argument.blueprint)
        let lock = try lock(at: lockPath, resolver: resolver, console: console)
        let store = try resolver.openStore()
        var request = ConstructionRequest(
            blueprint: loaded.blueprint, lock: lock, layout: layout, store: store, cache: try openCache(),
            workDirectory: mountPoint, outputs: wanted)
        request.signingKey = signingKey
        request.documents = documents.options
        let constructor = Constructor(request) { event in
            switch event {
            case .began(let phase): console.begin(phase.rawValue)
            case .advanced(let done, let total): console.advance(done, of: total, "\(done) of \(total)")
            case .ended: console.end()
            }
        }
        try constructor.check()
        try resolver.fetch(lock, into: store)
        let construction = try constructor.run()
        try request.cache?.trim()
        if construction.lock != lock {
            try Workspace.write(construction.lock, to: lockPath)
            console.note("wrote the numbers of system users into \(lockPath)")
        }
        if let hash = construction.manifest?["root-hash"]?.string { console.note("root hash \(hash)") }
        for output in wanted {
            console.result(self.output.json ? json(output, of: construction).canonical : output.path)
        }
        if let image = wanted.first(where: { [.raw, .qcow2].contains($0.form) }) {
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
        case .raw, .qcow2, .split: members["manifest"] = construction.manifest
        case .oci, .ociArchive: members["digest"] = construction.imageDigest.map { .string("sha256:\($0)") }
        case .tar, .directory: break
        }
        return .object(members)
    }

    private func lock(at path: String, resolver: Resolver, console: Console) throws -> Lock {
        if let lock = try Workspace.lock(at: path) { return lock }
        console.note("no lock yet: resolving into \(path)")
        let lock = try resolver.resolve(previous: nil)
        try Workspace.write(lock, to: path)
        return lock
    }
}
