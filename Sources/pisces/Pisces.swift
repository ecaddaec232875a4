import ArgumentParser
import Glibc
import LinuxSystem

@main
struct Pisces: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pisces",
        abstract: "Build, boot and reproduce Debian systems from a blueprint.",
        discussion: """
            A blueprint says what a system is (packages, users, units, files, image). A lock says which bytes that \
            comes to. From both, Pisces constructs a disk image that boots: the same bits on every host.

            Start here:
              pisces check Blueprints/minimal.yaml        is the blueprint right?
              pisces construct Blueprints/minimal.yaml    lock it on the first run, fetch, build
              pisces boot minimal.raw                     try the image in a virtual machine

            Exit status: 0 done; 1 failed, the message says why and what to do; 64 wrong usage; 77 this machine or \
            this user lacks something that the message names.
            """,
        version: "pisces \(piscesVersion)",
        subcommands: [
            CheckCommand.self, ExplainCommand.self, DiffCommand.self, SchemaCommand.self, CopyCommand.self,
            LockCommand.self, ConstructCommand.self, VerifyCommand.self, KeyCommand.self, BootCommand.self,
            StatusCommand.self,
            HealthCommand.self, UpgradeCommand.self, FlipCommand.self, CommitCommand.self, RollbackCommand.self,
            CancelCommand.self, RevertCommand.self, DoctorCommand.self, GrowCommand.self,
        ])

    static func main() {
        // libarchive converts names by the process's locale; Pisces works on bytes that are UTF-8.
        setlocale(LC_ALL, "C.UTF-8")
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error where exitCode(for: error) == .failure && !(error is ExitCode) {
            Console(json: CommandLine.arguments.contains("--json")).error("\(error)")
            Glibc.exit(1)
        } catch {
            exit(withError: error)
        }
    }

    /// ^C ends the process at once, by that signal: in memory nothing has to be cleaned up. From here on it says what
    /// that means.
    static func saySoWhenInterrupted(isOnDisk: Bool = false) {
        // A handler captures nothing.
        let handler: @convention(c) (Int32) -> Void =
            isOnDisk
            ? { endAtOnce($0, "\ninterrupted: run the same command again; it first removes what is left on disk\n") }
            : { endAtOnce($0, "\ninterrupted: nothing was left behind; run the same command again\n") }
        for number in [SIGINT, SIGTERM] { signal(number, handler) }
    }
}

private func endAtOnce(_ number: Int32, _ text: StaticString) {
    _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
    signal(number, SIG_DFL)
    raise(number)
}
