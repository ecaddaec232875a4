import Glibc
import LinuxSystem
import PiscesTesting

/// A run of `pisces` that is over.
struct Outcome {
    let status: ExitStatus
    let output: String
    let errors: String

    init(_ result: CommandResult) {
        status = result.status
        output = result.text
        errors = String(decoding: result.errorOutput, as: UTF8.self)
    }

    var outputLines: [Substring] { output.split(separator: "\n") }
    var errorLines: [Substring] { errors.split(separator: "\n") }
}

/// The program under test, with an environment of its own.
func piscesCommand(_ arguments: [String], cache: String = "/dev/null", in directory: String? = nil) -> Command {
    var command = Command(builtProgram("pisces"), arguments)
    command.environment = networkEnvironment.merging(["HOME": "/nowhere", "XDG_CACHE_HOME": cache]) { $1 }
    command.workingDirectory = directory
    return command
}

extension Command {
    /// Runs it to its end, whatever the status.
    func outcome() throws -> Outcome { Outcome(try run(accepting: 0...255)) }
}

/// The text of a file.
func fileText(_ path: String) throws -> String {
    String(decoding: try Descriptor.open(path).readToEnd(), as: UTF8.self)
}

/// Writes a file.
func write(_ text: String, to path: String) throws { try AtomicFile.write(Array(text.utf8), to: path) }

let isRoot = geteuid() == 0
