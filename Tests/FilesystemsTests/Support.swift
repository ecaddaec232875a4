import Filesystems
import Glibc
import LinuxSystem

/// Runs a program found on PATH; nil where there is none. Both outputs come back together.
func run(_ arguments: String...) throws -> (status: Int32, output: String)? { try run(arguments) }

/// The same, for arguments that are a list already.
func run(_ arguments: [String]) throws -> (status: Int32, output: String)? {
    let directory = try TemporaryDirectory()
    let log = directory.path + "/log"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var argv = arguments.map { strdup($0) } + [nil]
    defer { argv.forEach { free($0) } }
    let variables = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"]
    var environment = variables.map { strdup($0) } + [nil]
    defer { environment.forEach { free($0) } }
    var child: pid_t = 0
    if posix_spawnp(&child, arguments[0], &actions, nil, &argv, &environment) != 0 { return nil }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    let output = try String(decoding: Descriptor.open(log).readToEnd(), as: UTF8.self)
    return (status & 0x7F == 0 ? status >> 8 & 0xFF : -1, output)
}

/// Whether a program is installed.
func has(_ program: String) -> Bool {
    ["/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"].contains { access($0 + program, X_OK) == 0 }
}

/// Whether this process may make device nodes and mount.
let isRoot = geteuid() == 0

/// Whether the kernel knows EROFS and gives out loop devices.
let canMountErofs: Bool = {
    guard isRoot, access("/dev/loop-control", W_OK) == 0,
        let systems = try? Descriptor.open("/proc/filesystems").readToEnd()
    else { return false }
    return String(decoding: systems, as: UTF8.self).contains("\terofs\n")
}()

/// A scratch file of `size` bytes.
func scratch(_ directory: borrowing TemporaryDirectory, _ name: String, size: Int = 0) throws -> Descriptor {
    let file = try Descriptor.open("\(directory.path)/\(name)", O_RDWR | O_CREAT | O_TRUNC)
    try file.truncate(to: size)
    return file
}
