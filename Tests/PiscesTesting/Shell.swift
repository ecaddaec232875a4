internal import Glibc
internal import LinuxSystem

/// What a program printed, and how it ended.
public struct ToolResult {
    /// Both outputs.
    public let output: String
    /// As pclose(3) gives it: 0 for success.
    public let status: Int32
}

/// Runs a shell command; standard error is part of the output.
public func shell(_ command: String) throws -> ToolResult {
    guard let pipe = popen("exec 2>&1; export LC_ALL=C TZ=UTC PATH=/usr/sbin:/sbin:$PATH; \(command)", "re") else {
        throw SystemError(call: "popen", subject: command, code: errno)
    }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = fread(&chunk, 1, chunk.count, pipe)
        if count == 0 { break }
        bytes += chunk[..<count]
    }
    let status = pclose(pipe)
    return ToolResult(output: String(decoding: bytes, as: UTF8.self), status: status)
}
