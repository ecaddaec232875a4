internal import Glibc

/// Runs a program to its end: how a library calls a tool without knowing who starts processes.
///
/// `argv[0]` is a path or a name that is looked up on the `PATH` of `environment`; `environment` is all that the
/// program gets; `input` is its standard input (nil: empty). `status` is the exit status, or 128 + the signal that
/// ended it. Throws only if the program could not be started. Called from several threads at once.
public typealias ToolRunner =
    @Sendable (_ argv: [String], _ environment: [String: String], _ input: [UInt8]?) throws -> (
        status: Int32, output: [UInt8], errorOutput: [UInt8]
    )

/// Runs a tool of this host: the ``ToolRunner`` of programs and tests.
public func runTool(
    _ argv: [String], _ environment: [String: String], _ input: [UInt8]?
) throws -> (status: Int32, output: [UInt8], errorOutput: [UInt8]) {
    guard let name = argv.first else { throw SystemError(call: "execve", subject: "no program is named", code: ENOENT) }
    var command = Command(name, Array(argv.dropFirst()))
    command.environment = environment
    // apt prints whole package lists.
    command.outputLimitBytes = 512 << 20
    if let input { command.input = .bytes(input) }
    let result = try command.run(accepting: 0...255)
    return (result.status.shellStatus, result.output, result.errorOutput)
}
