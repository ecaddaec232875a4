import ArgumentParser
import BlueprintModel
import Glibc
import LinuxSystem
import VirtualMachine

struct BootCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "boot",
        abstract: "Boot an image in a virtual machine (QEMU, UEFI).",
        discussion: """
            The serial console is this terminal: root is logged in, `systemctl poweroff` ends the machine, Ctrl-A X ends \
            it at once. The image stays as it is unless --keep is given. With --ssh-key, log in from another terminal: \
            ssh -p 2222 root@localhost
            """)

    @Argument(help: "The disk image, raw or NAME.qcow2.", completion: .file(extensions: ["raw", "qcow2"]))
    var image: String

    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "Memory in MiB.")
    var memory = 1024

    @Option(name: .long, help: "Virtual processors.")
    var cpus = 2

    @Option(name: .long, help: "Port on localhost that leads to the guest's ssh; 0 takes any free one.")
    var sshPort: UInt16 = 2222

    @Option(name: .long, help: "A public key that may log in as root by ssh.", completion: .file(extensions: ["pub"]))
    var sshKey: String?

    @Option(
        name: .long, help: "One more disk, raw or NAME.qcow2, which is not booted; may be repeated.",
        completion: .file(extensions: ["raw", "qcow2"]))
    var disk: [String] = []

    @Flag(name: .long, help: "Keep what the guest writes in the image.")
    var keep = false

    @Flag(name: .long, help: "Ask for a login on the console instead of logging root in.")
    var login = false

    @Option(name: .long, help: "Write the console to this file and read nothing: for scripts.", completion: .file())
    var consoleLog: String?

    @Option(name: .long, help: "Word to add to the kernel command line; may be repeated.")
    var append: [String] = []

    @Option(name: .long, help: "What the machine's clock starts with, as 2031-03-04T05:06:07 (default: now).")
    var clock: String?

    @Option(
        help: ArgumentHelp(
            "Start with Secure Boot on and this certificate (PEM) as the only one that is known.", valueName: "file"),
        completion: .file())
    var secureBootCertificate: String?

    @Option(name: .long, help: "How processors run: auto, kvm or tcg.")
    var accelerator = "auto"

    func run() throws {
        let console = Console(output)
        guard let architecture = MachineArchitecture.host else {
            throw Failure("no virtual machines on this processor")
        }
        for path in [image] + disk where access(path, R_OK | (keep ? W_OK : 0)) != 0 {
            throw SystemError(call: "access", subject: path, code: errno)
        }
        let program = QemuPlan.executable(for: architecture)
        let package = architecture == .amd64 ? "qemu-system-x86" : "qemu-system-arm"
        try QemuVersion.check(output: try Command(program, ["--version"], package: package).run().text)
        let scratch = try TemporaryDirectory()
        var options = MachineOptions(imagePath: try Workspace.absolute(image), architecture: architecture)
        options.disks = try disk.map { try Workspace.absolute($0) }
        options.firmware = try Firmware.prepare(
            for: architecture, variablesPath: "\(scratch.path)/variables.fd",
            secureBoot: try secureBootCertificate.map { try Workspace.certificate($0) })
        (options.memoryMiB, options.processors, options.snapshot) = (memory, cpus, !keep)
        options.commandLineExtra = append
        options.clock = clock
        options.accelerator = try chosenAccelerator(architecture)
        options.monitorSocket = "\(scratch.path)/monitor"
        options.serial = try consoleLog.map { .file(try Workspace.absolute($0)) } ?? .standardStreams
        let port = sshPort == 0 ? try freeLoopbackPort() : sshPort
        options.network = .user(sshPort: port)
        if !login {
            options.credentials.append(.autologin(on: architecture == .amd64 ? "ttyS0" : "ttyAMA0"))
        }
        if let sshKey {
            let keys = String(decoding: try Workspace.readFile(sshKey, limit: 1 << 16), as: UTF8.self)
            options.credentials.append(.rootKeys(keys))
        }
        let speed = options.accelerator == .tcg ? ", emulated: a minute or so" : ""
        console.note("booting \(image)\(speed)")
        console.note(
            sshKey == nil
                ? "port \(port) of localhost leads to its ssh; --ssh-key KEY.pub lets you in"
                : "once it is up: ssh -p \(port) root@localhost")
        if output.json {
            let facts = JSONValue.object([
                "monitor": .string("\(scratch.path)/monitor"), "ssh-port": .integer(Int(port)),
            ])
            console.result(facts.canonical)
        }

        var command = Command(program, try QemuPlan.arguments(for: options), package: package)
        command.environment = Command.plainEnvironment.merging(["TMPDIR": "/var/tmp"]) { $1 }
        command.input = consoleLog == nil ? .inherited : .null
        command.output = .inherited
        command.errorOutput = .inherited
        _ = try command.run()
    }

    private func chosenAccelerator(_ architecture: MachineArchitecture) throws -> Accelerator {
        if accelerator == "auto" { return .detect(for: architecture) }
        guard let chosen = Accelerator(rawValue: accelerator) else {
            throw ValidationError("--accelerator is auto, kvm or tcg, not \(accelerator)")
        }
        return chosen
    }
}
