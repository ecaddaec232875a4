/// Runs a program to its end: how a library calls a tool without knowing who starts processes.
///
/// `argv[0]` is a path or a name that is looked up on the `PATH` of `environment`; `environment` is all that the
/// program gets; `input` is its standard input (nil: empty). `status` is the exit status, or 128 + the signal that
/// ended it. Throws only if the program could not be started. Called from several threads at once.
public typealias ToolRunner =
    @Sendable (_ argv: [String], _ environment: [String: String], _ input: [UInt8]?) throws -> (
        status: Int32, output: [UInt8], errorOutput: [UInt8]
    )
