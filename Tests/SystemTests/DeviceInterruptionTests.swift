import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests.DeviceTests {
    // MARK: - Killed

    private static let killed = ExitStatus.exited(128 + SIGKILL)

    /// While it writes, while it reads back, and at calls of fsync(2) between, then to the end.
    @Test func upgradeThatIsKilledGoesOnAndGivesTheSame() throws {
        let device = try makeDevice()
        // Two attempts come to each point: one that begins, and one that goes on.
        for count in [2, 5, 8, 11, 11, 14, 14, 17] where try device.phase() != "staged" {
            let killed = try device.killed(atFlush: count, "upgrade", releases["next"])
            #expect(killed.status == Self.killed || killed.isDone(), killed.text)
            #expect(try device.status()["next"]?.integer == 1)
        }
        #expect(try device.pisces("cancel").isDone())
        let upgrade = device.command("upgrade", releases["next"])
        var status = try upgrade.interrupt(during: "write", after: nil) { kill($0, SIGKILL) }.status
        #expect(status == .signalled(SIGKILL))
        #expect(try device.phase() == "writing")
        status = try upgrade.interrupt(during: "read back", after: "write") { kill($0, SIGKILL) }.status
        #expect(status == .signalled(SIGKILL))
        // What is refused meanwhile changes nothing of it.
        #expect(try device.pisces("flip").isRefused("no generation is staged"))
        #expect(try device.pisces("upgrade", signedRunning(release: 9)).isRefused("this very system is running"))
        let outcome = try device.pisces("upgrade", releases["next"])
        #expect(outcome.isDone("is staged in slot b"), outcome.text)
        #expect(try device.phase() == "staged")
        #expect(try device.pisces("verify").isDone("✓ slot a, generation 1", "✓ slot b, generation"))
        #expect(try device.pisces("doctor").status == .exited(0))
        let written = try device.slot()
        // An upgrade that nobody interrupted.
        let other = try Device(site.image, in: "\(path)/other")
        #expect(try other.pisces("upgrade", "--untrusted", releases["next"]).isDone())
        #expect(try other.slot() == written)
    }

    @Test(arguments: ["flip-before", "flip-after"]) func flipThatIsKilledCanBeDoneAgain(point: String) throws {
        let device = try makeDevice()
        try device.shell(
            """
            mkdir -p /etc/pisces/hooks.d/\(point).d
            printf '#!/bin/sh\\n[ -e /run/pisces/spared ] || kill -KILL $PPID\\n' > /etc/pisces/hooks.d/\(point).d/kill
            chmod +x /etc/pisces/hooks.d/\(point).d/kill
            echo here > /etc/here
            """)
        #expect(try device.pisces("upgrade", releases["next"]).isDone())
        #expect(try device.pisces("flip").status == Self.killed)
        #expect(try device.phase() == (point == "flip-before" ? "staged" : "armed"))
        try write("", to: "\(device.path)/run/spared")
        #expect(try device.pisces("flip").isDone("generation 2 is booted next"))
        #expect(try device.status()["next"]?.integer == 2)
        for count in 1...3 {
            unlink("\(device.path)/run/spared")
            #expect(try device.killed(atFlush: count, "cancel").status != .exited(1))
        }
        #expect(try device.pisces("cancel").isDone() && device.phase() == "idle")
        #expect(try device.status()["next"]?.integer == 1)
    }

    @Test func commitThatIsKilledIsDoneByTheNextOne() throws {
        let device = try makeDevice()
        #expect(try device.pisces("upgrade", "--flip", releases["next"]).isDone())
        try device.reboot()
        #expect(try device.pisces("health", "--judge").isDone())
        for count in 1...5 where try device.phase() != "committed" {
            let killed = try device.killed(atFlush: count, "commit")
            #expect(killed.status == Self.killed || killed.status == .exited(0), killed.text)
            #expect(try device.status()["next"]?.integer == 2)
        }
        #expect(try device.pisces("commit").isDone("generation 2 is committed"))
        #expect(try device.phase() == "committed" && device.status()["good"]?.integer == 2)
        #expect(try Descriptor.directory("\(device.path)/esp/loader/entries").entries().contains("pisces-2.conf"))
        try device.reboot()
        #expect(try device.status()["booted"]?["generation"]?.integer == 2)
    }

    // MARK: - Again

    @Test func eachCommandTwiceIsAsGoodAsOnce() throws {
        let device = try makeDevice()
        #expect(try device.pisces("upgrade", releases["next"]).isDone())
        #expect(try device.pisces("upgrade", releases["next"]).isDone("generation 2 is staged in slot b"))
        for _ in 1...2 { #expect(try device.pisces("flip").isDone("generation 2 is booted next")) }
        // On its way already: nothing is written, and the entry keeps its tries.
        #expect(try device.pisces("upgrade", releases["next"]).isDone() && device.phase() == "armed")
        try device.reboot()
        #expect(try device.pisces("commit").isRefused("have not passed"))
        for _ in 1...2 { #expect(try device.pisces("health", "--judge").isDone() && device.phase() == "healthy") }
        for _ in 1...2 { #expect(try device.pisces("commit").isDone("generation 2 is committed")) }
        #expect(
            try device.pisces("doctor").output.contains("✓ counting: the boot loader counted the trial of generation 2")
        )
        let quiet = try device.pisces("commit", "--automatic")
        #expect(quiet.isDone() && quiet.errors.isEmpty && quiet.output.isEmpty)
        for _ in 1...2 { #expect(try device.pisces("cancel").isDone("no upgrade is under way")) }
        #expect(try device.phase() == "committed")
        #expect(try device.pisces("rollback", "--insist").isDone())
        // Before the restart, when what was taken back still runs: it restarts again.
        #expect(try device.pisces("rollback", "--insist").isDone("this machine restarts now"))
        try device.reboot()
        let back = try device.pisces("rollback", "--insist")
        #expect(back.isDone() && !back.errors.contains("restarts"), back.text)
        #expect(try device.status()["booted"]?["generation"]?.integer == 1)
        #expect(
            try device.events().suffix(5) == [
                "committed 2", "rolled-back 2", "restart 2", "rolled-back 2", "restart 2",
            ])
    }

    @Test func trialThatNeverBecomesHealthyIsGivenUpAfterItsTries() throws {
        let device = try makeDevice()
        #expect(try device.pisces("upgrade", "--flip", "--tries", "2", releases["next"]).isDone())
        for left in [1, 0] {
            try device.reboot()
            try device.shell("mkdir -p /etc/pisces/health/required.d; cd /etc/pisces/health/required.d")
            try device.shell("cd /etc/pisces/health/required.d; printf '#!/bin/sh\\nfalse\\n' > never; chmod +x never")
            let status = try device.status()
            #expect(
                status["booted"]?["slot"]?.string == "b" && status["slots"]?["b"]?["tries-left"]?.integer ?? 0 == left)
            let judged = try device.pisces("health", "--judge")
            #expect(judged.status == .exited(1) && judged.output.contains("✗ never (required, site): exit status 1"))
            #expect(try device.asked().last == "reboot")
        }
        try device.reboot()
        #expect(try device.pisces("health", "--judge").isDone("generation 2 used up its tries and was given up"))
        #expect(try device.phase() == "failed")
        #expect(try device.pisces("status").output.contains("none of its tries became healthy (never did not pass)"))
        #expect(try device.pisces("upgrade", releases["next"]).isRefused("failed before (exhausted)"))
        #expect(try device.events().last == "alarm 1")
    }

    @Test func systemStartedByKexecIsNotCommitted() throws {
        let device = try makeDevice()
        #expect(try device.pisces("upgrade", "--flip", releases["next"]).isDone())
        try device.reboot()
        try write("1\n", to: "\(device.path)/run/kexecs")
        #expect(try device.pisces("health", "--judge").isDone())
        #expect(try device.pisces("commit").isRefused("this kernel was not started by firmware"))
        #expect(try device.phase() == "healthy")
    }

    // MARK: - Two at once

    @Test func secondCommandIsRefusedWhileOneChangesTheMachineAndMayLook() throws {
        let device = try makeDevice()
        try device.shell(
            """
            mkdir -p /etc/pisces/hooks.d/upgrade-before.d
            cat > /etc/pisces/hooks.d/upgrade-before.d/meanwhile << 'END'
            #!/bin/sh
            for command in "upgrade /nowhere" flip commit rollback cancel doctor "health --judge" "status --json" \\
                verify health; do
                '\(builtProgram("pisces"))' $command > /var/lib/pisces/hooks-said 2>&1
                echo "$command: $?, $(grep -c 'another pisces changes this machine' /var/lib/pisces/hooks-said)"
            done > /var/lib/pisces/hooks
            END
            chmod +x /etc/pisces/hooks.d/upgrade-before.d/meanwhile
            """)
        let outcome = try device.pisces("upgrade", releases["next"])
        #expect(outcome.isDone("generation 2 is staged"), outcome.text)
        let refused = ["flip", "commit", "rollback", "cancel", "doctor", "health --judge"].map { "\($0): 1, 1" }
        let allowed = ["status --json", "verify", "health"].map { "\($0): 0, 0" }
        // The source comes first: it is refused for what it is.
        #expect(
            try fileText("\(device.path)/state/hooks").split(separator: "\n").map(String.init)
                == ["upgrade /nowhere: 1, 0"] + refused + allowed)
    }

    @Test func whatChangesWaitsForWhoLooksAndUnitsForWhatChanges() throws {
        let device = try makeDevice()
        let said = try device.shell(
            """
            cd /run/pisces
            hold() {
                rm -f held enough
                flock "$@" sh -c 'touch held; until [ -e enough ]; do sleep 0.1; done; sleep 1; echo released' &
                until [ -e held ]; do sleep 0.1; done
            }
            hold --shared gate
            pisces status > /dev/null && echo looked
            { pisces cancel && echo changed; } &
            touch enough
            wait
            hold --exclusive lock
            pisces commit 2> refused || grep -o 'another pisces changes this machine' refused
            { pisces commit --automatic && pisces health --wait --judge > /dev/null && echo automatic; } &
            touch enough
            wait
            """)
        #expect(
            said.split(separator: "\n") == [
                "looked", "released", "changed", "another pisces changes this machine", "released", "automatic",
            ])
    }
}

extension Device {
    /// Runs `pisces`, which is killed as it makes a file durable for the nth time.
    func killed(atFlush count: Int, _ arguments: String...) throws -> Outcome {
        let calls = "fsync,fdatasync,syncfs"
        return try pisces(
            arguments,
            under: [
                "strace", "-qq", "-o", "/dev/null", "-e", "trace=\(calls)", "-e",
                "inject=\(calls):signal=SIGKILL:when=\(count)",
            ])
    }

    /// What is in the slot that an image leaves empty, and where, but for the number of the generation.
    func slot() throws -> String {
        let loop = try fileText("\(path)/loop").filter { !$0.isNewline }
        let written = try run("sh", "-ec", "head -c 200M \(loop)p4 | sha256sum; head -c 1M \(loop)p5 | sha256sum")
        let table = try run("sfdisk", "--dump", loop).replacing(loop, with: "").replacing(#/-[0-9]+"/#, with: "\"")
        return written + table
    }
}
