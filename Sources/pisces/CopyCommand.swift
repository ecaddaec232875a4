import ArgumentParser
import BlueprintModel
import Copier
import Debian
import Glibc
import LinuxSystem

struct CopyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Write a Debian system down as a blueprint.",
        discussion: """
            Reads the running system, or the one below --root, and writes the blueprint of a system like it: packages, \
            repositories, users, units, network, kernel, containers. Nothing of the system is changed, no secret is \
            written; standard error tells what was left out, and why. Run it as root, or some registers cannot be read.
              pisces copy --output node.yaml
              pisces copy --root /mnt --offspring --name spare --output spare.yaml
            """)

    @Option(name: .long, help: "The root of the system, a directory.", completion: .directory)
    var root = "/"

    @Option(name: [.short, .long], help: "The blueprint to write (default: standard output).", completion: .file())
    var output: String?

    @Option(name: .long, help: "What the blueprint is called (default: the host's name).")
    var name: String?

    @Flag var identity: CopyIdentity = .self

    @OptionGroup var outputOptions: OutputOptions

    func validate() throws {
        if let name, !TextForm.name.allows(name) {
            throw ValidationError("--name \(name): wanted lower-case letters, digits and \"-\", at most 63")
        }
    }

    func run() throws {
        let console = Console(outputOptions)
        let copy = try copier().copy()
        let text = copy.blueprint.yaml
        try Self.check(copy.blueprint, text)
        for omission in copy.report.omissions {
            if !outputOptions.json { console.note("left out: \(omission)") }
        }
        if let output { try AtomicFile.write(Array(text.utf8), to: output) }
        if outputOptions.json { return console.result(answer(copy).canonical) }
        guard let output else { return console.result(String(text.dropLast())) }
        console.result(output)
    }

    private func copier() throws -> Copier {
        let directory: SourceRoot
        do throws(SystemError) {
            directory = try SourceRoot(path: root)
        } catch {
            throw Failure("\(error)\n  to mend it: name the root of a Debian system by --root")
        }
        var copier = Copier(directory)
        copier.identity = identity == .self ? .same : .offspring
        copier.name = name
        let status = try directory.directory.status()
        let own = try Descriptor.directory("/").status()
        copier.isRunning = (status.device, status.inode) == (own.device, own.inode)
        // A host without apt has no mirrors of its own: then all are written down.
        copier.hostMirror = try? HostMirror.discover(run: runTool)
        return copier
    }

    /// Reads what was written: nothing leaves that a blueprint may not hold, and nothing that is not what was meant.
    private static func check(_ blueprint: Blueprint, _ text: String) throws {
        do {
            let read = try Blueprint.load("copy") { path in
                if path == "copy" { return Array(text.utf8) }
                throw Failure("a copy names no files")
            }
            guard read.blueprint == blueprint else { throw Failure("reading it gives another blueprint") }
        } catch {
            throw Failure("nothing was written, since this would be no valid blueprint: \(error)")
        }
    }

    private func answer(_ copy: SystemCopy) -> JSONValue {
        let omissions = copy.report.omissions.map { omission in
            JSONValue.object([
                "kind": .string(omission.kind), "subject": .string(omission.subject),
                "reason": .string(omission.reason),
            ])
        }
        return .object([
            "name": .string(copy.blueprint.name),
            "digest": .string(SHA256.hash(copy.blueprint.canonicalBytes).hex),
            "blueprint": copy.blueprint.canonicalJSON, "omissions": .array(omissions),
        ])
    }
}

/// Whose copy it is.
enum CopyIdentity: String, EnumerableFlag {
    case `self`
    case offspring

    static func help(for value: CopyIdentity) -> ArgumentHelp? {
        switch value {
        case .self: "The copy is the same machine, for its other slot."
        case .offspring: "The copy is another machine: it is called by the blueprint's name."
        }
    }
}
