internal import Glibc
internal import LinuxSystem

/// How long a server may take.
public struct Patience: Sendable {
    /// Seconds until a connection must be there.
    public var connectSeconds = 30
    /// Seconds after which a transfer that is slower than 1000 bytes a second is given up, and begun anew where it was.
    public var stallSeconds = 30
    /// How often in a row something may fail before it is an error; bytes that come begin a new row.
    public var attempts = 5
    /// Milliseconds before the second attempt; before each further one twice as many.
    public var pauseMilliseconds: Int32 = 500

    /// Patience for networks as they are.
    public init() {}
}

/// A file on a web server, fetched by curl(1): forwards in one transfer, which begins anew where it broke off.
///
/// Nothing is kept but what is between curl and the reader. A server that knows no ranges is read from the start, and
/// what is not wanted is dropped.
final class RemoteFile: ByteSource {
    let name: String
    private let url: String
    private let patience: Patience
    private var transfer: Transfer?
    private var knownSize: Int?
    /// Whether the server has sent the whole where a part was asked for.
    private var ignoresRanges = false
    /// How often in a row something failed, how far the reader has come on since the last time, and where it is.
    private var failures = 0
    private var delivered = 0
    private var reached = 0

    /// How many bytes are dropped rather than asking for a later part.
    private static let dropLimit = 1 << 20
    /// Bytes that begin a new row of attempts: fewer might keep one busy for ever.
    private static let progressBytes = 1 << 16

    init(_ url: String, _ patience: Patience) {
        self.url = url
        self.patience = patience
        name = UpgradeLocation.shown(url)
    }

    // MARK: - Whole small files

    /// All of a file of at most `limit` bytes; nil if the server has none.
    func contents(limit: Int) throws(ControllerError) -> [UInt8]? {
        do throws(Trouble) {
            return try persistently { () throws(Trouble) in
                let transfer = try Transfer.start(url, at: 0, patience)
                if let count = transfer.head.contentLength, count > limit { throw .tooLarge(limit) }
                var bytes: [UInt8] = []
                while bytes.count <= limit {
                    let part = try transfer.read(limit + 1 - bytes.count)
                    if part.isEmpty {
                        try transfer.requireSuccess()
                        return bytes
                    }
                    bytes += part
                }
                throw .tooLarge(limit)
            }
        } catch {
            if error.isMissing { return nil }
            throw error.error(name)
        }
    }

    // MARK: - Parts

    func size() throws(ControllerError) -> Int {
        if let knownSize { return knownSize }
        do throws(Trouble) {
            // Of a server that knows ranges it takes a byte, of any other what is under way until it is cut off.
            return try persistently { () throws(Trouble) in
                try note(try Transfer.start(url, at: 0, count: 1, patience), offset: 0)
            }
        } catch { throw error.error(name) }
    }

    /// Takes what the head of an answer tells of the whole; what differs from before is an error.
    @discardableResult
    private func note(_ transfer: Transfer, offset: Int) throws(Trouble) -> Int {
        let head = transfer.head
        guard let total = (head.status == 206 ? head.rangeTotal : head.contentLength) ?? knownSize else {
            throw Trouble("the server does not tell how many bytes it has: serve it as a plain file")
        }
        if let knownSize, knownSize != total {
            throw Trouble("it had \(knownSize) bytes and has \(total) now: it was changed meanwhile, so begin anew")
        }
        if head.status == 200, offset > 0 { ignoresRanges = true }
        knownSize = total
        return total
    }

    func read(at offset: Int, count: Int) throws(ControllerError) -> [UInt8] {
        do throws(Trouble) {
            return try persistently { () throws(Trouble) in try attempt(at: offset, count: count) }
        } catch { throw error.error(name) }
    }

    private func attempt(at offset: Int, count: Int) throws(Trouble) -> [UInt8] {
        let current = try transfer(reaching: offset)
        while current.position < offset {
            if try current.read(min(readLimit, offset - current.position)).isEmpty { throw current.ending(knownSize) }
        }
        let bytes = try current.read(min(count, readLimit))
        if bytes.isEmpty { throw current.ending(knownSize) }
        // Where the reader has no use for bytes between, it has come on just as well.
        delivered += bytes.count + max(0, offset - reached)
        reached = offset + bytes.count
        if let knownSize, current.position >= knownSize {
            let excess = try current.read(1)
            guard current.position == knownSize, excess.isEmpty else {
                throw Trouble("the server sends more than the \(knownSize) bytes that it tells of")
            }
            transfer = nil
        }
        return bytes
    }

    /// The transfer that is under way, if it will come to the offset soon, or else a new one.
    private func transfer(reaching offset: Int) throws(Trouble) -> Transfer {
        if let transfer, transfer.position <= offset, ignoresRanges || offset - transfer.position <= Self.dropLimit {
            return transfer
        }
        // Ends the one before first.
        transfer = nil
        let started = try Transfer.start(url, at: offset, patience)
        try note(started, offset: offset)
        transfer = started
        return started
    }

    // MARK: - Again

    /// Does something until it works, fails for good, or has failed too often without progress between.
    private func persistently<Result>(_ body: () throws(Trouble) -> Result) throws(Trouble) -> Result {
        while true {
            do throws(Trouble) { return try body() } catch {
                transfer = nil
                if delivered >= Self.progressBytes { failures = 0 }
                (delivered, failures) = (0, failures + 1)
                guard error.isPassing, failures < patience.attempts else { throw error }
                _ = poll(nil, 0, patience.pauseMilliseconds << Int32(min(failures - 1, 8)))
            }
        }
    }
}
