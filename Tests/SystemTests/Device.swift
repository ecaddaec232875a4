import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// A device that was constructed, as `.ci/device` starts it: the real program on a real disk, without a virtual machine.
final class Device {
    /// All that it has (see `.ci/device`).
    let path: String
    /// What it runs.
    private let image: String
    private static let script = ".ci/device"
    private static let repository = parentDirectory(
        of: parentDirectory(of: parentDirectory(of: #filePath)))

    /// Why there can be no device here; nil where there can.
    static let obstacle: String? = {
        if !isRoot { return "it needs root" }
        if (try? run("losetup", "--find")) == nil { return "it needs loop devices" }
        _ = try? run("modprobe", "erofs")
        let isKnown = (try? fileText("/proc/filesystems"))?.contains("\terofs\n") ?? false
        return isKnown ? nil : "it needs a kernel that knows EROFS"
    }()

    /// Starts a device of an image, of which it takes a copy into a directory of its own.
    init(_ image: String, in directory: String) throws {
        path = "\(directory)/device"
        self.image = "\(directory)/device.raw"
        try makeDirectories(directory)
        try run("cp", "--sparse=always", "--reflink=auto", image, self.image)
        try run("cp", "\(image.dropLast(4)).manifest.json", "\(directory)/device.manifest.json")
        try device("make", [self.image])
    }

    deinit {
        try? device("remove")
        try? removeTree(path)
        unlink(image)
    }

    private func command(_ verb: String, _ arguments: [String]) -> Command {
        var command = Command("\(Self.repository)/\(Self.script)", [verb, path] + arguments)
        command.environment["HOME"] = path
        return command
    }

    private func device(_ verb: String, _ arguments: [String] = []) throws {
        let outcome = try command(verb, arguments).outcome()
        guard outcome.status == .exited(0) else { throw ToolFailure(message: "\(verb): \(outcome.errors)") }
    }

    // MARK: - What is done on it

    /// `pisces` on the device.
    func command(_ arguments: String..., cache: String = "/dev/null") -> Command {
        var command = command("run", [builtProgram("pisces")] + arguments)
        command.environment["XDG_CACHE_HOME"] = cache
        return command
    }

    /// Runs `pisces` on the device.
    func pisces(_ arguments: String...) throws -> Outcome { try pisces(arguments) }

    /// Runs `pisces` on the device. What a signal ends has status 128 and the signal's number, as a shell has it.
    func pisces(_ arguments: [String], under tool: [String] = []) throws -> Outcome {
        let shell = ["sh", "-c", "\"$@\" || exit $?", "sh"]
        return try command("run", shell + tool + [builtProgram("pisces")] + arguments).outcome()
    }

    /// Runs a shell on the device, where `pisces` is the program under test, and gives what it prints.
    @discardableResult
    func shell(_ text: String) throws -> String {
        let definition = "pisces() { '\(builtProgram("pisces"))' \"$@\"; }\n"
        let outcome = try command("run", ["bash", "-ec", definition + text]).outcome()
        guard outcome.status == .exited(0) else { throw ToolFailure(message: "\(text): \(outcome.errors)") }
        return outcome.output
    }

    /// Switches it off and on.
    func reboot() throws { try device("reboot") }

    // MARK: - What it is like

    /// What `pisces status --json` says.
    func status() throws -> JSONValue {
        let outcome = try pisces("status", "--json")
        return try JSONValue(parsing: Array(outcome.output.utf8), file: "status: \(outcome.errors)")
    }

    func phase() throws -> String { try status()["phase"]?.string ?? "" }

    /// What has happened, as the log of events has it: `staged 2`.
    func events() throws -> [String] {
        try (status()["events"]?.array ?? []).map {
            "\($0["event"]?.string ?? "") \($0["generation"]?.integer ?? 0)"
        }
    }

    /// All that a command may not change that is refused: the slot that is not running, tables, boot entries and state.
    func fingerprint() throws -> String {
        let loop = try fileText("\(path)/loop").filter { !$0.isNewline }
        return try run(
            "sh", "-ec",
            """
            for slot in \(loop)p4 \(loop)p5; do head -c 16M $slot | sha256sum; done
            head -c 1M \(loop) | sha256sum
            tail -c 1M \(loop) | sha256sum
            cd '\(path)' && find esp state -type f ! -name 'hooks*' ! -name events | sort | xargs sha256sum
            """)
    }

    /// What `systemctl` was asked since the start.
    func asked() throws -> [String] {
        let text = (try? fileText("\(path)/run/systemctl")) ?? ""
        return text.split(separator: "\n").map(String.init)
    }
}

extension Outcome {
    /// What to say of it where a test fails.
    var text: Comment { "\(status) \(output) \(errors)" }

    /// Whether it was refused with these words.
    func isRefused(_ words: String...) -> Bool {
        status == .exited(1) && words.allSatisfy(errors.contains)
    }

    /// Whether all went well, and it said this on standard error.
    func isDone(_ words: String...) -> Bool { status == .exited(0) && words.allSatisfy(errors.contains) }
}
