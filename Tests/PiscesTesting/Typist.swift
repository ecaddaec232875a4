public import LinuxSystem

/// Types what is expected to be typed once the text before it has come.
private let script = #"""
    import os, pty, select, sys, time
    count = int(sys.argv[1])
    pairs, command = sys.argv[2:2 + 2 * count], sys.argv[2 + 2 * count:]
    process, terminal = pty.fork()
    if process == 0: os.execvp(command[0], command)
    text, end = "", time.monotonic() + 300
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

/// The command with a terminal of its own, at which a person types: each text, with escapes as in `\n` and `\x03`, once
/// the one that is wanted before it has come. Standard output is all that the terminal shows; the status is the
/// command's.
public func typing(_ pairs: [(wanted: String, typed: String)], into command: Command) -> Command {
    var result = command
    result.executable = "python3"
    result.arguments = ["-c", script, "\(pairs.count)"] + pairs.flatMap { [$0.wanted, $0.typed] } + command.argv
    return result
}
