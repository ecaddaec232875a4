import Glibc
import LinuxSystem

/// A directory on disk in which one construction works, for machines whose memory does not hold the root.
///
/// It is removed at the end. What a killed construction leaves behind, files of subordinate ids among it, the next one
/// with the same folder removes; both are in a workshop, where they may.
final class WorkDirectory {
    /// Its absolute path; it is empty at first.
    let path: String
    /// Locked as long as the construction runs: the lock ends with the process, however that ends.
    private let lock: Descriptor

    private static let prefix = "pisces-work-"
    /// ST_NOEXEC of statvfs(3), which Glibc's module hides.
    private static let noExecution: UInt = 8

    /// Makes one in `folder`, which must exist, after removing those that nobody works in any more.
    init(in folder: String) throws {
        let folder = try Workspace.absolute(folder)
        let directory = try Descriptor.directory(folder)
        var filesystem = statvfs()
        guard fstatvfs(directory.rawValue, &filesystem) == 0, filesystem.f_flag & Self.noExecution == 0 else {
            throw Failure("--work \(folder): programs cannot be executed there (mounted noexec); choose another place")
        }
        // One at a time: a directory is not locked yet at the moment it is made.
        guard flock(directory.rawValue, LOCK_EX) == 0 else {
            throw SystemError(call: "flock", subject: folder, code: errno)
        }
        for name in try directory.entries() where name.hasPrefix(Self.prefix) {
            let left = try Descriptor.directory("\(folder)/\(name)")
            if flock(left.rawValue, LOCK_EX | LOCK_NB) == 0 { try removeTree("\(folder)/\(name)") }
        }
        var template = Array("\(folder)/\(Self.prefix)XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError(call: "mkdtemp", subject: folder, code: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        lock = try Descriptor.directory(path)
        guard flock(lock.rawValue, LOCK_EX) == 0 else {
            throw SystemError(call: "flock", subject: path, code: errno)
        }
    }

    deinit { try? removeTree(path) }
}
