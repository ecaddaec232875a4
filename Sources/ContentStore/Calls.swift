internal import Glibc
internal import LinuxSystem

// The few system calls that LinuxSystem does not offer on plain paths.

/// Makes a call until it is not interrupted; -1 becomes an error.
private func call(_ name: String, _ subject: String, _ body: () -> Int32) throws(SystemError) {
    while true {
        let result = body()
        let code = errno
        if result != -1 { return }
        if code != EINTR { throw SystemError(call: name, subject: subject, code: code) }
    }
}

/// rename(2).
func renameFile(_ path: String, to newPath: String) throws(SystemError) {
    try call("rename", newPath) { rename(path, newPath) }
}

/// flock(2).
func lockFile(_ file: borrowing Descriptor, _ operation: Int32) throws(SystemError) {
    let number = file.rawValue
    try call("flock", file.name) { flock(number, operation) }
}

/// The size of a file in bytes; 0 if it is not there.
func fileSize(_ path: String) -> Int64 {
    var status = stat()
    return lstat(path, &status) == 0 ? Int64(status.st_size) : 0
}

/// fstat(2), with the times to the nanosecond.
func fileStatus(_ file: borrowing Descriptor) throws(SystemError) -> stat {
    var status = stat()
    let number = file.rawValue
    try call("fstat", file.name) { fstat(number, &status) }
    return status
}
