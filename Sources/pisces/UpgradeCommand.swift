import ArgumentParser
import BlueprintModel
import Controller
import LinuxSystem
import SlotMachine
import Verifier

struct UpgradeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract: "Install a generation into the slot that is not running.",
        discussion: """
            SOURCE is a directory with split artefacts, as `pisces construct --output split:DIRECTORY` makes them. \
            All that is written is read back from the disk and compared with the manifest. An upgrade that was \
            interrupted goes on where it was. The running system and its boot entry stay as they are until the flip.
            """)

    @Argument(help: "Where the generation comes from.", completion: .file())
    var source: String

    @Flag(name: .long, help: "Install it although it is older than the floor, failed before, or is what runs.")
    var insist = false

    @Flag(name: .long, help: "Let the next start boot it, as pisces flip does.")
    var flip = false

    @Flag(name: .long, help: "Flip, and restart at once.")
    var reboot = false

    @OptionGroup var tries: TriesOption

    @OptionGroup var output: OutputOptions

    func run() throws {
        let console = Console(output)
        var machine = try SlotCommand.open(console)
        let bytes = try Workspace.readFile("\(source)/manifest.json", limit: 1 << 24)
        let manifest = try GenerationManifest(parsing: bytes, file: "\(source)/manifest.json")
        let upgrade = try Self.upgrade(manifest, source)
        var step: Controller.Step?
        machine.controller.progress = { current, done, total in
            if step != current {
                if step != nil { console.end() }
                console.begin(current == .writing ? "write" : "read back")
                step = current
            }
            console.advance(done, of: total, humanSize(done))
        }
        let notices = try machine.controller.upgrade(upgrade, insisting: insist)
        if step != nil { console.end() }
        try SlotCommand.tell(notices, machine, console)
        guard let target = machine.controller.record.target else { return }
        try RunningMachine.keep(manifest: bytes, of: target.number)
        SlotCommand.note("staged", target.number, "installed from \(source)", machine)
        console.note(
            "generation \(target.number) is staged in slot \(machine.controller.record.good.slot.other.rawValue)")
        if flip || reboot { return try FlipCommand.flip(&machine, tries: tries.tries, reboot: reboot, console) }
        console.note("next: pisces flip, then restart")
    }

    private static func upgrade(_ manifest: GenerationManifest, _ source: String) throws -> Upgrade {
        let names = try Descriptor.directory(source).entries()
        func path(_ suffix: String) throws -> String {
            guard let name = names.first(where: { $0.hasSuffix(suffix) }) else { throw Failure("no \(suffix)") }
            return "\(source)/\(name)"
        }
        let paths: [Artefact: String] = [
            .root: try path(".root.erofs"), .hashTree: try path(".verity"), .kernelImage: try path(".efi"),
        ]
        func contents(_ artefact: GenerationManifest.Artefact) -> Contents {
            Contents(sizeBytes: artefact.size, digest: artefact.digest)
        }
        return Upgrade(
            name: manifest.name, release: manifest.generation,
            rootHash: manifest.rootHash, root: contents(manifest.root), hashTree: contents(manifest.hashTree),
            kernelImage: contents(manifest.kernelImage)
        ) { artefact, offset, count in
            try Descriptor.open(paths[artefact] ?? "").bytes(at: offset, count: count)
        }
    }
}
