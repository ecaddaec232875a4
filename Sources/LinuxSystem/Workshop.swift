internal import Glibc

/// The user and mount namespace in which a whole command works, so that trees with the owners of an operating system
/// can be made by root and by an ordinary user alike, and no mount is left behind however the command ends.
public enum Workshop {
    /// A file system in memory that exists in the workshop only.
    public struct MemoryFilesystem: Sendable, Equatable {
        /// The directory it is mounted on; it must exist.
        public var directory: String
        /// The most it may hold; nil: half of the memory.
        public var sizeBytes: Int?

        /// Names a directory and a limit.
        public init(directory: String, sizeBytes: Int? = nil) {
            self.directory = directory
            self.sizeBytes = sizeBytes
        }
    }

    /// Set by `pisces-enter` to the names of the workshop's namespaces: a variable alone may be inherited by mistake.
    static let guardVariable = "PISCES_WORKSHOP"

    /// Whether this process is in a workshop.
    public static var isInside: Bool {
        guard let value = getenv(guardVariable) else { return false }
        return String(cString: value) == currentNamespaces
    }

    /// `user:[N] mnt:[N]` of this process, as namespaces(7) shows them.
    static var currentNamespaces: String? {
        guard let namespaces = try? Descriptor.directory("/proc/self/ns"),
            let user = try? namespaces.linkTarget("user"),
            let mount = try? namespaces.linkTarget("mnt")
        else { return nil }
        return "\(user) \(mount)"
    }

    /// Starts this program anew in a workshop, with the same arguments and environment, in place of this process.
    ///
    /// Returns only by an error. If the workshop cannot be made, `pisces-enter` says why on standard error and ends
    /// with ``HelperStatus/unavailable``.
    public static func enter(
        arguments: [String] = Array(CommandLine.arguments.dropFirst()), mounting: [MemoryFilesystem] = [],
        helper: String? = nil
    ) throws(WorkshopError) -> Never {
        let own: String
        do throws(SystemError) {
            own = try Descriptor.directory("/proc/self").linkTarget("exe")
        } catch {
            throw WorkshopError("cannot enter a workshop: \(error)")
        }
        let path = try findHelper(helper)
        let argv = [path] + Self.arguments(mounting: mounting) + ["--", own] + arguments
        var strings = argv.map { strdup($0) }
        strings.append(nil)
        execv(path, &strings)
        let code = errno
        for string in strings { free(string) }
        throw WorkshopError("cannot enter a workshop: \(SystemError(call: "execve", subject: path, code: code))")
    }

    /// The command that runs `argv` in a workshop.
    public static func command(
        _ argv: [String], mounting: [MemoryFilesystem] = [], helper: String? = nil
    ) throws(WorkshopError) -> Command {
        Command(try findHelper(helper), arguments(mounting: mounting) + ["--"] + argv, package: "pisces")
    }

    private static func arguments(mounting: [MemoryFilesystem]) -> [String] {
        ["workshop"]
            + mounting.flatMap { ["--tmpfs", $0.directory + ($0.sizeBytes.map { ":\($0)" } ?? "")] }
    }

    /// The path of `pisces-enter`: the given one, else beside this program, then where the package has it, then in
    /// `PATH`.
    public static func findHelper(_ given: String? = nil) throws(WorkshopError) -> String {
        if let given { return given }
        let own = (try? Descriptor.directory("/proc/self").linkTarget("exe")).map { parentDirectory(of: $0) }
        let places = [own.map { "\($0)/pisces-enter" }, "/usr/lib/pisces/pisces-enter", "pisces-enter"]
        for place in places {
            if let place, let found = findExecutable(place) { return found }
        }
        throw WorkshopError(
            "pisces-enter: not found beside this program, in /usr/lib/pisces or in PATH; install the package pisces again"
        )
    }
}

/// Statuses with which `pisces-enter` ends when it could not run the program, as env(1) and chroot(1) do.
public enum HelperStatus {
    /// This machine or this user lacks what is needed; standard error says what and how to mend it.
    public static let unavailable: Int32 = 77
    /// The namespaces could not be set up.
    public static let failed: Int32 = 125
    /// The program could not be executed.
    public static let notExecutable: Int32 = 126
    /// There is no such program.
    public static let notFound: Int32 = 127
}

/// Why a workshop or sandbox cannot be had.
public struct WorkshopError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What, where, why and how to mend it.
    public let description: String

    init(_ description: String) { self.description = description }
}
