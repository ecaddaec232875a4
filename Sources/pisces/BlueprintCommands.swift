import ArgumentParser
import BlueprintModel
import Copier
import LinuxSystem

/// The blueprint that a command is about.
struct BlueprintArgument: ParsableArguments {
    @Argument(help: "The blueprint, a YAML file.", completion: .file(extensions: ["yaml", "yml"]))
    var blueprint: String

    /// Reads and checks it with everything it includes.
    func load() throws -> LoadedBlueprint { try Workspace.load(blueprint) }
}

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check a blueprint and print its digest.",
        discussion: "Reports every problem with file, line and column. Nothing is fetched or written.")

    @OptionGroup var argument: BlueprintArgument
    @OptionGroup var output: OutputOptions

    func run() throws {
        let loaded = try argument.load()
        _ = try Workspace.layout(named: loaded.blueprint.image.layout, near: argument.blueprint)
        let digest = SHA256.hash(loaded.blueprint.canonicalBytes)
        let console = Console(output)
        if output.json {
            let result = JSONValue.object([
                "name": .string(loaded.blueprint.name), "digest": .string(digest.hex), "valid": .bool(true),
            ])
            console.result(result.canonical)
        } else {
            console.result("\(argument.blueprint): \(loaded.blueprint.name) is valid, digest \(digest)")
        }
    }
}

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say what a key is, what a blueprint sets it to, and by which file and line.",
        discussion: """
            With a blueprint: pisces explain Blueprints/minimal.yaml image.layout
            Without one, what it means and its default: pisces explain image.layout
            """)

    @Argument(help: "A blueprint, if any, and a key with dots, such as users.ops.shell.")
    var words: [String]

    func validate() throws {
        guard (1...2).contains(words.count) else { throw ValidationError("Give a key, or a blueprint and a key.") }
    }

    func run() throws {
        let loaded =
            words.count == 2
            ? try Workspace.load(words[0]) : try Blueprint.load("defaults") { _ in Array(Self.defaults.utf8) }
        Console().result(try loaded.explain(words[words.count - 1]).description)
    }

    /// The blueprint that sets nothing that need not be set.
    private static let defaults = "{ blueprint: 1, name: any, distribution: { debian: trixie, architecture: amd64 } }"
}

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what differs between two blueprints, or between one and a system.",
        discussion: """
            Comments and the order of keys do not count. With --running the new one is the running system, or the one \
            below --root: what it is other than the blueprint says, and since when, where somebody wrote that down. Exit \
            status 1 if there are differences, 0 if not.
            """)

    @Argument(help: "The old blueprint.", completion: .file(extensions: ["yaml"]))
    var old: String
    @Argument(help: "The new blueprint.", completion: .file(extensions: ["yaml"]))
    var new: String?

    @Flag(help: "Compare the blueprint with the running system.")
    var running = false

    @Option(help: "With --running: the root of another system, a directory.", completion: .directory)
    var root = "/"

    @Option(
        help: "With --running: the key of the blueprint's keyed hashes, a file, so that a changed secret shows.",
        completion: .file())
    var hashKey: String?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if hashKey != nil && !running { throw ValidationError("--hash-key needs --running") }
        if running == (new != nil) {
            throw ValidationError("name a second blueprint, or --running to compare with this system")
        }
    }

    func run() throws {
        let console = Console(output)
        let blueprint = try Workspace.load(old).blueprint
        let differences =
            if let new {
                Blueprint.diff(blueprint, try Workspace.load(new).blueprint).map { Drift($0) }
            } else {
                try drift(from: blueprint, console)
            }
        for difference in differences {
            console.result(output.json ? Self.json(difference).canonical : difference.description)
        }
        if !differences.isEmpty { throw ExitCode(1) }
    }

    private func drift(from blueprint: Blueprint, _ console: Console) throws -> [Drift] {
        let source = try CopySource(root)
        var copier = try source.copier()
        copier.hasher = try source.hasher(hashKey)
        return try copier.drift(from: blueprint) {
            try source.survey(console, inside: Array(blueprint.files.keys))
        }
    }

    private static func json(_ difference: Drift) -> JSONValue {
        let change = difference.change
        return .object([
            "path": .array(change.path.map { .string($0) }), "old": change.old ?? .null, "new": change.new ?? .null,
            "cause": difference.cause.map { .string($0) } ?? .null,
        ])
    }
}

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Print the JSON Schema of blueprints, for editors.")

    // It ends with a newline of its own, like the file that ships.
    func run() throws { Console().result(String(Blueprint.schema.dropLast())) }
}
