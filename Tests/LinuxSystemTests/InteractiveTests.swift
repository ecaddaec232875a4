import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@Suite(.enabled(if: geteuid() == 0, "needs root, who makes the ordinary user too"))
struct InteractiveTests {
    /// A shell in a sandbox of `caller`, whose terminal it gets, and what is typed into it.
    private func session(_ pairs: [(wanted: String, typed: String)], as caller: Caller) throws -> String {
        var sandbox = Sandbox(
            root: workshopDirectory + "/root", binds: [.init("/usr", at: "/usr")],
            environment: ["PATH": "/usr/sbin:/usr/bin", "PS1": "READY> ", "TERM": "dumb"])
        sandbox.helper = helper
        let shell = try sandbox.interactiveCommand(["bash", "--norc", "--noprofile"])
        let words = shell.argv.map { "'\($0)'" }.joined(separator: " ")
        let tree =
            "mkdir root; cd root; mkdir dev etc proc run sys tmp usr; "
            + "for d in bin lib lib64 sbin; do ln -s usr/$d $d; done; cd ..; "
        let script = tree + words + " || echo status $?; read line; echo got $line"
        return try typing(pairs, into: try workshop(script, as: caller)).run().text
    }

    @Test(arguments: Caller.available)
    func shellHasTheTerminalAndItsJobsUntilItEnds(_ caller: Caller) throws {
        let seen = try session(
            [
                ("READY> ", #"echo $((6 * 7)) uid $(id -u), $(set -o | grep monitor | tr -d '\\t ')\n"#),
                // ^C ends what runs in front, not the shell, nor who opened it.
                ("42 uid 0, monitoron", #"sleep 1000; echo slept $?\n"#), ("sleep 1000", #"\x03"#),
                ("READY> ", #"sleep 1000\n"#), ("sleep 1000", #"\x1a"#),
                ("Stopped", #"kill -KILL %1; wait; echo all gone $?\n"#),
                ("all gone ", #"exit 3\n"#),
                // The caller can read from its terminal again.
                ("status 3", #"hello\n"#),
            ], as: caller)
        #expect(!seen.contains("job control"), "\(seen)")
        #expect(seen.contains("got hello"), "\(seen)")
    }

    @Test(arguments: Caller.available)
    func nothingCanBeTypedOnBehalfOfTheUser(_ caller: Caller) throws {
        let inject = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSTI, b'x')"
        let seen = try session(
            [
                ("READY> ", #"python3 -c \"\#(inject)\" 2>&1 | tail -n 1\n"#),
                // EPERM by the filter; a newer kernel by itself says EIO.
                ("PermissionError: [Errno 1]", #"exit\n"#),
                ("exit", #"hello\n"#),
            ], as: caller)
        #expect(seen.contains("got hello"), "\(seen)")
    }
}
