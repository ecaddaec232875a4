import Glibc
import LinuxSystem
import VirtualMachine

/// A virtual machine started by `pisces boot`, and commands run in it through its forwarded ssh port.
struct Guest: ~Copyable {
    private var machine: RunningCommand
    private let scratch: TemporaryDirectory
    private let key: String
    private let port: UInt16
    let consoleLog: String

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Boots an image; what the guest writes to it is kept in the image only with `--keep`.
    ///
    /// - Parameter key: where the key that logs in is; nil makes a new one. A guest keeps the first one that it is given.
    init(image: String, pisces: String, arguments: [String] = [], key: String? = nil) throws {
        let scratch = try TemporaryDirectory()
        let port = try freeLoopbackPort()
        let consoleLog = scratch.path + "/console"
        let key = try key ?? Self.makeKey(scratch.path + "/key")
        var command = Command(
            pisces,
            [
                "boot", image, "--console-log", consoleLog, "--ssh-port", "\(port)", "--ssh-key", "\(key).pub",
                // A second one gains little, and emulated timers stall where the host is busy.
                "--memory", "1024", "--cpus", "1",
            ] + arguments)
        command.environment["HOME"] = scratch.path
        command.output = .discarded
        command.errorOutput = .file(scratch.path + "/boot.log")
        self.machine = try command.start()
        self.scratch = scratch
        self.key = key
        self.port = port
        self.consoleLog = consoleLog
    }

    /// Makes a key pair for ssh; its path.
    static func makeKey(_ path: String) throws -> String {
        _ = try Command("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path]).run()
        return path
    }

    /// Runs a shell command as root; the status must be 0.
    @discardableResult
    func run(_ script: String) throws -> String {
        let result = try ssh(script)
        guard result.status == .exited(0) else {
            let said = String(decoding: result.errorOutput, as: UTF8.self)
            throw Failure(description: "\(script): \(result.status)\n\(result.text)\n\(said)")
        }
        var text = result.text
        while text.last?.isNewline == true { text.removeLast() }
        return text
    }

    /// Runs a shell command as root, whatever becomes of it; its status is 255 where the guest does not answer.
    func ssh(_ script: String) throws -> CommandResult {
        try Command(
            "ssh",
            [
                "-i", key, "-p", "\(port)", "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10",
                "-o", "ServerAliveInterval=5", "-o", "BatchMode=yes", "root@127.0.0.1", script,
            ]
        ).run(accepting: 0...255)
    }

    /// Waits until the guest answers with another boot id than `previous`; returns the new one.
    func waitForBoot(after previous: String = "", seconds: Int = 400) throws -> String {
        let limit = now() + seconds
        while now() < limit {
            let result = try ssh("cat /proc/sys/kernel/random/boot_id")
            let id = result.text.filter { !$0.isNewline }
            if result.status == .exited(0), !id.isEmpty, id != previous { return id }
            let console = console()
            for bad in ["Kernel panic", "pisces-init: FAIL", "emergency mode"] where console.contains(bad) {
                throw Failure(description: "the guest says \"\(bad)\":\n\(console.suffix(4000))")
            }
            sleep(1)
        }
        throw Failure(description: "no answer within \(seconds) s; the console ends:\n\(console().suffix(4000))")
    }

    /// Waits until the console says one of two things; returns all that it said.
    func waitForConsole(_ text: String, or other: String? = nil, seconds: Int = 400) throws -> String {
        let limit = now() + seconds
        while now() < limit {
            let console = console()
            if console.contains(text) || other.map({ console.contains($0) }) == true { return console }
            sleep(1)
        }
        throw Failure(description: "no \"\(text)\" within \(seconds) s; the console ends:\n\(console().suffix(4000))")
    }

    /// What the serial console said so far.
    func console() -> String {
        String(decoding: (try? Descriptor.open(consoleLog).readToEnd()) ?? [], as: UTF8.self)
    }

    /// Ends the machine as a power cut does.
    mutating func cutPower() throws {
        // QEMU dies with the command that started it.
        try machine.send(SIGKILL)
        _ = try machine.wait()
    }

    /// Waits for the machine to end by itself.
    mutating func waitForEnd(seconds: Int = 200) throws -> ExitStatus {
        guard let status = try machine.wait(atMostMilliseconds: Int32(seconds * 1000)) else {
            throw Failure(description: "still running after \(seconds) s; the console ends:\n\(console().suffix(4000))")
        }
        return status
    }

    private func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec
    }
}
