import Glibc
import LinuxSystem
import Synchronization

/// A web server on a free port of this machine, with as many good and bad manners as the tests need:
/// `/good/NAME` serves a body and parts of it, `/corrupt/NAME` changes its last byte, `/short/NAME` has only its half,
/// and all else is not found.
final class HTTPServer: Sendable {
    let port: UInt16
    private let socket: Descriptor
    private let bodies: [String: [UInt8]]
    /// Request lines, and for each its `Range`.
    private let log = Mutex<[String]>([])
    /// What `Last-Modified` says; apt goes on only with what has this time.
    static let modified = "Sat, 15 Nov 2025 08:06:40 GMT"
    static let modifiedSeconds = 1_763_194_000

    var requests: [String] { log.withLock { $0 } }

    func uri(_ path: String) -> String { "http://127.0.0.1:\(port)/\(path)" }

    init(_ bodies: [String: [UInt8]]) throws {
        self.bodies = bodies
        let number = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        socket = Descriptor(adopting: number, name: "server")
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, length) == 0 && listen(number, 16) == 0 && getsockname(number, $0, &length) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        guard bound else { throw SystemError(call: "bind", subject: "127.0.0.1", code: errno) }
    }

    /// Serves while `body` runs.
    func serve(_ body: () throws -> Void) throws {
        let done = Mutex(false)
        let group = try ThreadGroup(count: 1) { [self] _ in
            while !done.withLock({ $0 }) {
                let connection = accept(socket.rawValue, nil, nil)
                if connection < 0 { return }
                answer(Descriptor(adopting: connection, name: "connection"))
            }
        }
        let result = Result { try body() }
        done.withLock { $0 = true }
        // A blocked accept(2) ends.
        shutdown(socket.rawValue, Int32(SHUT_RDWR))
        group.join()
        try result.get()
    }

    private func answer(_ connection: consuming Descriptor) {
        var request: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { buffer.deallocate() }
        while !String(decoding: request, as: UTF8.self).contains("\r\n\r\n") {
            guard let count = try? connection.read(into: buffer), count > 0 else { return }
            request.append(contentsOf: buffer[..<count])
        }
        // apt sends several requests at once; it asks again for those that this connection does not answer.
        let lines = String(decoding: request, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        let path = lines[0].split(separator: " ")[1]
        let range = lines.prefix { !$0.isEmpty }.first { $0.hasPrefix("Range: bytes=") }
        log.withLock { $0.append("\(path)\(range.map { " \($0)" } ?? "")") }
        let parts = path.split(separator: "/")
        guard parts.count == 2, var body = bodies[String(parts[1])], parts[0] != "missing" else {
            send(Array("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8), connection)
            return
        }
        if parts[0] == "corrupt" { body[body.count - 1] ^= 1 }
        if parts[0] == "short" { body = Array(body.prefix(body.count / 2)) }
        let start = range.flatMap { Int($0.dropFirst("Range: bytes=".count).prefix { $0 != "-" }) } ?? 0
        var head = start > 0 ? "HTTP/1.1 206 Partial Content\r\n" : "HTTP/1.1 200 OK\r\n"
        if start > 0 { head += "Content-Range: bytes \(start)-\(body.count - 1)/\(body.count)\r\n" }
        head += "Content-Length: \(body.count - start)\r\nLast-Modified: \(Self.modified)\r\nConnection: close\r\n\r\n"
        send(Array(head.utf8) + body[start...], connection)
    }

    /// Without a signal for a client that has gone.
    private func send(_ bytes: [UInt8], _ connection: borrowing Descriptor) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(connection.rawValue, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }
}
