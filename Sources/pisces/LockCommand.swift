import ArgumentParser
import BlueprintModel
import Debian
import LinuxSystem

struct LockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Resolve a blueprint into exact packages, by digest.",
        discussion: """
            Writes BLUEPRINT.lock beside the blueprint. A lock that fits the blueprint is left alone, unless --update \
            asks for newer packages: of all, or of those that --package names and what must move with them. Commit the \
            lock together with a store or mirror that keeps the packages.
            """)

    @OptionGroup var argument: BlueprintArgument
    @OptionGroup var sources: SourceOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .long, help: "Resolve anew, though the lock fits the blueprint.")
    var update = false

    @Option(
        name: .customLong("package"),
        help: "With --update or --diff: move this package only; may be repeated. The others stay as they are locked.")
    var packages: [String] = []

    @Flag(
        name: .long, help: "Show what an update would change; write nothing. Exit status 1 if it would change anything."
    )
    var diff = false

    func validate() throws {
        if !packages.isEmpty, !update, !diff { throw ValidationError("--package goes with --update or --diff.") }
    }

    func run() throws {
        Pisces.saySoWhenInterrupted()
        let console = Console(output)
        let loaded = try argument.load()
        let path = Workspace.lockPath(of: argument.blueprint)
        let previous = try Workspace.lock(at: path)
        let digest = SHA256.hash(loaded.blueprint.canonicalBytes)
        if let previous, previous.blueprint == digest, !update, !diff {
            console.note("\(path) fits the blueprint; --update looks for newer packages")
            return
        }
        let resolver = Resolver(loaded: loaded, path: argument.blueprint, options: sources, console: console)
        let lock = try resolver.resolve(
            previous: previous, moving: packages.isEmpty ? nil : try moving(previous, path: path))
        if diff {
            let lines = previous.map { lock.difference(from: $0) } ?? ["+ \(lock.packages.count) packages: no lock yet"]
            for line in lines { console.result(line) }
            if !lines.isEmpty { throw ExitCode(1) }
            return
        }
        try Workspace.write(lock, to: path)
        console.note("wrote \(path)")
    }

    /// The packages to move: each is in the lock, for a name that is not would move nothing.
    private func moving(_ previous: Lock?, path: String) throws -> Set<String> {
        guard let previous else { throw Failure("\(path): there is no lock yet; run without --package") }
        let known = Set(previous.packages.map(\.name))
        let unknown = packages.filter { !known.contains($0) }
        guard unknown.isEmpty else {
            throw Failure("\(path) has no package \(unknown.joined(separator: ", ")); name packages that it has")
        }
        return Set(packages)
    }
}
