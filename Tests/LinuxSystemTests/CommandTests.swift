import Glibc
import LinuxSystem
import Testing

@Suite struct CommandTests {
    private func shell(_ script: String) -> Command { Command("sh", ["-c", script]) }

    private func reason(of command: Command) -> CommandError.Reason? {
        do throws(CommandError) {
            try command.run()
            return nil
        } catch { return error.reason }
    }

    @Test func muchOutputOnBothPipesArrives() throws {
        let result = try shell("head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero; printf end >&2").run()
        #expect(result.output.count == 3_000_000)
        #expect(result.errorOutput.count == Command.errorTailBytes)
        #expect(result.errorOutput.suffix(3) == Array("end".utf8)[...])
    }

    @Test func inputReachesTheProgram() throws {
        let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var command = Command("cat")
        command.input = .bytes(bytes)
        #expect(try command.run().output == bytes)
        command = Command("true")
        command.input = .bytes(bytes)
        #expect(try command.run().status == .exited(0))
        #expect(try Command("cat").run().output == [])
    }

    @Test func streamedInputReachesTheProgram() throws {
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        func feed(_ command: Command) throws -> CommandResult {
            try command.run { write in
                for start in stride(from: 0, to: bytes.count, by: 1_000_000) {
                    try bytes[start..<start + 1_000_000].withUnsafeBytes(write)
                }
            }
        }
        // Neither waits for the other, though both outputs hold less than the input.
        let result = try feed(shell("tee /dev/stderr"))
        #expect(result.output == bytes)
        #expect(result.errorOutput.count == Command.errorTailBytes)
        #expect(try shell("cat").run { _ in }.output == [])
        // What it says goes before what the writer met.
        let failed = #expect(throws: CommandError.self) { try feed(shell("head -c 10; exec <&-; echo no >&2; exit 3")) }
        #expect(failed?.reason == .failed(.exited(3)))
        #expect(failed?.errorOutput == "no\n")
        let left = #expect(throws: SystemError.self) { try feed(shell("exec <&-")) }
        #expect(left?.code == EPIPE)
    }

    @Test func programWhoseInputFailsIsEnded() throws {
        struct Broken: Error {}
        let directory = try TemporaryDirectory()
        #expect(throws: Broken.self) {
            try shell("cat && echo whole > \(directory.path)/done").run { write in
                try [UInt8](repeating: 1, count: 100).withUnsafeBytes(write)
                throw Broken()
            }
        }
        #expect(access("\(directory.path)/done", F_OK) != 0)
    }

    @Test func statusAndSignalAreTold() throws {
        #expect(reason(of: shell("exit 3")) == .failed(.exited(3)))
        #expect(reason(of: shell("kill -TERM $$")) == .failed(.signalled(SIGTERM)))
        #expect(try shell("exit 3").run(accepting: 0...3).status == .exited(3))
        #expect(ExitStatus.signalled(SIGKILL).description == "Killed (signal 9)")
    }

    @Test func failureCarriesTheLastLinesOfStandardError() {
        let error = #expect(throws: CommandError.self) {
            try shell("seq 1 3000 >&2; exit 1").run()
        }
        let lines = error?.description.split(separator: "\n") ?? []
        #expect(lines.first == "sh -c seq 1 3000 >&2; exit 1: exit status 1")
        #expect(lines.dropFirst().map { $0 } == (2981...3000).map { "  \($0)" })
    }

    @Test func missingProgramNamesItsPackage() {
        #expect(reason(of: Command("no-such-program", package: "uidmap")) == .notFound(package: "uidmap"))
        #expect(reason(of: Command("/nowhere/no-such-program")) == .notFound(package: nil))
        let error = #expect(throws: CommandError.self) { try Command("no-such-program", package: "uidmap").run() }
        #expect(error?.description == "no-such-program: program not found; install the package uidmap")
    }

    @Test func missingWorkingDirectoryIsTheOneNamed() {
        var command = Command("true")
        command.workingDirectory = "/nowhere"
        #expect(reason(of: command) == .system(SystemError(call: "chdir", subject: "/nowhere", code: ENOENT)))
    }

    @Test func programRunsInItsWorkingDirectoryWithItsEnvironmentAlone() throws {
        var command = Command("sh", ["-c", "pwd; env -u PWD -u _ -u SHLVL -u OLDPWD"])
        command.workingDirectory = "/usr"
        command.environment = ["B": "2", "A": "x=y", "PATH": "/usr/bin"]
        #expect(try command.run().text.split(separator: "\n").sorted() == ["/usr", "A=x=y", "B=2", "PATH=/usr/bin"])
    }

    @Test func argumentWithNulByteIsRefused() {
        #expect(throws: CommandError.self) { try Command("true", ["a\0b"]).run() }
        #expect(throws: Never.self) { try Command("true", ["a b"]).run() }
    }

    @Test func otherDescriptorsAreNotInherited() throws {
        let leak = dup(STDERR_FILENO)
        defer { close(leak) }
        try #require(leak > 2)
        #expect(try shell("test -e /proc/self/fd/2 && test ! -e /proc/self/fd/\(leak)").run().status == .exited(0))
    }

    @Test func outputBeyondTheLimitEndsTheProgram() {
        var command = Command("yes")
        command.outputLimitBytes = 1 << 20
        #expect(reason(of: command) == .tooMuchOutput(limitBytes: 1 << 20))
    }

    @Test func linesAreHandedOutAsTheyCome() throws {
        var lines: [String] = []
        let result = try shell("echo one; echo two >&2; printf 'three\\n\\nfour'; printf five >&2").run {
            lines.append($0)
        }
        #expect(lines.sorted() == ["", "five", "four", "one", "three", "two"])
        #expect(result.output == [])
        #expect(result.errorOutput == Array("two\nfive".utf8))
    }

    @Test func endlessLineComesInParts() throws {
        var bytes = 0
        var parts = 0
        try shell("head -c 1000000 /dev/zero | tr '\\0' x").run {
            bytes += $0.utf8.count
            parts += 1
        }
        #expect(bytes == 1_000_000)
        #expect(parts > 1)
    }

    @Test func processLeftBehindIsNotWaitedFor() throws {
        let result = try shell("sleep 20 & echo $!").run()
        let pid = try #require(Int32(result.text.dropLast()))
        #expect(kill(pid, 0) == 0)
        kill(pid, SIGKILL)
    }

    @Test func outputGoesToAFile() throws {
        let directory = try TemporaryDirectory()
        var command = shell("echo out; echo err >&2")
        command.output = .file(directory.path + "/log")
        command.errorOutput = .discarded
        #expect(try command.run().output == [])
        #expect(try Descriptor.open(directory.path + "/log").readToEnd() == Array("out\n".utf8))
    }

    @Test func droppedProgramIsKilledAndReaped() throws {
        let pid: Int32
        do {
            let running = try Command("sleep", ["1000"]).start()
            pid = running.pid
            #expect(kill(pid, 0) == 0)
        }
        #expect(kill(pid, 0) == -1)
    }

    @Test func startedProgramIsWatchedAndSignalled() throws {
        var running = try Command("sleep", ["1000"]).start()
        #expect(try running.wait(atMostMilliseconds: 0) == nil)
        try running.send(SIGTERM)
        #expect(try running.wait() == .signalled(SIGTERM))
        #expect(try running.wait(atMostMilliseconds: 0) == .signalled(SIGTERM))
        try running.send(SIGTERM)
    }

    @Test func signalReachesTheWholeOwnGroup() throws {
        var command = shell("sleep 1000 & echo; wait")
        command.ownProcessGroup = true
        var running = try command.start()
        switch running.output {
        case .some(let output):
            // The line says that both are there; the end of the pipe says that both are gone.
            var line = [UInt8](repeating: 0, count: 1)
            #expect(try line.withUnsafeMutableBytes { try output.read(into: $0) } == 1)
            try running.send(SIGTERM)
            #expect(try output.readToEnd() == [])
        case .none: Issue.record("standard output is not captured")
        }
        #expect(try running.wait() == .signalled(SIGTERM))
    }

    @Test func whoeverAbandonsAProgramDoesNotWaitForIt() throws {
        var running = try shell("sleep 1000").start()
        let pid = running.pid
        running.abandon()
        _ = consume running
        // It is still there to be waited for, and was killed.
        var status: Int32 = 0
        #expect(waitpid(pid, &status, 0) == pid)
        #expect(status & 0x7f == SIGKILL)
    }

    @Test func programOfTheSystemAdministratorIsFound() {
        #expect(findExecutable("sh")?.hasSuffix("/sh") == true)
        #expect(findExecutable("ldconfig")?.hasSuffix("/ldconfig") == true)
        #expect(findExecutable("/bin/sh") == "/bin/sh")
        #expect(findExecutable("/etc/passwd") == nil)
        #expect(findExecutable("/usr/bin") == nil)
        #expect(findExecutable("no-such-program") == nil)
    }
}
