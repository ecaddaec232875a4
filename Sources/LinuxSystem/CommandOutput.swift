internal import Glibc

/// Reads what a program writes on both of its outputs, so that neither pipe fills up while the other is waited for.
struct OutputCollector {
    private(set) var output: [UInt8] = []
    private(set) var errorOutput: [UInt8] = []
    private(set) var isOverLimit = false
    private let limitBytes: Int
    private let eachLine: ((String) -> Void)?
    /// Per output, the bytes since its last newline.
    private var partialLines: [[UInt8]] = [[], []]

    private static let chunkBytes = 1 << 16

    init(limitBytes: Int, eachLine: ((String) -> Void)?) {
        self.limitBytes = limitBytes
        self.eachLine = eachLine
    }

    /// Reads until the program has ended or the limit is passed.
    ///
    /// The end of the program counts, not the end of the pipes: a process it left behind may keep those open for ever.
    mutating func collect(_ running: borrowing RunningCommand) throws(SystemError) {
        let sources = [Self.rawValue(running.output), Self.rawValue(running.errorOutput)]
        for source in sources where source != -1 {
            try call("fcntl", "output") { fcntl(source, F_SETFL, O_NONBLOCK) }
        }
        var events = ([running.process.rawValue] + sources).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while !isOverLimit {
            try call("poll", "output") { poll(&events, nfds_t(events.count), -1) }
            let hasEnded = events[0].revents != 0
            for index in sources.indices
            where events[index + 1].fd != -1 && (hasEnded || events[index + 1].revents != 0) {
                if try drain(sources[index], index) { events[index + 1].fd = -1 }
            }
            if hasEnded { break }
        }
        for index in partialLines.indices where !partialLines[index].isEmpty { emit(partialLines[index][...]) }
    }

    private static func rawValue(_ descriptor: borrowing Descriptor?) -> Int32 {
        switch descriptor {
        case .some(let descriptor): descriptor.rawValue
        case .none: -1
        }
    }

    /// Takes what is in the pipe now; true at its end.
    private mutating func drain(_ source: Int32, _ index: Int) throws(SystemError) -> Bool {
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunkBytes, alignment: 16)
        defer { chunk.deallocate() }
        // No more rounds than a pipe can hold at most, should a process that was left behind never stop writing.
        for _ in 0..<16 where !isOverLimit {
            let count: Int
            do throws(SystemError) {
                count = try call("read", "output") { read(source, chunk.baseAddress, chunk.count) }
            } catch {
                if error.code == EAGAIN { return false }
                throw error
            }
            if count == 0 { return true }
            add(UnsafeRawBufferPointer(chunk)[..<count], index)
        }
        return false
    }

    private mutating func add(_ bytes: Slice<UnsafeRawBufferPointer>, _ index: Int) {
        if index == 1 {
            errorOutput.append(contentsOf: bytes)
            let excess = errorOutput.count - Command.errorTailBytes
            if excess > 0 { errorOutput.removeFirst(excess) }
        }
        if eachLine != nil {
            addLines(bytes, index)
        } else if index == 0 {
            output.append(contentsOf: bytes)
            isOverLimit = output.count > limitBytes
        }
    }

    private mutating func addLines(_ bytes: Slice<UnsafeRawBufferPointer>, _ index: Int) {
        partialLines[index].append(contentsOf: bytes)
        var rest = partialLines[index][...]
        while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
            emit(rest[..<newline])
            rest = rest[(newline + 1)...]
        }
        if rest.count > Self.chunkBytes {
            emit(rest)
            rest = []
        }
        partialLines[index] = Array(rest)
    }

    private func emit(_ line: ArraySlice<UInt8>) { eachLine?(String(decoding: line, as: UTF8.self)) }
}
