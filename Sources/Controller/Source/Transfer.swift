internal import Glibc
internal import LinuxSystem

/// Why a transfer did not come about or broke off.
struct Trouble: Error {
    let message: String
    /// Whether it may work when tried again.
    var isPassing = false
    /// Whether the server says that there is no such file.
    var isMissing = false

    init(_ message: String, isPassing: Bool = false, isMissing: Bool = false) {
        self.message = message
        self.isPassing = isPassing
        self.isMissing = isMissing
    }

    static func tooLarge(_ limit: Int) -> Trouble { Trouble("it has more than the \(limit) bytes that it may have") }

    func error(_ name: String) -> ControllerError { ControllerError(.source, name, message) }
}

/// A running curl(1) that writes head and body of an answer.
final class Transfer {
    /// What the server says of the body.
    let head: ResponseHead
    /// The offset in the whole file of the byte that is read next.
    private(set) var position: Int
    private var running: RunningCommand
    /// Bytes of the body that came with the head.
    private var pending: ArraySlice<UInt8>

    private init(
        _ head: ResponseHead, position: Int, running: consuming RunningCommand, pending: ArraySlice<UInt8>
    ) {
        self.head = head
        self.position = position
        self.running = running
        self.pending = pending
    }

    /// Asks for a file from an offset on, for all of the rest or for `count` bytes, and reads the answer's head.
    static func start(
        _ url: String, at offset: Int, count: Int? = nil, _ patience: Patience
    ) throws(Trouble) -> Transfer {
        var command = Command("curl", ["--disable", "--config", "-"], package: "curl")
        command.environment = networkEnvironment
        command.input = .bytes(Array(configuration(url, at: offset, count: count, patience).utf8))
        let running: RunningCommand
        do throws(CommandError) { running = try command.start() } catch { throw Trouble("\(error)") }
        return try read(running, at: offset, isPartial: offset > 0 || count != nil, isToEnd: count == nil)
    }

    /// What curl is to do. Not as arguments, which every process of the machine can see: URLs may have passwords.
    static func configuration(_ url: String, at offset: Int, count: Int?, _ patience: Patience) -> String {
        // Who asked for a safe way is not led to an unsafe one.
        let isSafe = url.lowercased().hasPrefix("https:")
        var lines = [
            "url = \"\(url)\"", "silent", "show-error", "location", "include", "globoff", "max-redirs = 5", "no-buffer",
            "suppress-connect-headers", "proto = \"=http,https\"",
            "proto-redir = \"=\(isSafe ? "https" : "http,https")\"", "connect-timeout = \(patience.connectSeconds)",
            "speed-limit = 1000", "speed-time = \(patience.stallSeconds)",
        ]
        if let count {
            lines.append("range = \"\(offset)-\(offset + count - 1)\"")
        } else if offset > 0 {
            lines.append("range = \"\(offset)-\"")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func read(
        _ running: consuming RunningCommand, at offset: Int, isPartial: Bool, isToEnd: Bool
    ) throws(Trouble) -> Transfer {
        var running = running
        var bytes: [UInt8] = []
        while true {
            let found: (head: ResponseHead, count: Int)?
            do throws(ControllerError) { found = try ResponseHead.parse(bytes) } catch {
                throw Trouble("\(error)")
            }
            guard let (head, count) = found else {
                let part = try chunk(running, ResponseHead.limit)
                if part.isEmpty {
                    throw Self.ending(&running) ?? Trouble("the server answers nothing", isPassing: true)
                }
                bytes += part
                continue
            }
            bytes.removeFirst(count)
            if head.isPreliminary { continue }
            let position = try check(head, at: offset, isPartial: isPartial, isToEnd: isToEnd)
            return Transfer(head, position: position, running: running, pending: bytes[...])
        }
    }

    /// Where the body begins in the file, if the answer is one to what was asked.
    private static func check(
        _ head: ResponseHead, at offset: Int, isPartial: Bool, isToEnd: Bool
    ) throws(Trouble) -> Int {
        switch head.status {
        case 200: return 0
        case 206 where isPartial:
            guard head.rangeStart == offset else {
                throw Trouble("the server sends another part than that from byte \(offset) on")
            }
            if isToEnd, let total = head.rangeTotal, let count = head.contentLength, count != total - offset {
                throw Trouble("the server sends \(count) of \(total) bytes where those from \(offset) on are asked for")
            }
            return offset
        case 404, 410:
            throw Trouble("the server has no such file (status \(head.status))", isMissing: true)
        case let status:
            throw Trouble(
                "the server answers with status \(status)", isPassing: status == 408 || status == 429 || status >= 500)
        }
    }

    // MARK: - Reading

    /// The next bytes of the body, at most `count`; none at its end.
    func read(_ count: Int) throws(Trouble) -> [UInt8] {
        let part: [UInt8]
        if pending.isEmpty {
            part = try Self.chunk(running, count)
        } else {
            part = Array(pending.prefix(count))
            pending = pending.dropFirst(count)
        }
        position += part.count
        return part
    }

    private static func chunk(_ running: borrowing RunningCommand, _ count: Int) throws(Trouble) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: min(count, 1 << 16)) { buffer, used in
            do throws(SystemError) { used = try running.read(into: UnsafeMutableRawBufferPointer(buffer)) } catch {
                failure = error
            }
        }
        if let failure { throw Trouble("\(failure)") }
        return bytes
    }

    // MARK: - The end

    /// Makes sure that what has been read to its end was everything.
    func requireSuccess() throws(Trouble) { if let trouble = Self.ending(&running) { throw trouble } }

    /// Why it ended before the file did.
    func ending(_ size: Int?) -> Trouble {
        Self.ending(&running)
            ?? Trouble(
                "the server sends \(position)\(size.map { " of \($0)" } ?? "") bytes and ends there", isPassing: true)
    }

    /// What curl ended with; nil if it knows of no trouble.
    private static func ending(_ running: inout RunningCommand) -> Trouble? {
        do throws(SystemError) {
            let said = String(decoding: try running.readErrors(limit: 1 << 16), as: UTF8.self)
            let status = try running.wait()
            if status == .exited(0) { return nil }
            let line = said.split(separator: "\n").first.map(String.init) ?? "curl: \(status)"
            guard case .exited(let code) = status else { return Trouble(line) }
            return Trouble(line + (hints[code] ?? ""), isPassing: passing.contains(code))
        } catch {
            return Trouble("\(error)")
        }
    }

    /// Of curl's exit statuses (curl(1)), those of networks that may be better soon: names and connections that fail,
    /// connections that end or stall, and broken HTTP/2.
    private static let passing: Set<Int32> = [6, 7, 16, 18, 28, 35, 52, 55, 56, 92]
    private static let hints: [Int32: String] = [
        1: "; from https:// only https:// may follow",
        47: "; they lead in a circle: name the place where it is",
        60: "; have this machine trust the server's authority (update-ca-certificates(8)), and look at its clock",
    ]
}
