import Glibc
import LinuxSystem
import Testing

/// What a program printed, and how it ended.
struct ToolResult {
    var output: String
    var status: Int32
}

/// Runs a shell command; standard error is part of the output.
func run(_ command: String) throws -> ToolResult {
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

/// A generator with a seed: a failing case comes back.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        // SplitMix64.
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}
