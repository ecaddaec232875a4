import ArgumentParser
import Controller
import Glibc
import Health
import LinuxSystem
import SlotMachine
import Verifier

extension Refusal {
    /// Whether it means only that there is nothing new.
    fileprivate var isContent: Bool {
        switch self {
        case .alreadyRunning, .failedBefore: true
        default: false
        }
    }
}

struct UpgradeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract: "Install a generation into the slot that is not running.",
        discussion: """
            SOURCE is what `pisces construct --output split:DIRECTORY` makes: a directory, an archive of one, or the URL \
            of either. Its manifest must be signed by a key that this machine trusts (pisces key). Or it is a blueprint \
            (.yaml, .json), which is constructed here and now. All that is written is read back from the disk and \
            compared with the manifest. An upgrade that was interrupted goes on where it was. The running system and its \
            boot entry stay as they are until the flip.
            """)

    @Argument(help: "Where the generation comes from.", completion: .file())
    var source: String

    @Flag(name: .long, help: "Install it although it is older than the floor, failed before, or is what runs.")
    var insist = false

    @Flag(name: .long, help: "Take it, this once, although nobody whom this machine trusts has signed it.")
    var untrusted = false

    @Flag(name: .long, help: "Construct a blueprint from the packages that this machine has, without a network.")
    var offline = false

    @Flag(name: .long, help: "Let the next start boot it, as pisces flip does.")
    var flip = false

    @Flag(name: .long, help: "Flip, and restart at once.")
    var reboot = false

    @Flag(name: .long, help: "Be content where there is nothing to do: it is running, on its way, or failed before.")
    var unattended = false

    @OptionGroup var tries: TriesOption

    @OptionGroup var output: OutputOptions

    func run() throws {
        let console = Console(output)
        guard [".yaml", ".yml", ".json"].contains(where: source.hasSuffix), !source.contains("://") else {
            return try install(try UpgradeSource(source), isOwn: false, console)
        }
        let folder = try BuildFolder.make()
        try construct(in: folder.path)
        try install(try UpgradeSource("\(folder.path)/generation"), isOwn: true, console)
    }

    /// Makes split artefacts of the blueprint. Other commands are not kept waiting, and memory is left to the system.
    private func construct(in folder: String) throws {
        let options = ["--output", "split:\(folder)/generation", "--no-sbom", "--work", folder]
        var command = Command(
            "/proc/self/exe",
            ["construct", source] + options + (offline ? ["--offline"] : []) + (output.json ? ["--json"] : []))
        command.environment = Self.environment
        command.output = .discarded
        command.errorOutput = .inherited
        guard case .exited(0) = try command.run(accepting: 0...255).status else {
            throw Failure("\(source) could not be constructed, so nothing was installed")
        }
    }

    /// Where the content store and the cache are is the caller's to say.
    private static var environment: [String: String] {
        var environment = Command.plainEnvironment
        for name in ["HOME", "XDG_CACHE_HOME", "http_proxy", "https_proxy", "no_proxy"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        return environment
    }

    private func install(_ source: UpgradeSource, isOwn: Bool, _ console: Console) throws {
        var machine = try SlotCommand.open(console, isPatient: unattended)
        let accepted = try admission(machine, isOwn: isOwn).accept(
            manifest: source.manifest, signatures: source.signatures, name: "\(source.name): manifest")
        let upgrade = try source.upgrade(accepted)
        try machine.checkSpace()
        if unattended, !insist, let refusal = machine.controller.refusal(of: upgrade), refusal.isContent {
            return console.note("nothing to do: \(refusal)")
        }
        if let place = machine.controller.place(of: upgrade, insisting: insist) {
            try SlotCommand.hooks(.upgradeBefore, place, console)
        }
        watch(&machine, console)
        try SlotCommand.tell(try machine.controller.upgrade(upgrade, insisting: insist), machine, console)
        guard let target = machine.controller.record.target else { return }
        switch machine.controller.record.phase {
        case .staged, .armed: break
        case .trying, .healthy: return console.note("generation \(target.number) is this one, and on trial already")
        default: throw Failure("generation \(target.number) was not staged: the same pisces upgrade tries again")
        }
        try RunningMachine.keep(manifest: source.manifest, of: target.number)
        try machine.removeForgotten()
        let signer =
            isOwn
            ? "constructed here"
            : accepted.signer.map { "signed by \($0)" } ?? "signed by nobody whom this machine trusts"
        SlotCommand.note("staged", target.number, "from \(self.source), \(signer)", machine)
        let slot = machine.controller.record.good.slot.other.rawValue
        console.note("generation \(target.number) is staged in slot \(slot), \(signer)")
        if let staged = machine.controller.target { try SlotCommand.hooks(.upgradeAfter, staged, console) }
        if flip || reboot {
            return try FlipCommand.flip(&machine, tries: tries.tries, reboot: reboot, console)
        }
        console.note("next: pisces flip, then restart")
    }

    private func admission(_ machine: borrowing RunningMachine, isOwn: Bool) throws -> Admission {
        let trust = try TrustStore()
        let room = try machine.controller.passiveRoom()
        return Admission(
            trust: trust, architecture: RunningMachine.architecture, rootBytes: room.root, hashTreeBytes: room.hashTree,
            takesUntrusted: untrusted || isOwn)
    }

    /// Shows what is being done.
    private func watch(_ machine: inout RunningMachine, _ console: Console) {
        var step: Controller.Step?
        machine.controller.progress = { current, done, total in
            if step != current {
                if step != nil { console.end() }
                console.begin(current == .writing ? "write" : "read back")
                step = current
            }
            console.advance(done, of: total, "\(humanSize(done)) of \(humanSize(total))")
            if done == total, current == .verifying { console.end() }
        }
    }
}
