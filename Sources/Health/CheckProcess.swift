internal import Glibc
internal import LinuxSystem

/// A program that is given a time and must not hang, flood or outlive whoever runs it.
struct CheckProcess {
    /// How it ended.
    enum End: Equatable {
        case exited(ExitStatus)
        case timedOut
        case notStarted(String)
    }

    var command: Command
    /// Milliseconds until it is ended.
    var limitMilliseconds: Int
    /// How much of its output is kept: the last so many bytes.
    var tailBytes = 4 << 10

    /// How long a program has between SIGTERM and SIGKILL, and the kernel after that.
    static let graceMilliseconds = 2000

    init(_ command: Command, limitMilliseconds: Int) {
        self.command = command
        self.command.ownProcessGroup = true
        self.command.workingDirectory = "/"
        self.limitMilliseconds = limitMilliseconds
    }

    /// Runs it to its end, or until its time is over. Nothing of its process group is left then.
    /// - Returns: how it ended, and the end of what it wrote to standard output and standard error, roughly as it came.
    func run() -> (end: End, output: [UInt8]) {
        var running: RunningCommand
        do throws(CommandError) { running = try command.start() } catch {
            return (.notStarted("\(error)"), [])
        }
        var tail = OutputTail(limitBytes: tailBytes)
        var hasEnded = tail.follow(running, untilMilliseconds: monotonicMilliseconds() + limitMilliseconds)
        let isLate = !hasEnded
        for signal in [SIGTERM, SIGKILL] where !hasEnded {
            try? running.send(signal)
            hasEnded = tail.follow(running, untilMilliseconds: monotonicMilliseconds() + Self.graceMilliseconds)
        }
        // What a check started goes with it. Its number is its own until it is waited for, so nobody else is hit.
        try? running.send(SIGKILL)
        guard hasEnded, let status = try? running.wait() else {
            // A process that waits for a dead disk cannot be killed: it must not hold up the verdict on that disk.
            running.abandon()
            return (.timedOut, tail.bytes)
        }
        return (isLate ? .timedOut : .exited(status), tail.bytes)
    }
}

/// Milliseconds of a clock that nobody sets.
func monotonicMilliseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

/// The end of what a program writes.
struct OutputTail {
    let limitBytes: Int
    private(set) var bytes: [UInt8] = []
    private var hasEnded = [false, false]

    init(limitBytes: Int) { self.limitBytes = limitBytes }

    mutating func append(_ chunk: some Collection<UInt8>) {
        bytes += chunk.suffix(limitBytes)
        bytes.removeFirst(max(0, bytes.count - limitBytes))
    }

    /// Takes what the program writes until it ends; false if the time is over first.
    mutating func follow(_ running: borrowing RunningCommand, untilMilliseconds deadline: Int) -> Bool {
        let sources = [Self.rawValue(running.output), Self.rawValue(running.errorOutput)]
        for source in sources { _ = fcntl(source, F_SETFL, O_NONBLOCK) }
        while true {
            let left = deadline - monotonicMilliseconds()
            // poll(2) passes over -1.
            var events = zip(sources, hasEnded).map { pollfd(fd: $1 ? -1 : $0, events: Int16(POLLIN), revents: 0) }
            events.append(pollfd(fd: running.process.rawValue, events: Int16(POLLIN), revents: 0))
            let count = poll(&events, nfds_t(events.count), Int32(clamping: min(max(0, left), 1000)))
            let isOver = count > 0 && events[2].revents != 0
            for (index, source) in sources.enumerated() where !hasEnded[index] && (isOver || events[index].revents != 0)
            {
                hasEnded[index] = drain(source)
            }
            if isOver { return true }
            if left <= 0 { return false }
        }
    }

    private static func rawValue(_ descriptor: borrowing Descriptor?) -> Int32 {
        switch descriptor {
        case .some(let descriptor): descriptor.rawValue
        case .none: -1
        }
    }

    /// Takes what is in the pipe now; true at its end.
    private mutating func drain(_ source: Int32) -> Bool {
        // No more than a pipe holds: whoever floods it must not keep the clock from being looked at.
        withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer in
            let count = read(source, buffer.baseAddress, buffer.count)
            let code = errno
            if count > 0 { append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])) }
            return count == 0 || (count < 0 && code != EAGAIN && code != EINTR)
        }
    }
}
