import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Health

@Suite struct RunnerTests {
    @Test(arguments: [
        ("true", CheckResult.Outcome.passed, ""), ("echo no; exit 3", .failed, "exit status 3"),
        ("kill -9 $$", .failed, "Killed (signal 9)"),
    ])
    func aCommandPassesByItsStatus(text: String, outcome: CheckResult.Outcome, detail: String) throws {
        let result = try Site().run(.command(text))
        #expect(result.outcome == outcome)
        #expect(result.detail == detail)
    }

    @Test func theEnvironmentIsPlainAndTheDirectoryTheRoot() throws {
        let site = try Site()
        try site.script("env | sort; pwd; cat", "script")
        let output = site.run(.script(path: "\(site.path)/script")).output
        #expect(
            output
                == "LC_ALL=C.UTF-8\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/\nTZ=UTC\n/\n"
        )
    }

    @Test(arguments: [
        "#!/no/such/interpreter\n", "", "\u{7F}ELF", "#!",
    ])
    func aScriptThatCannotBeStartedHasFailed(text: String) throws {
        let site = try Site()
        try site.write(text, to: "script", mode: 0o755)
        let result = site.run(.script(path: "\(site.path)/script"))
        #expect(result.outcome == .failed)
        #expect(!result.detail.isEmpty)
        #expect(site.run(.script(path: "\(site.path)/gone")).outcome == .failed)
    }

    @Test(arguments: ["", ">&2"]) func ofMegabytesTheLastBytesAreKept(stream: String) throws {
        let command = "{ head -c 5000000 /dev/zero | tr '\\0' x; echo end; exit 1; } \(stream)"
        let result = try Site().run(.command(command))
        #expect(result.detail == "exit status 1")
        #expect(result.output == String(repeating: "x", count: 4092) + "end\n")
    }

    @Test func outputThatIsNoTextIsKeptAsText() throws {
        #expect(try Site().run(.command(#"printf 'a\377\0b'"#)).output == "a\u{FFFD}\0b")
    }

    /// Each writes the number of a process that must not outlive it to the file `$1`.
    static let hanging = [
        "sleep 600 & echo $! >$1; wait",
        "trap '' TERM; sleep 600 & echo $! >$1; while :; do sleep 600; done",
        "(trap '' TERM; echo $(exec sh -c 'echo $PPID') >$1; while :; do sleep 1; done) & sleep 600",
        "sleep 600 & echo $! >$1; while :; do echo flood; done",
        "sleep 600 & echo $! >$1; exec >&- 2>&-; sleep 600",
    ]

    @Test(arguments: hanging) func whatHangsIsEndedWithAllThatItStarted(text: String) throws {
        let site = try Site()
        let script = "set -- \(site.path)/pid; \(text)"
        let result = site.run(.command(script), limitMilliseconds: 1500)
        #expect(result.outcome == .timedOut)
        #expect(result.detail.contains("1 s"))
        #expect(try hasEnded(site))
    }

    @Test func whatACheckLeavesBehindGoesWithItAndIsNotWaitedFor() throws {
        let site = try Site()
        let result = site.run(.command("sleep 600 & echo $! >\(site.path)/pid; echo done"))
        #expect(result.outcome == .passed)
        #expect(result.output == "done\n")
        #expect(try hasEnded(site))
    }

    @Test func whatFleesItsGroupIsNotWaitedFor() throws {
        let site = try Site()
        let result = site.run(.command("setsid sh -c 'echo $$ >\(site.path)/pid; exec sleep 600' & sleep 1"))
        #expect(result.outcome == .passed)
        let pid = try #require(Int32(try site.read("pid").filter { !$0.isNewline }))
        kill(pid, SIGKILL)
    }

    /// Whether the process of the file `pid` is gone, or a zombie that its new parent has not seen yet.
    private func hasEnded(_ site: Site) throws -> Bool {
        let pid = try site.read("pid").filter { !$0.isNewline }
        #expect(Int(pid) != nil)
        // Killed is not yet gone.
        for _ in 0..<500 {
            guard let bytes = try? Descriptor.open("/proc/\(pid)/stat").readToEnd() else { return true }
            if String(decoding: bytes, as: UTF8.self).contains(") Z ") { return true }
            usleep(10_000)
        }
        return false
    }

    // MARK: - Built-in checks

    @Test func theStateIsWritableWhereAFileCanBeMadeAndRemoved() throws {
        let site = try Site()
        #expect(site.run(.writing(directory: site.path)).outcome == .passed)
        #expect(try Descriptor.directory(site.path).entries() == [])
        try site.write("", to: "file")
        for directory in ["\(site.path)/file", "\(site.path)/gone", "/proc/self"] {
            let result = site.run(.writing(directory: directory))
            #expect(result.outcome == .failed)
            #expect(result.detail == "nothing can be written to \(directory)")
        }
    }

    @Test func aUnitMustBeActive() throws {
        let site = try Site()
        try site.script("echo \"$@\" >\(site.path)/asked; echo failed; exit 3", "systemctl")
        let result = site.run(.unit("-x.service"))
        #expect(result.outcome == .failed && result.detail == "-x.service is not active" && result.output == "failed\n")
        #expect(try site.read("asked") == "is-active -- -x.service\n")
        try site.script("", "systemctl")
        #expect(site.run(.unit("x.service")).outcome == .passed)
    }

    @Test func failedUnitsAreNamed() throws {
        let site = try Site()
        try site.script("echo \"$@\" >\(site.path)/asked", "systemctl")
        #expect(site.run(.failedUnits).outcome == .passed)
        #expect(try site.read("asked") == "list-units --failed --plain --no-legend\n")
        try site.script(
            "echo 'b.service loaded failed failed B b'; echo 'a.mount  not-found failed x'; echo", "systemctl")
        let result = site.run(.failedUnits)
        #expect(result.outcome == .failed)
        #expect(result.failedUnits == ["a.mount", "b.service"])
        #expect(result.detail == "failed: a.mount, b.service")
    }

    @Test func ofAFloodOfUnitsNoneIsNamedByHalf() throws {
        let site = try Site()
        try site.script("seq -f 'unit-%06.0f.service loaded failed' 20000", "systemctl")
        let units = site.run(.failedUnits).failedUnits
        #expect((1000..<20000).contains(units.count))
        #expect(units.allSatisfy { $0.hasPrefix("unit-") && $0.utf8.count == 19 })
        #expect(units.last == "unit-020000.service")
    }

    @Test func aSystemdThatDoesNotAnswerIsNoGoodSystemd() throws {
        let site = try Site()
        #expect(site.run(.failedUnits).outcome == .failed)
        try site.script("echo 'Failed to connect to bus' >&2; exit 1", "systemctl")
        let result = site.run(.failedUnits)
        #expect(result.outcome == .failed && result.failedUnits == [] && result.output.contains("bus"))
    }
}
