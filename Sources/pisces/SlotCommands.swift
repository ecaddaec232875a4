import ArgumentParser
import BlueprintModel
import Controller
import Health
import LinuxSystem
import SlotMachine

/// What is common to the commands that change which generation this machine boots.
enum SlotCommand {
    /// Opens this machine, finds out where an earlier command or a power cut left it, and says so.
    /// - Parameter isPatient: whether another command is waited for: nobody repeats what a unit has not done.
    static func open(_ console: Console, isPatient: Bool = false) throws -> RunningMachine {
        var machine = try RunningMachine.open(.changing, waitSeconds: isPatient ? 300 : 0)
        try tell(try machine.controller.start(), machine, console)
        try machine.takeProofs()
        return machine
    }

    /// Says what became of a command, and writes it down.
    static func tell(_ notices: [Controller.Notice], _ machine: borrowing RunningMachine, _ console: Console) throws {
        for notice in notices {
            switch notice {
            case .alarm(let alarm):
                console.warning("\(alarm)")
                note("alarm", machine.report.generation, "\(alarm)", machine)
            case .refused(let refusal): throw Failure("refused, and nothing was changed: \(refusal)")
            case .mustRestart: try restart(machine, console)
            }
        }
    }

    /// Runs this machine's hooks of a point; at a point before something, one that fails forbids it.
    /// - Parameter subject: the generation that it is about, and its slot.
    static func hooks(_ point: Hooks.Point, _ subject: Installation, _ console: Console) throws {
        let context = Hooks.Context(
            generation: subject.generation.number, slot: subject.slot.rawValue, name: subject.generation.candidate.name)
        for warning in try Hooks().run(point, context) { console.warning(warning) }
    }

    /// Writes an event down, once; that this cannot be done stops nobody.
    static func note(
        _ event: String, _ generation: UInt64, _ message: String, _ machine: borrowing RunningMachine
    ) {
        let last = machine.events.entries().last
        if let last, (last.event, last.generation, last.message) == (event, generation, message) { return }
        try? machine.events.append(event, generation: generation, message)
    }

    static func restart(_ machine: borrowing RunningMachine, _ console: Console) throws {
        console.note("this machine restarts now")
        note("restart", machine.report.generation, "restarted by pisces", machine)
        try Command("systemctl", ["reboot"]).run()
    }
}

/// How often a new generation is tried.
struct TriesOption: ParsableArguments {
    @Option(
        name: .long, help: "How often the new generation is tried until it is healthy, 2 to \(StateMachine.mostTries).")
    var tries = StateMachine.tries

    func validate() throws {
        guard (2...StateMachine.mostTries).contains(tries) else {
            throw ValidationError("--tries is 2 to \(StateMachine.mostTries), not \(tries)")
        }
    }
}

struct FlipCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flip",
        abstract: "Let the next start of this machine boot the staged generation.",
        discussion: """
            If none of its tries becomes healthy, the boot loader goes back to the running generation by itself. What was \
            changed in /etc is taken over; the old /etc stays as it is.
            """)

    @Flag(name: .long, help: "Restart at once.")
    var reboot = false

    @OptionGroup var tries: TriesOption

    @OptionGroup var output: OutputOptions

    func run() throws {
        let console = Console(output)
        var machine = try SlotCommand.open(console)
        try Self.flip(&machine, tries: tries.tries, reboot: reboot, console)
    }

    static func flip(
        _ machine: inout RunningMachine, tries: Int, reboot: Bool, _ console: Console
    ) throws {
        let staged = machine.controller.record.phase == .staged ? machine.controller.target : nil
        if let staged { try SlotCommand.hooks(.flipBefore, staged, console) }
        let (notices, conflicts) = try machine.flip(tries: tries)
        try SlotCommand.tell(notices, machine, console)
        for path in conflicts {
            console.warning("/etc\(path): changed here and by the new generation: stays as it is here")
        }
        let number = machine.controller.record.target?.number ?? 0
        if staged != nil { SlotCommand.note("flipped", number, "armed with \(tries) tries", machine) }
        console.note("generation \(number) is booted next")
        if let staged { try SlotCommand.hooks(.flipAfter, staged, console) }
        if reboot { return try SlotCommand.restart(machine, console) }
        console.note("next: systemctl reboot, or pisces cancel")
    }
}

struct CommitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit",
        abstract: "Make the running generation the one to fall back to.",
        discussion: "Done by pisces-commit.service once all required checks have passed.")

    @Flag(name: .long, help: "Say nothing, and be content, where there is nothing to commit.")
    var automatic = false

    @OptionGroup var output: OutputOptions

    func run() throws {
        let console = Console(output)
        var machine = try SlotCommand.open(console, isPatient: automatic)
        guard [.trying, .healthy].contains(machine.controller.record.phase) else {
            return automatic ? () : console.note("generation \(machine.report.generation) is committed already")
        }
        try SlotCommand.tell(try machine.controller.commit(), machine, console)
        let number = machine.controller.record.good.generation.number
        SlotCommand.note("committed", number, "all required checks passed", machine)
        console.note("generation \(number) is committed")
        try machine.removeForgotten()
        try SlotCommand.hooks(.commitAfter, machine.controller.seen.booted, console)
    }
}

struct RollbackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Go back to the generation before the running one.",
        discussion: """
            The running generation is remembered as bad: it is not installed again unless you insist. The machine \
            restarts into the other slot, with the /etc that it had there.
            """)

    @Flag(name: .long, help: "Go back although the older system does not know the data that are written by now.")
    var insist = false

    @OptionGroup var output: OutputOptions

    func run() throws {
        let console = Console(output)
        var machine = try SlotCommand.open(console)
        if machine.controller.refusalOfRollBack(insisting: insist) == nil {
            try SlotCommand.hooks(.rollbackBefore, machine.controller.seen.booted, console)
        }
        let notices = try machine.controller.rollBack(insisting: insist)
        if let failure = machine.controller.record.failures.last, notices.contains(.mustRestart) {
            SlotCommand.note("rolled-back", failure.generation.number, "taken back by an operator", machine)
        }
        try SlotCommand.tell(notices, machine, console)
    }
}

struct CancelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Forget an upgrade that has not been tried yet.",
        discussion: "The machine goes on booting what it runs. What was written to the other slot is not used.")

    @OptionGroup var output: OutputOptions

    func run() throws {
        let console = Console(output)
        var machine = try SlotCommand.open(console)
        let target = machine.controller.record.target
        let hadOne = [.invalidate, .writing, .written, .staged, .armed, .interrupted]
            .contains(machine.controller.record.phase)
        try SlotCommand.tell(try machine.controller.cancel(), machine, console)
        guard hadOne, let target else { return console.note("no upgrade is under way") }
        SlotCommand.note("cancelled", target.number, "cancelled by an operator", machine)
        console.note("generation \(target.number) is cancelled")
    }
}
