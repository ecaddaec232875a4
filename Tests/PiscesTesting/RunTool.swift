internal import Glibc
internal import LinuxSystem

/// Runs a tool for a test, by posix_spawn(3) with files for its streams: a ``ToolRunner``.
public func runTool(
    _ argv: [String], _ environment: [String: String], _ input: [UInt8]?
) throws -> (status: Int32, output: [UInt8], errorOutput: [UInt8]) {
    let directory = try TemporaryDirectory()
    try AtomicFile.write(input ?? [], to: directory.path + "/in")
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, directory.path + "/in", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, directory.path + "/out", O_WRONLY | O_CREAT, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, directory.path + "/err", O_WRONLY | O_CREAT, 0o600)
    var arguments = argv.map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (arguments + variables).forEach { free($0) } }
    var child: pid_t = 0
    let code = posix_spawnp(&child, argv[0], &actions, nil, &arguments, &variables)
    guard code == 0 else { throw SystemError(call: "posix_spawn", subject: argv[0], code: code) }
    var status: Int32 = 0
    while waitpid(child, &status, 0) == -1 {
        if errno != EINTR { throw SystemError(call: "waitpid", subject: argv[0], code: errno) }
    }
    return (
        status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f,
        try Descriptor.open(directory.path + "/out").readToEnd(),
        try Descriptor.open(directory.path + "/err").readToEnd()
    )
}

/// Runs a tool that must succeed; returns what it printed.
@discardableResult
public func run(_ argv: String...) throws -> String {
    let environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"]
    let result = try runTool(argv, environment, nil)
    guard result.status == 0 else {
        throw ToolFailure(message: "\(argv): \(String(decoding: result.errorOutput, as: UTF8.self))")
    }
    return String(decoding: result.output, as: UTF8.self)
}

/// What a tool said before it failed.
public struct ToolFailure: Error {
    /// Its command line and its standard error.
    public let message: String

    /// Makes an error.
    public init(message: String) { self.message = message }
}
