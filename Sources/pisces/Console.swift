import ArgumentParser
import BlueprintModel
import Glibc
import LinuxSystem
import Synchronization

/// How a command speaks: progress and messages on standard error, results on standard output.
///
/// A terminal gets one line that is rewritten, a log gets a line per step, `--json` one object per event.
struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Print events and results as JSON, one object a line.")
    var json = false

    @Flag(name: [.short, .long], help: "Print errors and results only.")
    var quiet = false
}

/// Prints; safe from several threads.
final class Console: Sendable {
    private struct State {
        var step: String?
        var began: UInt64 = 0
        var lastDrawn: UInt64 = 0
    }

    private let state = Mutex(State())
    private let isJSON: Bool
    private let isQuiet: Bool
    private let isTerminal: Bool
    private let hasColor: Bool

    convenience init(_ options: OutputOptions) { self.init(json: options.json, quiet: options.quiet) }

    init(json: Bool = false, quiet: Bool = false) {
        isJSON = json
        isQuiet = quiet
        isTerminal = isatty(STDERR_FILENO) == 1 && getenv("TERM").map { String(cString: $0) } != "dumb"
        hasColor = isTerminal && getenv("NO_COLOR") == nil
    }

    /// A result, on standard output.
    func result(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    /// A sentence for the person at the terminal.
    func note(_ text: String) {
        if isQuiet { return }
        if isJSON { return event("note", ["message": text]) }
        write("\(clearLine)\(text)\n", to: STDERR_FILENO)
    }

    /// What went well enough, but should be known; whatever the options say.
    func warning(_ text: String) {
        if isJSON { return event("warning", ["message": text]) }
        let label = hasColor ? "\u{1B}[1;33mwarning:\u{1B}[0m" : "warning:"
        write("\(clearLine)\(label) \(text)\n", to: STDERR_FILENO)
    }

    /// An error, whatever the options say.
    func error(_ text: String) {
        if isJSON { return event("error", ["message": text]) }
        let label = hasColor ? "\u{1B}[1;31merror:\u{1B}[0m" : "error:"
        write("\(clearLine)\(label) \(text)\n", to: STDERR_FILENO)
    }

    /// A step begins.
    func begin(_ step: String) {
        state.withLock {
            $0.step = step
            $0.began = Self.now
            $0.lastDrawn = 0
        }
        if isJSON { return event("began", ["step": step]) }
        if isTerminal && !isQuiet { write("\(clearLine)\(step) …", to: STDERR_FILENO) }
    }

    /// The current step is at `done` of `total`; `what` names the unit or amount.
    func advance(_ done: Int, of total: Int, _ what: String) {
        guard !isQuiet, total > 0 else { return }
        // Ten drawings a second on a terminal, one event a second elsewhere.
        let pause: UInt64 = isTerminal && !isJSON ? 100_000_000 : 1_000_000_000
        let step = state.withLock { state -> String? in
            guard Self.now - state.lastDrawn >= pause || done == total else { return nil }
            state.lastDrawn = Self.now
            return state.step
        }
        guard let step else { return }
        if isJSON { return event("advanced", ["step": step, "detail": what], ["done": done, "total": total]) }
        guard isTerminal else { return }
        let width = 24
        let filled = min(width, width * done / total)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        write("\(clearLine)\(step) \(bar) \(what)", to: STDERR_FILENO)
    }

    /// The current step is over.
    func end(_ detail: String = "") {
        let (step, elapsed) = state.withLock { state in
            defer { state.step = nil }
            return (state.step, Self.now - state.began)
        }
        guard let step else { return }
        let milliseconds = Int(elapsed / 1_000_000)
        if isJSON { return event("ended", ["step": step, "detail": detail], ["milliseconds": milliseconds]) }
        if isQuiet { return }
        let time = "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
        write(
            "\(clearLine)\(mark(isGood: true)) \(step)\(detail.isEmpty ? "" : ", \(detail)") (\(time))\n",
            to: STDERR_FILENO)
    }

    /// One thing was looked at.
    func check(_ name: String, isGood: Bool) {
        if isJSON { return event("checked", ["check": name, "result": isGood ? "good" : "bad"]) }
        if isQuiet { return }
        write("\(clearLine)\(mark(isGood: isGood)) \(name)\n", to: STDERR_FILENO)
    }

    private func mark(isGood: Bool) -> String {
        let mark = isGood ? "✓" : "✗"
        return hasColor ? "\u{1B}[3\(isGood ? 2 : 1)m\(mark)\u{1B}[0m" : mark
    }

    // MARK: - Bytes

    private var clearLine: String { isTerminal ? "\r\u{1B}[K" : "" }

    private func event(_ name: String, _ texts: [String: String], _ numbers: [String: Int] = [:]) {
        var object: [String: JSONValue] = ["event": .string(name)]
        for (key, value) in texts where !value.isEmpty { object[key] = .string(value) }
        for (key, value) in numbers { object[key] = .integer(value) }
        write(JSONValue.object(object).canonical + "\n", to: STDERR_FILENO)
    }

    private func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count <= 0 && errno != EINTR { return }
            bytes = bytes.dropFirst(max(0, count))
        }
    }

    private static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
