import Glibc
import LinuxSystem

/// `pisces construct --debug-shell`: a shell in the root of a construction that failed.
enum DebugShell {
    /// Refuses, before anything is built, what could not open a shell at the end.
    static func requireTerminal() throws {
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else {
            throw Failure("--debug-shell needs a terminal as standard input and output; leave it out in scripts")
        }
    }

    /// Says what failed and hands the terminal to a shell; returns when the person has left it.
    static func open(after error: any Error, in sandbox: Sandbox, _ console: Console) {
        console.error("\(error)")
        console.note("a shell in the root as it is now, without network; what you change is lost, `exit` ends it")
        var sandbox = sandbox
        if let terminal = getenv("TERM") { sandbox.environment["TERM"] = String(cString: terminal) }
        sandbox.environment["DEBIAN_FRONTEND"] = "noninteractive"
        do {
            let shell = ["sh", "-c", "exec \"$(command -v bash || echo sh)\" -i"]
            _ = try sandbox.interactiveCommand(shell).run(accepting: 0...255)
        } catch {
            console.error("there is no shell: \(error)")
        }
    }
}
