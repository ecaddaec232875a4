import Glibc
import LinuxSystem
import PiscesTesting

extension Command {
    /// Starts `pisces construct` in a process group of its own and hands its process number to `body` while it is in the
    /// given step, which comes right after the step `previous`, or first of all; returns how it ended and all that it
    /// said. A shell that becomes the program must tell it `--json`.
    ///
    /// Until `body` returns, the program cannot get beyond the step: there is room for one event at a time in the pipe it
    /// tells them through, and the one with which the step began is not taken out.
    func interrupt(
        during step: String, after previous: String?, _ body: (pid_t) throws -> Void
    ) throws -> (status: ExitStatus?, said: String) {
        var command = Command("perl", ["-e", Self.oneEventAtATime] + argv + ["--json"])
        command.environment = environment
        command.workingDirectory = workingDirectory
        command.ownProcessGroup = true
        command.output = .discarded
        var running = try command.start()
        var said = ""
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        /// What is in the pipe: an event, or nothing at its end.
        func read() throws -> String {
            let count = try running.errorOutput?.read(into: buffer) ?? 0
            let text = String(decoding: buffer[..<count], as: UTF8.self)
            said += text
            return text
        }
        func event(_ name: String, _ step: String) -> String { "{\"event\":\"\(name)\",\"step\":\"\(step)\"" }
        while let previous {
            let text = try read()
            if text.isEmpty { throw ToolFailure(message: "\(previous) does not end:\n\(said)") }
            if text.contains("\"event\":\"ended\""), text.contains("\"step\":\"\(previous)\"") { break }
        }
        waitForInput(running.errorOutput)
        try body(running.pid)
        let text = try read()
        guard text.hasPrefix(event("began", step)) else {
            throw ToolFailure(message: "\(step) does not follow \(previous ?? "the start"):\n\(said)")
        }
        while try !read().isEmpty {}
        return (try running.wait(atMostMilliseconds: 60_000), said)
    }

    /// Makes standard error a pipe of one packet (O_DIRECT in pipe(2), F_SETPIPE_SZ in fcntl(2)) and becomes the program.
    private static let oneEventAtATime = """
        fcntl(STDERR, 4, 040001) && fcntl(STDERR, 1031, 4096) or die "fcntl: $!";
        exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!";
        """
}

private func waitForInput(_ source: borrowing Descriptor?) {
    switch source {
    case .some(let source):
        var event = pollfd(fd: source.rawValue, events: Int16(POLLIN), revents: 0)
        _ = poll(&event, 1, 60_000)
    case .none: break
    }
}

/// How to recognize the processes of a construction: by their process group, and those in the sandbox by their root,
/// which is on the memory file system of this workshop alone.
struct Traces {
    let group: pid_t
    let device: UInt64

    /// Looks at a construction that runs.
    init(of process: pid_t, in folder: Folder) throws {
        group = process
        let workshop = "/proc/\(process)/root\(folder.cache)/pisces/workshop"
        device = try Descriptor.directory(workshop).status().device
    }

    /// The numbers of the processes that run.
    func processes() throws -> [String] {
        try Descriptor.directory("/proc").entries().filter { name in
            guard Int32(name) != nil, let status = try? fileText("/proc/\(name)/stat") else { return false }
            // The name in parentheses may hold anything: what counts comes after it. A zombie is no process any more.
            let fields = status.reversed().prefix { $0 != ")" }.reversed().split(separator: " ").map { String($0) }
            guard fields.count > 2, fields[0] != "Z" else { return false }
            if Int32(fields[2]) == group { return true }
            return (try? Descriptor.directory("/proc/\(name)/root").status().device) == device
        }
    }

    /// Whether one of them is, or soon becomes, the program of this name.
    func hasProcess(_ name: String) throws -> Bool {
        for _ in 0..<300 {
            if try processes().contains(where: { (try? fileText("/proc/\($0)/comm")) == "\(name)\n" }) { return true }
            usleep(50_000)
        }
        return false
    }

    /// What is left in the end: processes, mounts, loop devices. It may take a moment until the kernel has ended what
    /// dies with its parent.
    func leftovers(in folder: Folder) throws -> [String] {
        var found: [String] = []
        for _ in 0..<20 {
            found = try processes().map { "process \($0)" }
            if found.isEmpty { break }
            usleep(100_000)
        }
        found += try fileText("/proc/self/mountinfo").split(separator: "\n").filter { $0.contains(folder.path) }
            .map { "mount \($0)" }
        for device in try Descriptor.directory("/sys/block").entries() where device.hasPrefix("loop") {
            let file = (try? fileText("/sys/block/\(device)/loop/backing_file")) ?? ""
            if file.contains(folder.path) { found.append("loop device \(device)") }
        }
        return found
    }
}
