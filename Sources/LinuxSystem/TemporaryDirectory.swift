internal import Glibc

/// A directory of its own that is removed with all it holds when its owner goes away.
public struct TemporaryDirectory: ~Copyable, Sendable {
    /// Its absolute path.
    public let path: String

    /// Makes one below `parent` (default: `$TMPDIR`, else `/tmp`).
    public init(in parent: String? = nil, prefix: String = "pisces-") throws(SystemError) {
        let base = parent ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/\(prefix)XXXXXX".utf8CString)
        let made = mkdtemp(&template) != nil
        let code = errno
        guard made else { throw SystemError(call: "mkdtemp", subject: base, code: code) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? removeTree(path) }
}

/// Creates a directory and those above it that are missing.
public func makeDirectories(_ path: String) throws(SystemError) {
    if mkdir(path, 0o755) == 0 { return }
    let code = errno
    if code == EEXIST { return }
    guard code == ENOENT, path.contains("/") else { throw SystemError(call: "mkdir", subject: path, code: code) }
    try makeDirectories(parentDirectory(of: path))
    try call("mkdir", path) { mkdir(path, 0o755) == 0 || errno == EEXIST ? 0 : -1 }
}

/// Removes a file or a directory with all it holds; never follows a symlink, never crosses into another mount by name
/// alone. A path that is not there is no error.
public func removeTree(_ path: String) throws(SystemError) {
    var status = stat()
    if lstat(path, &status) != 0 { return }
    guard status.st_mode & S_IFMT == S_IFDIR else {
        try call("unlink", path) { unlink(path) }
        return
    }
    // A directory without write permission cannot be emptied.
    if status.st_mode & 0o700 != 0o700 { _ = chmod(path, 0o700) }
    for name in try Descriptor.directory(path).entries() { try removeTree("\(path)/\(name)") }
    try call("rmdir", path) { rmdir(path) }
}
