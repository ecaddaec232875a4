internal import Glibc

/// A staged root in which maintainer scripts and tools run: one process tree per command, in namespaces of its own.
///
/// The command is root over the tree and over nothing else. It sees no network (but `lo`), no process but its own, a
/// `/dev` of harmless devices, an empty `/sys`, and a fresh `/run` and `/tmp`; syncs do nothing. Its standard input and
/// outputs are those that the ``Command`` gives it. Processes it leaves behind are killed when it ends. The tree must
/// have the directories `/dev`, `/proc`, `/run`, `/sys` and `/tmp`; nothing is left in them.
public struct Sandbox: Sendable {
    /// A file or directory of the caller that the command sees at `destination`.
    public struct Bind: Sendable, Equatable {
        /// A path of the caller.
        public var source: String
        /// An absolute path in the tree. It must exist, but below `/run` and `/tmp` it is made.
        public var destination: String
        /// Whether the command may not change it.
        public var isReadOnly: Bool

        /// Makes `source` visible at `destination`.
        public init(_ source: String, at destination: String, isReadOnly: Bool = true) {
            self.source = source
            self.destination = destination
            self.isReadOnly = isReadOnly
        }
    }

    /// The top of the tree.
    public var root: String
    /// What else is visible in it.
    public var binds: [Bind]
    /// The command's whole environment.
    public var environment: [String: String]
    /// The host name that the command sees.
    public var hostname: String
    /// The path of `pisces-enter`; nil: found by ``Workshop/findHelper(_:)``.
    public var helper: String?

    /// ``Command/plainEnvironment`` and `HOME=/root`.
    public static let plainEnvironment = Command.plainEnvironment.merging(["HOME": "/root"]) { $1 }

    /// A sandbox over the tree at `root`.
    public init(
        root: String, binds: [Bind] = [], environment: [String: String] = Sandbox.plainEnvironment,
        hostname: String = "localhost"
    ) {
        self.root = root
        self.binds = binds
        self.environment = environment
        self.hostname = hostname
    }

    /// The command that runs `argv` in the sandbox; its name is looked up in the tree.
    ///
    /// Its exit status is that of the program, 128 + n if a signal n ended it, or one of ``HelperStatus``.
    public func command(_ argv: [String], workingDirectory: String = "/") throws(WorkshopError) -> Command {
        var arguments = ["sandbox", "--root", root, "--hostname", hostname, "--chdir", workingDirectory]
        for bind in binds {
            guard !bind.source.contains(":"), !bind.destination.contains(":") else {
                throw WorkshopError("\(bind.source): cannot be bound at \(bind.destination): a path holds a colon")
            }
            arguments += ["--bind", "\(bind.source):\(bind.destination)\(bind.isReadOnly ? ":ro" : "")"]
        }
        for (name, value) in environment.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            arguments += ["--env", "\(name)=\(value)"]
        }
        return Command(try Workshop.findHelper(helper), arguments + ["--"] + argv, package: "pisces")
    }

    /// The command that runs `argv` for the person at the terminal, which standard input must be: the program has the
    /// terminal, with job control, until it ends.
    public func interactiveCommand(_ argv: [String], workingDirectory: String = "/") throws(WorkshopError) -> Command {
        var command = try command(argv, workingDirectory: workingDirectory)
        command.arguments.insert("--interactive", at: 1)
        (command.input, command.output, command.errorOutput) = (.inherited, .inherited, .inherited)
        return command
    }
}
