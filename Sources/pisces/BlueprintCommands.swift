import ArgumentParser
import BlueprintModel
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
        abstract: "Say what a key of a blueprint is, what it is set to, and by which file and line.",
        discussion: "Example: pisces explain Blueprints/minimal.yaml image.layout")

    @OptionGroup var argument: BlueprintArgument
    @Argument(help: "The key, with dots: users.ops.shell.")
    var key: String

    func run() throws {
        let loaded = try argument.load()
        Console().result(try loaded.explain(key).description)
    }
}

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what differs between two blueprints.",
        discussion: "Comments and the order of keys do not count. Exit status 1 if they differ, 0 if not.")

    @Argument(help: "The old blueprint.", completion: .file(extensions: ["yaml"]))
    var old: String
    @Argument(help: "The new blueprint.", completion: .file(extensions: ["yaml"]))
    var new: String

    func run() throws {
        let changes = Blueprint.diff(try Workspace.load(old).blueprint, try Workspace.load(new).blueprint)
        for change in changes { Console().result(change.description) }
        if !changes.isEmpty { throw ExitCode(1) }
    }
}

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Print the JSON Schema of blueprints, for editors.")

    // It ends with a newline of its own, like the file that ships.
    func run() throws { Console().result(String(Blueprint.schema.dropLast())) }
}
