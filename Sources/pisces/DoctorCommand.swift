import ArgumentParser
import BlueprintModel
import Controller
import LinuxSystem
import SlotMachine

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Tell whether all that safe upgrades rest on works on this machine.",
        discussion: """
            Looks at both copies of the partition table, the boot entry to fall back to, boot counting, the watchdog and \
            what a kernel panic does. Exit status 1 if anything does not work. What only a restart can show is shown by \
            the --prove options, and remembered.
            """)

    @Flag(name: .long, help: "Restart once, by a boot entry that must be counted.")
    var proveCounting = false

    @Flag(name: .long, help: "Make systemd hang, so that the watchdog must restart this machine. Save your work first.")
    var proveWatchdog = false

    @OptionGroup var output: OutputOptions

    func run() throws {
        let console = Console(output)
        // Not by way of SlotCommand: that would mend a table before anybody has looked at it.
        let machine = try RunningMachine.open(.changing)
        try machine.takeProofs()
        if proveCounting || proveWatchdog { return try prove(machine, console) }
        let found = try machine.examine()
        if output.json {
            let items = found.map { item in
                JSONValue.object([
                    "subject": .string(item.subject), "state": .string(item.state.rawValue),
                    "message": .string(item.message),
                ])
            }
            console.result(JSONValue.array(items).canonical)
        } else {
            for item in found { console.result("\(Self.mark(item.state)) \(item.subject): \(item.message)") }
        }
        if found.contains(where: { $0.state == .bad }) { throw ExitCode(1) }
    }

    private static func mark(_ state: Diagnosis.State) -> String {
        switch state {
        case .good: "✓"
        case .bad: "✗"
        case .unproven: "?"
        }
    }

    private func prove(_ machine: borrowing RunningMachine, _ console: Console) throws {
        guard [.idle, .committed].contains(machine.controller.record.phase) else {
            throw Failure("an upgrade is under way: prove things before it or after it")
        }
        if proveCounting { try machine.boot.putCanary(like: machine.report.generation) }
        guard proveWatchdog else { return try SlotCommand.restart(machine, console) }
        let watchdog = try machine.examine().first { $0.subject == "watchdog" }
        guard let watchdog, watchdog.state != .bad else {
            throw Failure("this machine would hang for ever: \(watchdog?.message ?? "no watchdog")")
        }
        console.note("systemd hangs from now on; the watchdog should restart this machine")
        try machine.expectHang()
        try Command("sync").run()
        // On a crash systemd freezes, and feeds the watchdog no more (systemd(1), CrashAction=).
        try Command("kill", ["-SEGV", "1"]).run()
    }
}
