internal import Glibc

/// A system call that failed: which one, on what, and why.
public struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The call as in its man page, for example `openat`.
    public let call: String
    /// The path or other object the call was about.
    public let subject: String
    /// The `errno` value.
    public let code: Int32

    /// Makes an error from its parts; `code` is an `errno` value.
    public init(call: String, subject: String, code: Int32) {
        self.call = call
        self.subject = subject
        self.code = code
    }

    /// `path: No such file or directory (openat)`.
    public var description: String { "\(subject): \(String(cString: strerror(code))) (\(call))" }

    /// Whether this is ENOENT.
    public var isNotFound: Bool { code == ENOENT }
    /// Whether this is EEXIST.
    public var isExisting: Bool { code == EEXIST }
    /// Whether this is ENOSPC or EDQUOT.
    public var isFull: Bool { code == ENOSPC || code == EDQUOT }
    /// Whether this is EFBIG: a file larger than the file system allows.
    public var isTooLarge: Bool { code == EFBIG }
}

/// Makes a system call until it is not interrupted; -1 becomes a ``SystemError``.
///
/// errno is read before anything else can run: string building and reference counting may change it.
@discardableResult
func call<R: FixedWidthInteger>(
    _ name: String, _ subject: @autoclosure () -> String, _ body: () -> R
) throws(SystemError) -> R {
    while true {
        let result = body()
        let code = errno
        if result != -1 { return result }
        if code != EINTR { throw SystemError(call: name, subject: subject(), code: code) }
    }
}
