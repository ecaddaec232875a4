internal import Glibc
internal import LinuxSystem
internal import Synchronization

/// A web server on a free port of this machine, with as many good and bad manners as the tests need. `/FOLDER/NAME` is a
/// body in the manner of the folder, and all else is not found:
/// - `good`: the body and parts of it; `moved` leads there
/// - `plain`: knows no ranges
/// - `corrupt`: its last byte is another; `short`: only its half, as if that were all; `missing`, `busy`: nothing
/// - `cut`, `plaincut`: the connection ends after ``cutBytes``; `half`: it ends once in the middle of a larger body;
///   `stall`: nothing comes after the half
/// - `liar`: the length is wrong; `unknown`: there is none; `more`: more than was asked for; `other`: another part;
///   `shrink`: once the length has been told, there is half of it
/// - `round`: leads back to itself
public final class HTTPServer: Sendable {
    /// Its port.
    public let port: UInt16
    private let socket: Descriptor
    private let bodies: [String: [UInt8]]
    /// Request lines, and for each its `Range`.
    private let log = Mutex<[String]>([])
    /// After how many bytes connections are cut.
    public static let cutBytes = 300_000
    /// What `Last-Modified` says; apt goes on only with what has this time.
    static let modified = "Sat, 15 Nov 2025 08:06:40 GMT"
    /// The same in seconds since 1970.
    public static let modifiedSeconds = 1_763_194_000

    /// The paths of the requests, and for each the `Range` it asked for.
    public var requests: [String] { log.withLock { $0 } }

    /// The URL of a path.
    public func uri(_ path: String) -> String { "http://127.0.0.1:\(port)/\(path)" }

    /// Serves bodies by their names.
    public init(_ bodies: [String: [UInt8]]) throws {
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
    public func serve(_ body: () throws -> Void) throws {
        let done = Mutex(false)
        let group = try ThreadGroup(count: 4) { [self] _ in
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
        guard parts.count == 2, let body = bodies[String(parts[1])] else {
            return respond("404 Not Found", connection)
        }
        let bounds = (range?.dropFirst("Range: bytes=".count) ?? "").split(separator: "-").map { Int($0) ?? 0 }
        let asked = bounds.first.map { Asked(start: $0, last: bounds.count > 1 ? bounds[1] : .max) }
        answer(String(parts[0]), String(parts[1]), body, asked, connection)
    }

    /// The part of a body that a request asks for.
    private struct Asked {
        let start: Int
        let last: Int
    }

    /// Answers with the manners of `folder`.
    private func answer(
        _ folder: String, _ name: String, _ body: [UInt8], _ asked: Asked?, _ connection: borrowing Descriptor
    ) {
        var body = body
        switch folder {
        case "missing": return respond("404 Not Found", connection)
        case "busy": return respond("503 Service Unavailable", connection)
        case "round": return respond("302 Found", connection, ["Location: /round/\(name)", "Content-Length: 0"])
        case "moved": return respond("302 Found", connection, ["Location: /good/\(name)", "Content-Length: 0"])
        case "unknown":
            return respond("200 OK", connection, ["Transfer-Encoding: chunked"], Self.chunk(body) + Self.chunk([]))
        case "corrupt": body[body.count - 1] ^= 1
        case "short": body = Array(body.prefix(body.count / 2))
        case "shrink": if asked?.last != 0 { body = Array(body.prefix(body.count / 2)) }
        case "liar":
            let length = body.count + 100
            let part = asked.map { ["Content-Range: bytes \($0.start)-\(length - 1)/\(length)"] } ?? []
            return respond(
                asked == nil ? "200 OK" : "206 Partial Content", connection, ["Content-Length: \(length)"] + part, body)
        default: break
        }
        let part = folder.hasPrefix("plain") ? nil : asked
        let (start, last) = (part?.start ?? 0, min(part?.last ?? .max, body.count - 1))
        guard start <= last else { return respond("416 Range Not Satisfiable", connection) }
        var content = body[start...last]
        var fields =
            part == nil
            ? [] : ["Content-Range: bytes \(start + (folder == "other" && start > 0 ? 1 : 0))-\(last)/\(body.count)"]
        if folder == "more", start > 0 || last > 0 {
            // Without a length, so that the client does not cut it off.
            content += [1, 2, 3]
            fields.append("Transfer-Encoding: chunked")
            content = (Self.chunk(Array(content)) + Self.chunk([]))[...]
        } else {
            fields.append("Content-Length: \(content.count)")
        }
        if folder == "cut" || folder == "plaincut" { content = content.prefix(Self.cutBytes) }
        if folder == "half", body.count > Self.cutBytes, start < body.count / 2 {
            content = content.prefix(body.count / 2 - start)
        }
        if folder == "stall" { content = content.prefix(content.count / 2) }
        respond(part == nil ? "200 OK" : "206 Partial Content", connection, fields, Array(content))
        if folder == "stall", last > 0 {
            // Until the client has had enough.
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
            defer { buffer.deallocate() }
            _ = try? connection.read(into: buffer)
        }
    }

    private static func chunk(_ bytes: [UInt8]) -> [UInt8] {
        Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8)
    }

    private func respond(
        _ status: String, _ connection: borrowing Descriptor, _ fields: [String] = ["Content-Length: 0"],
        _ body: [UInt8] = []
    ) {
        let lines = ["HTTP/1.1 \(status)"] + fields + ["Last-Modified: \(Self.modified)", "Connection: close", "", ""]
        send(Array(lines.joined(separator: "\r\n").utf8) + body, connection)
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
