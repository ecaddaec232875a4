internal import CLinux
internal import Glibc

/// A directory that appears under its final name whole and durable, or not at all.
///
/// A directory cannot be without a name, so it is filled under another one beside its destination, locked. A small
/// process waits for that lock and then removes what has the other name: the unfinished directory, however this process
/// ended, or after a ``commit()`` what was at the destination before. Only a power cut leaves `NAME.partial-…`.
public final class AtomicDirectory {
    /// Where the content is made; mode 0700 at first.
    public let directory: Descriptor
    /// The final name.
    public let path: String
    private let temporaryName: String
    private let parent: Descriptor
    private var cleaner: RunningCommand?

    /// Starts a directory for `path`, whose parent must exist.
    public static func create(_ path: String) throws -> AtomicDirectory {
        let temporaryName = "\(baseName(of: path)).partial-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let parent = try Descriptor.directory(parentDirectory(of: path))
        try parent.makeDirectory(temporaryName, mode: 0o700, existing: false)
        do {
            let directory = try parent.openBeneath(temporaryName, O_RDONLY | O_DIRECTORY)
            try call("flock", path) { flock(directory.rawValue, LOCK_EX | LOCK_NB) }
            let cleaner = try cleaner("\(parentDirectory(of: path))/\(temporaryName)").start()
            return AtomicDirectory(
                directory: directory, path: path, temporaryName: temporaryName, parent: parent, cleaner: cleaner)
        } catch {
            try? Descriptor.directory(parentDirectory(of: path)).unlink(temporaryName, directory: true)
            throw error
        }
    }

    /// What removes a directory once nobody locks it; ^C and the death of this process do not reach it.
    private static func cleaner(_ path: String) -> Command {
        var command = Command("flock", [path, "rm", "-rf", "--", path], package: "util-linux")
        command.ownProcessGroup = true
        command.diesWithCaller = false
        command.output = .discarded
        command.errorOutput = .discarded
        return command
    }

    private init(
        directory: consuming Descriptor, path: String, temporaryName: String, parent: consuming Descriptor,
        cleaner: consuming RunningCommand
    ) {
        self.directory = directory
        self.path = path
        self.temporaryName = temporaryName
        self.parent = parent
        self.cleaner = consume cleaner
    }

    deinit {
        _ = flock(directory.rawValue, LOCK_UN)
        if var cleaner = cleaner.take() { _ = try? cleaner.wait() }
    }

    /// Makes the content durable (syncfs(2)).
    public func sync() throws(SystemError) {
        try call("syncfs", path) { clinux_syncfs(directory.rawValue) }
    }

    /// Makes content and name durable. What has the name is replaced at once, and removed.
    public func commit() throws(SystemError) {
        try sync()
        let name = baseName(of: path)
        do throws(SystemError) {
            try call("renameat2", path) {
                clinux_rename_noreplace(parent.rawValue, temporaryName, parent.rawValue, name)
            }
        } catch  where error.isExisting {
            try call("renameat2", path) {
                clinux_rename_exchange(parent.rawValue, temporaryName, parent.rawValue, name)
            }
        }
        try parent.sync()
    }
}

/// The last component of a path; a path that ends in a slash has an empty one.
public func baseName(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
    return String(path[path.utf8.index(after: slash)...])
}
