internal import CLinux
internal import Glibc

/// An external program and how to run it.
///
/// Nothing is inherited but what is named here: the environment is ``environment`` alone, no descriptor but 0, 1 and 2
/// is passed on. By default the program stays in the caller's process group, so that ^C ends both.
public struct Command: Sendable {
    /// What the program reads as its standard input.
    public enum Input: Sendable {
        /// `/dev/null`.
        case null
        /// The caller's own.
        case inherited
        /// These bytes, as a seekable file in memory.
        case bytes([UInt8])
        /// What the caller writes while the program runs: see ``Command/run(feeding:)``.
        case stream
    }

    /// Where the program's standard output or standard error goes.
    public enum Output: Sendable, Equatable {
        /// To the caller: in the result of ``Command/run(accepting:eachLine:)``, or through ``RunningCommand/output``.
        case captured
        /// To the caller's own.
        case inherited
        /// To `/dev/null`.
        case discarded
        /// To a file, created or emptied.
        case file(String)
    }

    /// A path (relative ones start at the working directory), or a name that ``findExecutable(_:)`` looks up.
    public var executable: String
    /// The arguments after the program's own name.
    public var arguments: [String]
    /// The whole environment.
    public var environment: [String: String] = Command.plainEnvironment
    /// nil: the caller's.
    public var workingDirectory: String?
    /// Standard input.
    public var input: Input = .null
    /// Standard output.
    public var output: Output = .captured
    /// Standard error; of what is captured only the last ``errorTailBytes`` are kept.
    public var errorOutput: Output = .captured
    /// More captured standard output than this ends the program and is an error.
    public var outputLimitBytes = 64 << 20
    /// The Debian package that has the program, named if it is missing.
    public var package: String?
    /// Whether the program leads a process group of its own: ^C at a terminal does not reach it then.
    public var ownProcessGroup = false
    /// Whether the kernel kills the program when the thread that started it ends (PR_SET_PDEATHSIG in prctl(2)).
    public var diesWithCaller = true

    /// How much of standard error is kept.
    public static let errorTailBytes = 16 << 10
    /// An environment that does not depend on the caller's: `PATH`, `LC_ALL=C.UTF-8` and `TZ=UTC`.
    public static let plainEnvironment = [
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC",
    ]

    /// A command with a plain environment, no input, and captured output.
    public init(_ executable: String, _ arguments: [String] = [], package: String? = nil) {
        self.executable = executable
        self.arguments = arguments
        self.package = package
    }

    /// The program's name and its arguments.
    public var argv: [String] { [executable] + arguments }
}

/// How a program ended.
public enum ExitStatus: Sendable, Equatable, CustomStringConvertible {
    /// By itself, with this status.
    case exited(Int32)
    /// By this signal.
    case signalled(Int32)

    /// Decodes what waitpid(2) stores.
    init(waitStatus: Int32) {
        self = waitStatus & 0x7f == 0 ? .exited(waitStatus >> 8 & 0xff) : .signalled(waitStatus & 0x7f)
    }

    /// The status as a shell gives it: 128 + n for signal n.
    public var shellStatus: Int32 {
        switch self {
        case .exited(let status): status
        case .signalled(let signal): 128 + signal
        }
    }

    /// `exit status 2`, `Killed (signal 9)`.
    public var description: String {
        switch self {
        case .exited(let status): "exit status \(status)"
        case .signalled(let signal): "\(String(cString: strsignal(signal))) (signal \(signal))"
        }
    }
}

/// What a command left behind.
public struct CommandResult: Sendable, Equatable {
    /// How it ended.
    public let status: ExitStatus
    /// Captured standard output; empty if lines were handed out instead.
    public let output: [UInt8]
    /// The last ``Command/errorTailBytes`` of captured standard error.
    public let errorOutput: [UInt8]

    /// Standard output as text; bytes that are not UTF-8 become U+FFFD.
    public var text: String { String(decoding: output, as: UTF8.self) }
}

/// A command that could not be run or did not succeed.
public struct CommandError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What went wrong.
    public enum Reason: Sendable, Equatable {
        /// There is no such program; `package` is the Debian package that has it.
        case notFound(package: String?)
        /// It could not be started or watched.
        case system(SystemError)
        /// It ended with a status that was not accepted.
        case failed(ExitStatus)
        /// It wrote more than ``Command/outputLimitBytes``.
        case tooMuchOutput(limitBytes: Int)
    }

    /// The program's name and its arguments.
    public let argv: [String]
    /// What went wrong.
    public let reason: Reason
    /// The last lines of standard error, if it was captured.
    public let errorOutput: String

    /// One line, then the last lines of standard error, indented.
    public var description: String {
        let name = argv.joined(separator: " ")
        let what =
            switch reason {
            case .notFound(let package?): "\(argv[0]): program not found; install the package \(package)"
            case .notFound(nil): "\(argv[0]): program not found"
            case .system(let error): "\(name): \(error)"
            case .failed(let status): "\(name): \(status)"
            case .tooMuchOutput(let limitBytes): "\(name): more than \(limitBytes) bytes of output"
            }
        let lines = errorOutput.split(whereSeparator: \.isNewline).suffix(20)
        return ([Substring(what)] + lines.map { "  \($0)" }).joined(separator: "\n")
    }
}

/// The path of a program: a name with a slash is taken as it is, any other is looked up in the caller's `PATH`, then in
/// `/usr/sbin` and `/sbin`, which an ordinary user's `PATH` lacks. nil if there is none.
public func findExecutable(_ name: String) -> String? {
    if name.contains("/") { return isExecutable(name) ? name : nil }
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    let directories = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
    return directories.lazy.map { "\($0)/\(name)" }.first(where: isExecutable)
}

private func isExecutable(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
}

// MARK: - Running

extension Command {
    /// Runs the program to its end.
    ///
    /// Output that processes it leaves behind write later is not waited for. Throws if it ends by a signal or with a
    /// status outside `accepting`. With `eachLine`, captured output is not kept: every line of standard output and
    /// standard error is handed to it at once, without its newline; a line longer than 64 KiB comes in parts.
    @discardableResult
    public func run(
        accepting: ClosedRange<Int32> = 0...0, eachLine: ((String) -> Void)? = nil
    ) throws(CommandError) -> CommandResult {
        let running = try start()
        let collector = OutputCollector(running, limitBytes: outputLimitBytes, eachLine: eachLine)
        return try finish(running, collector, accepting: accepting)
    }

    /// Runs the program to its end with a standard input that `feed` hands over piece by piece.
    ///
    /// The program reads a socket, so what it was given cannot be read twice. Throws what the program says if it fails,
    /// else what `feed` throws, which is an error (`EPIPE`) too if the program ends before it has read everything.
    @discardableResult
    public func run(
        feeding feed: (_ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws -> CommandResult {
        var command = self
        command.input = .stream
        var running = try command.start()
        var collector = OutputCollector(running, limitBytes: outputLimitBytes, eachLine: nil)
        var failure: (any Error)?
        do {
            try feed { bytes in try collector.feed(bytes, to: running) }
        } catch {
            failure = error
            // What it has been given so far must not pass for everything.
            if (error as? SystemError)?.code != EPIPE { try running.send(SIGKILL) }
        }
        running.endInput()
        do {
            let result = try command.finish(running, collector, accepting: 0...0)
            if let failure { throw failure }
            return result
        } catch {
            if let failure, (failure as? SystemError)?.code != EPIPE { throw failure }
            throw error
        }
    }

    private func finish(
        _ running: consuming RunningCommand, _ collector: OutputCollector, accepting: ClosedRange<Int32>
    ) throws(CommandError) -> CommandResult {
        var running = running
        var collector = collector
        let status: ExitStatus
        do throws(SystemError) {
            try collector.collect(running)
            if collector.isOverLimit { throw SystemError(call: "read", subject: executable, code: EFBIG) }
            status = try running.wait()
        } catch {
            let reason: CommandError.Reason =
                collector.isOverLimit ? .tooMuchOutput(limitBytes: outputLimitBytes) : .system(error)
            throw failure(reason, collector.errorOutput)
        }
        if case .exited(let code) = status, accepting.contains(code) {
            return CommandResult(status: status, output: collector.output, errorOutput: collector.errorOutput)
        }
        throw failure(.failed(status), collector.errorOutput)
    }

    /// Starts the program and returns at once.
    ///
    /// Captured output must be read by the caller, or the program stops when the pipe is full.
    public func start() throws(CommandError) -> RunningCommand {
        let path: String
        if executable.contains("/") {
            path = executable
        } else if let found = findExecutable(executable) {
            path = found
        } else {
            throw failure(.notFound(package: package))
        }
        do throws(SystemError) {
            return try spawn(path)
        } catch {
            if error.call == "execve", error.isNotFound, !isExecutable(path), workingDirectory == nil {
                throw failure(.notFound(package: package))
            }
            throw failure(.system(error))
        }
    }

    private func failure(_ reason: CommandError.Reason, _ errorOutput: [UInt8] = []) -> CommandError {
        CommandError(argv: argv, reason: reason, errorOutput: String(decoding: errorOutput, as: UTF8.self))
    }
}
