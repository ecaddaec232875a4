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
    /// The reading ends of both outputs; -1 for one that is not captured or has ended.
    private var sources: [Int32]

    private static let chunkBytes = 1 << 16

    /// The program must live as long as the collector.
    init(_ running: borrowing RunningCommand, limitBytes: Int, eachLine: ((String) -> Void)?) {
        sources = [Self.rawValue(running.output), Self.rawValue(running.errorOutput)]
        for source in sources where source != -1 { _ = fcntl(source, F_SETFL, O_NONBLOCK) }
        self.limitBytes = limitBytes
        self.eachLine = eachLine
    }

    /// Reads until the program has ended or the limit is passed.
    ///
    /// The end of the program counts, not the end of the pipes: a process it left behind may keep those open for ever.
    mutating func collect(_ running: borrowing RunningCommand) throws(SystemError) {
        var hasEnded = false
        while !isOverLimit && !hasEnded { hasEnded = try waitAndDrain(running.process.rawValue, POLLIN) }
        for index in partialLines.indices where !partialLines[index].isEmpty { emit(partialLines[index][...]) }
    }

    /// Writes to the program's standard input, and reads its outputs meanwhile.
    mutating func feed(_ bytes: UnsafeRawBufferPointer, to running: borrowing RunningCommand) throws(SystemError) {
        let input = Self.rawValue(running.input)
        var rest = bytes[...]
        while !rest.isEmpty {
            if isOverLimit { throw SystemError(call: "read", subject: "output", code: EFBIG) }
            if !(try waitAndDrain(input, POLLOUT)) { continue }
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let count = try call("send", "input") {
                let count = send(
                    input, part.baseAddress, part.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
                return count == -1 && errno == EAGAIN ? 0 : count
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Waits for one of the outputs or the given event, and takes what the outputs have; true if the event came.
    private mutating func waitAndDrain(_ descriptor: Int32, _ event: Int32) throws(SystemError) -> Bool {
        var events = sources.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        events.append(pollfd(fd: descriptor, events: Int16(event), revents: 0))
        try call("poll", "output") { poll(&events, nfds_t(events.count), -1) }
        let hasCome = events[2].revents != 0
        for index in sources.indices where sources[index] != -1 && (hasCome || events[index].revents != 0) {
            if try drain(sources[index], index) { sources[index] = -1 }
        }
        return hasCome
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
