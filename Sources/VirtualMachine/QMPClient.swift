internal import Glibc
internal import LinuxSystem

/// A connection to QEMU's machine protocol on a Unix socket (QEMU Machine Protocol Specification).
///
/// Calls block until QEMU answers or the time is over. QEMU serves one client at a time.
public struct QMPClient: ~Copyable {
    private let socket: Descriptor
    private var pending: [UInt8] = []
    /// An answer or event is never longer than this.
    private static let longestLine = 1 << 20

    private init(socket: consuming Descriptor) { self.socket = socket }

    /// Connects, reads the greeting and leaves negotiation mode; `timeoutSeconds` holds for each answer.
    public static func connect(_ path: String, timeoutSeconds: Int = 10) throws -> QMPClient {
        try checkSocketPath(path)
        var client = QMPClient(socket: try connected(path, timeoutSeconds: timeoutSeconds))
        guard try JSONObject(client.line()).value("QMP") != nil else {
            throw MachineError.monitor("\(path): whoever listens here does not speak QMP")
        }
        try client.execute("qmp_capabilities")
        return client
    }

    /// Runs a command without arguments and waits for its answer; events in between are passed over.
    private mutating func execute(_ command: StaticString) throws {
        try send("{\"execute\": \"\(command)\"}\n")
        while true {
            let answer = try JSONObject(line())
            if answer.value("return") != nil { return }
            if let error = answer.value("error") {
                let reason = JSONObject(error).value("desc").map { String(decoding: $0, as: UTF8.self) }
                throw MachineError.monitor(
                    "QEMU refused \(command): \(reason ?? String(decoding: error, as: UTF8.self))")
            }
        }
    }

    /// Presses the power button: a guest that listens shuts down and QEMU ends.
    public mutating func powerDown() throws { try execute("system_powerdown") }

    /// Presses the reset button: the guest starts again from its firmware, without warning.
    public mutating func reset() throws { try execute("system_reset") }

    /// Ends QEMU at once.
    public mutating func quit() throws { try execute("quit") }

    private static func connected(_ path: String, timeoutSeconds: Int) throws(SystemError) -> Descriptor {
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let code = errno
        guard number >= 0 else { throw SystemError(call: "socket", subject: path, code: code) }
        let descriptor = Descriptor(adopting: number, name: path)
        var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        _ = setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let (result, failure) = withUnsafeBytes(of: &address) { bytes -> (Int32, Int32) in
            guard let base = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return (-1, EINVAL) }
            return (Glibc.connect(number, base, socklen_t(bytes.count)), errno)
        }
        guard result == 0 else { throw SystemError(call: "connect", subject: path, code: failure) }
        return descriptor
    }

    /// Sends text; a QEMU that is gone is an error, not the signal that write(2) would raise.
    private func send(_ text: String) throws(SystemError) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let (count, code) = rest.withUnsafeBytes { bytes in
                (Glibc.send(socket.rawValue, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)), errno)
            }
            guard count >= 0 || code == EINTR else { throw SystemError(call: "send", subject: socket.name, code: code) }
            rest = rest.dropFirst(max(count, 0))
        }
    }

    /// The next line, without its end.
    private mutating func line() throws -> [UInt8] {
        var searched = 0
        while true {
            if let end = pending[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(pending[..<end])
                pending.removeFirst(end + 1)
                return line
            }
            guard pending.count < Self.longestLine else {
                throw MachineError.monitor("\(socket.name): a line of the answer is longer than 1 MiB")
            }
            searched = pending.count
            pending += try chunk()
        }
    }

    private func chunk() throws -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count: Int
        do {
            count = try chunk.withUnsafeMutableBytes { buffer throws in try socket.read(into: buffer) }
        } catch let error as SystemError where error.code == EAGAIN {
            throw MachineError.monitor("\(socket.name): QEMU did not answer in time")
        }
        guard count > 0 else { throw MachineError.monitor("\(socket.name): QEMU closed the connection") }
        return Array(chunk[..<count])
    }
}
