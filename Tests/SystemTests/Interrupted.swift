import Glibc
import LinuxSystem

extension Command {
    /// Starts `pisces construct` in a process group of its own and hands its process number to `body` once it has begun
    /// the given step; returns how it ended and all that it said. A shell that becomes the program must tell it `--json`.
    func interrupt(
        during step: String, _ body: (pid_t) throws -> Void
    ) throws -> (status: ExitStatus?, said: String) {
        var command = self
        command.arguments.append("--json")
        command.ownProcessGroup = true
        command.output = .discarded
        var running = try command.start()
        var said = ""
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { buffer.deallocate() }
        func read() throws -> Bool {
            let count = try running.errorOutput?.read(into: buffer) ?? 0
            said += String(decoding: buffer[..<count], as: UTF8.self)
            return count > 0
        }
        while !said.contains("{\"event\":\"began\",\"step\":\"\(step)\"}") {
            guard try read() else { break }
        }
        try body(running.pid)
        let status = try running.wait(atMostMilliseconds: 60_000)
        while try read() {}
        return (status, said)
    }
}

/// How to recognize the processes of a construction: by their process group, and those in the sandbox by their root,
/// which is on the memory file system of this workshop alone.
struct Traces {
    let group: pid_t
    let device: UInt64

    /// Looks at a construction that runs.
    init(of process: pid_t, in folder: Folder) throws {
        group = process
        let workshop = "/proc/\(process)/root\(folder.cache)/pisces/workshop"
        device = try Descriptor.directory(workshop).status().device
    }

    /// The numbers of the processes that run.
    func processes() throws -> [String] {
        try Descriptor.directory("/proc").entries().filter { name in
            guard Int32(name) != nil, let status = try? fileText("/proc/\(name)/stat") else { return false }
            // The name in parentheses may hold anything: what counts comes after it. A zombie is no process any more.
            let fields = status.reversed().prefix { $0 != ")" }.reversed().split(separator: " ").map { String($0) }
            guard fields.count > 2, fields[0] != "Z" else { return false }
            if Int32(fields[2]) == group { return true }
            return (try? Descriptor.directory("/proc/\(name)/root").status().device) == device
        }
    }

    /// What is left in the end: processes, mounts, loop devices. It may take a moment until the kernel has ended what
    /// dies with its parent.
    func leftovers(in folder: Folder) throws -> [String] {
        var found: [String] = []
        for _ in 0..<20 {
            found = try processes().map { "process \($0)" }
            if found.isEmpty { break }
            usleep(100_000)
        }
        found += try fileText("/proc/self/mountinfo").split(separator: "\n").filter { $0.contains(folder.path) }
            .map { "mount \($0)" }
        for device in try Descriptor.directory("/sys/block").entries() where device.hasPrefix("loop") {
            let file = (try? fileText("/sys/block/\(device)/loop/backing_file")) ?? ""
            if file.contains(folder.path) { found.append("loop device \(device)") }
        }
        return found
    }
}
