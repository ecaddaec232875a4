import ArgumentParser
import BlueprintModel
import Constructor
import ContentStore
import Debian
import LinuxSystem

struct ConstructCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "construct",
        abstract: "Construct a bootable disk image from a blueprint.",
        discussion: """
            Only packages that the lock names enter the image. The first run makes the lock, beside the blueprint. Works \
            as root and as an ordinary user with a range of subordinate ids (subuid(5)).
            """)

    @OptionGroup var argument: BlueprintArgument
    @OptionGroup var sources: SourceOptions
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
        let layout = try Workspace.layout(named: loaded.blueprint.image.layout, near: argument.blueprint)
        let mountPoint = try Workspace.cacheDirectory("workshop")
        if !Workshop.isInside { try Workshop.enter(mounting: [.init(directory: mountPoint)]) }

        let resolver = Resolver(loaded: loaded, path: argument.blueprint, options: sources, console: console)
        let lockPath = Workspace.lockPath(of: argument.blueprint)
        let lock = try lock(at: lockPath, resolver: resolver, console: console)
        let store = try resolver.openStore()
        let request = ConstructionRequest(
            blueprint: loaded.blueprint, lock: lock, layout: layout, store: store, cache: try openCache(),
            workDirectory: mountPoint,
            outputs: outputs.isEmpty ? [Output(.raw, path: "\(loaded.blueprint.name).raw")] : outputs)
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
        if case .object(let manifest) = construction.manifest, case .string(let hash) = manifest["root-hash"] {
            console.note("root hash \(hash)")
        }
        for output in request.outputs where !self.output.json { console.result(output.path) }
        if self.output.json, let manifest = construction.manifest { console.result(manifest.canonical) }
        if let image = request.outputs.first(where: { $0.form == .raw }) {
            console.note("try it: pisces boot \(image.path)")
        }
    }

    private func openCache() throws -> BuildCache? {
        if noCache { return nil }
        return try BuildCache(try Workspace.cacheDirectory("build"), limitBytes: Int64(cacheLimit) << 30)
    }

    private func lock(at path: String, resolver: Resolver, console: Console) throws -> Lock {
        if let lock = try Workspace.lock(at: path) { return lock }
        console.note("no lock yet: resolving into \(path)")
        let lock = try resolver.resolve(previous: nil)
        try Workspace.write(lock, to: path)
        return lock
    }
}
