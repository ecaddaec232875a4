internal import CLinux
internal import Glibc

/// A program that was started and has not been waited for; dropping it kills it.
public struct RunningCommand: ~Copyable, Sendable {
    /// Its process number, which stays its own until it is waited for.
    public let pid: Int32
    /// Where its standard input comes from, if that is streamed: a socket, so that writing to a program that has ended
    /// is an error and not a signal.
    private(set) var input: Descriptor?
    /// The reading end of its standard output, if that is captured.
    public let output: Descriptor?
    /// The reading end of its standard error, if that is captured.
    public let errorOutput: Descriptor?
    /// A pidfd: readable when the program has ended.
    public let process: Descriptor
    private let leadsGroup: Bool
    private var status: ExitStatus?

    init(
        pid: pid_t, process: consuming Descriptor, input: consuming Descriptor?, output: consuming Descriptor?,
        errorOutput: consuming Descriptor?, leadsGroup: Bool
    ) {
        self.pid = pid
        self.process = process
        self.input = input
        self.output = output
        self.errorOutput = errorOutput
        self.leadsGroup = leadsGroup
    }

    deinit {
        if status != nil { return }
        _ = kill(leadsGroup ? -pid : pid, SIGKILL)
        while waitpid(pid, nil, 0) == -1 && errno == EINTR {}
    }

    /// Sends a signal, to its whole process group if it leads one; nothing happens once it has been waited for.
    public func send(_ signal: Int32) throws(SystemError) {
        if status != nil { return }
        try call("kill", "process \(pid)") { kill(leadsGroup ? -pid : pid, signal) }
    }

    /// Reads what it writes on its standard output, as soon as there is some; 0 at the end, or if that is not captured.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        switch output {
        case .some(let output): try output.read(into: buffer)
        case .none: 0
        }
    }

    /// All that it has written on its standard error, if that is captured; waits until it ends that.
    public func readErrors(limit: Int) throws(SystemError) -> [UInt8] {
        switch errorOutput {
        case .some(let errorOutput): try errorOutput.readToEnd(limit: limit)
        case .none: []
        }
    }

    /// Kills it and does not wait: a process that a broken device holds cannot be ended, not even by SIGKILL. Until this
    /// process ends the other stays, at least as a zombie.
    public mutating func abandon() {
        if status != nil { return }
        _ = kill(leadsGroup ? -pid : pid, SIGKILL)
        status = .signalled(SIGKILL)
    }

    /// Ends its standard input, if that is streamed.
    mutating func endInput() { input = nil }

    /// Waits until it ends.
    public mutating func wait() throws(SystemError) -> ExitStatus {
        if let status { return status }
        var waitStatus: Int32 = 0
        try call("waitpid", "process \(pid)") { waitpid(pid, &waitStatus, 0) }
        let ended = ExitStatus(waitStatus: waitStatus)
        status = ended
        return ended
    }

    /// Waits until it ends, but at most so long; nil if it is still running.
    public mutating func wait(atMostMilliseconds: Int32) throws(SystemError) -> ExitStatus? {
        if let status { return status }
        var event = pollfd(fd: process.rawValue, events: Int16(POLLIN), revents: 0)
        let ready = try call("poll", "process \(pid)") { poll(&event, 1, atMostMilliseconds) }
        return ready == 0 ? nil : try wait()
    }
}

extension Command {
    /// Starts the executable `path`, with all that the command asks for.
    func spawn(_ path: String) throws(SystemError) -> RunningCommand {
        let variables = environment.map { "\($0.key)=\($0.value)" }.sorted(by: bytesPrecede)
        for text in [path, workingDirectory ?? ""] + arguments + variables where text.utf8.contains(0) {
            throw SystemError(call: "execve", subject: "\(executable): an argument holds a NUL byte", code: EINVAL)
        }
        var input = try InputEnd(self.input, of: executable)
        var output = try OutputEnd(self.output, inherited: STDOUT_FILENO)
        var errorOutput = try OutputEnd(self.errorOutput, inherited: STDERR_FILENO)
        var program = clinux_program()
        program.input = input.reader.rawValue
        program.output = output.writer.rawValue
        program.error = errorOutput.writer.rawValue
        program.own_group = ownProcessGroup ? 1 : 0
        program.death_signal = diesWithCaller ? SIGKILL : 0
        let strings = CStrings(path: path, directory: workingDirectory, arguments: argv, environment: variables)
        program.path = UnsafePointer(strings.path)
        program.directory = UnsafePointer(strings.directory)
        program.arguments = UnsafePointer(strings.arguments)
        program.environment = UnsafePointer(strings.environment)
        let pid = withExtendedLifetime(strings) { clinux_spawn(&program) }
        guard pid != -1 else {
            let name = program.failed_call.map { String(cString: $0) } ?? "vfork"
            throw SystemError(
                call: name, subject: name == "chdir" ? workingDirectory ?? "." : path, code: program.failed_code)
        }
        return RunningCommand(
            pid: pid, process: Descriptor(adopting: program.process, name: executable), input: input.takeWriter(),
            output: output.takeReader(), errorOutput: errorOutput.takeReader(), leadsGroup: ownProcessGroup)
    }
}

extension Descriptor {
    fileprivate static func duplicate(_ rawValue: Int32) throws(SystemError) -> Descriptor {
        let result = try call("fcntl", "descriptor \(rawValue)") { fcntl(rawValue, F_DUPFD_CLOEXEC, 0) }
        return Descriptor(adopting: result, name: "descriptor \(rawValue)")
    }
}

/// What the program reads from, and for a stream what the caller writes to.
private struct InputEnd: ~Copyable {
    let reader: Descriptor
    private var writer: Descriptor?

    init(_ input: Command.Input, of program: String) throws(SystemError) {
        let name = "input of \(program)"
        switch input {
        case .null: reader = try Descriptor.open("/dev/null")
        case .inherited: reader = try Descriptor.duplicate(STDIN_FILENO)
        case .bytes(let bytes):
            // A file, not a pipe: there is nobody to deadlock with, and no SIGPIPE if the program does not read it all.
            let file = Descriptor(
                adopting: try call("memfd_create", name) { clinux_memory_file("input") }, name: name)
            try file.writeAll(bytes)
            try call("lseek", name) { lseek(file.rawValue, 0, SEEK_SET) }
            reader = file
        case .stream:
            var ends: [Int32] = [-1, -1]
            try call("socketpair", name) { clinux_socket_pair(&ends) }
            reader = Descriptor(adopting: ends[0], name: name)
            writer = Descriptor(adopting: ends[1], name: name)
        }
    }

    mutating func takeWriter() -> Descriptor? { writer.take() }
}

/// What the program writes to, and for a pipe what the caller reads from.
private struct OutputEnd: ~Copyable {
    let writer: Descriptor
    private var reader: Descriptor?

    init(_ output: Command.Output, inherited: Int32) throws(SystemError) {
        switch output {
        case .inherited: writer = try Descriptor.duplicate(inherited)
        case .discarded: writer = try Descriptor.open("/dev/null", O_WRONLY)
        case .file(let path): writer = try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC)
        case .captured:
            var ends: [Int32] = [-1, -1]
            try call("pipe2", "output") { clinux_pipe(&ends) }
            reader = Descriptor(adopting: ends[0], name: "output")
            writer = Descriptor(adopting: ends[1], name: "output")
        }
    }

    mutating func takeReader() -> Descriptor? { reader.take() }
}

/// Copies of the strings of a command as exec wants them.
private struct CStrings: ~Copyable {
    let path: UnsafeMutablePointer<CChar>?
    let directory: UnsafeMutablePointer<CChar>?
    let arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    let environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

    init(path: String, directory: String?, arguments: [String], environment: [String]) {
        self.path = strdup(path)
        self.directory = directory.map { strdup($0) } ?? nil
        self.arguments = Self.list(arguments)
        self.environment = Self.list(environment)
    }

    deinit {
        free(path)
        free(directory)
        for list in [arguments, environment] {
            var item = list
            while let string = item.pointee {
                free(string)
                item += 1
            }
            list.deallocate()
        }
    }

    private static func list(_ strings: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
        let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() { (list + index).initialize(to: strdup(string)) }
        (list + strings.count).initialize(to: nil)
        return list
    }
}
