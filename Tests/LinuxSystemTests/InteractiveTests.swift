import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// A person at a terminal, who types when the expected text has come: pairs of both, the expected one first.
private let typist = #"""
    import os, pty, select, sys, time
    count = int(sys.argv[1])
    pairs, command = sys.argv[2:2 + 2 * count], sys.argv[2 + 2 * count:]
    process, terminal = pty.fork()
    if process == 0: os.execvp(command[0], command)
    text, end = "", time.monotonic() + 60
    def read():
        global text
        if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]: return False
        try: data = os.read(terminal, 4096)
        except OSError: return False
        text += data.decode(errors="replace")
        return bool(data)
    for wanted, typed in zip(pairs[::2], pairs[1::2]):
        while wanted not in text:
            if not read(): sys.exit(f"{wanted!r} did not come; there was:\n{text}")
        print(text[:text.index(wanted) + len(wanted)])
        text = text[text.index(wanted) + len(wanted):]
        # Time for a program to start that is to be interrupted.
        time.sleep(0.3)
        os.write(terminal, typed.encode().decode("unicode_escape").encode())
    while read(): pass
    print(text)
    os.close(terminal)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
    """#

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
        let command = try workshop(script, as: caller)
        let texts = pairs.flatMap { [$0.wanted, $0.typed] }
        return try Command("python3", ["-c", typist, "\(pairs.count)"] + texts + command.argv).run().text
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
