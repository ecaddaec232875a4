import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// A caller of `pisces-enter`: root, or the ordinary user `pisces-test`, whom root makes if need be.
enum Caller: CaseIterable, CustomTestStringConvertible {
    case root, user

    /// Root can be both; an ordinary user only tests what root's absence makes of it.
    static var available: [Caller] { geteuid() == 0 ? allCases : [] }

    var testDescription: String { self == .root ? "root" : "ordinary user" }

    private static let userIsMade: Bool = {
        var command = Command("sh", ["-c", "id pisces-test || useradd --no-create-home --shell /bin/sh pisces-test"])
        command.package = "passwd"
        return (try? command.run()) != nil
    }()

    /// The command as this caller runs it.
    func command(_ command: Command) throws -> Command {
        if self == .root { return command }
        try #require(Self.userIsMade)
        return Self.command(command, as: "pisces-test")
    }

    static func command(_ command: Command, as user: String) -> Command {
        var result = command
        result.executable = "setpriv"
        result.arguments = ["--reuid", user, "--regid", user, "--clear-groups", "--"] + command.argv
        return result
    }
}

/// A directory that only the workshop of each test mounts something on.
let workshopDirectory = "/mnt"
let helper = builtProgram("pisces-enter")

func workshop(_ script: String, as caller: Caller) throws -> Command {
    let memory = Workshop.MemoryFilesystem(directory: workshopDirectory, sizeBytes: 64 << 20)
    let argv = ["sh", "-euc", "cd \(workshopDirectory); " + script]
    return try caller.command(try Workshop.command(argv, mounting: [memory], helper: helper))
}

@Suite(.enabled(if: geteuid() == 0, "needs root, who makes the ordinary user too"))
struct WorkshopTests {
    @Test(arguments: Caller.available)
    func everyOwnerOfAnOperatingSystemCanBeSet(_ caller: Caller) throws {
        let script = "id -u; id -g; touch a; chown 65534:65535 a; stat -c %u:%g a; chown 1:42 a; stat -c %u:%g a"
        #expect(try workshop(script, as: caller).run().text == "0\n0\n65534:65535\n1:42\n")
    }

    @Test(arguments: Caller.available)
    func capabilityOfAFileReadsBackAsVersion2(_ caller: Caller) throws {
        let reader = "import os; print(os.getxattr('a', 'security.capability').hex())"
        let hex = try workshop("touch a; setcap cap_net_raw+ep a; python3 -c \"\(reader)\"", as: caller).run().text
        // VFS_CAP_REVISION_2 and the effective bit, little-endian; version 3 would also carry the host's id of root.
        #expect(hex == "0100000200200000000000000000000000000000\n")
    }

    @Test(arguments: Caller.available)
    func memoryFilesystemHasItsSizeAndIsSeenNowhereElse(_ caller: Caller) throws {
        let before = try Descriptor.open("/proc/self/mountinfo").readToEnd()
        #expect(try workshop("stat -f -c '%b %S' .", as: caller).run().text == "16384 4096\n")
        #expect(try Descriptor.open("/proc/self/mountinfo").readToEnd() == before)
    }

    @Test(arguments: Caller.available)
    func processKeepsItsPidAndStatus(_ caller: Caller) throws {
        let running = try workshop("exec sleep 1000", as: caller).start()
        #expect(try Descriptor.directory("/proc/\(running.pid)").status().type == S_IFDIR)
        #expect(try workshop("exit 7", as: caller).run(accepting: 7...7).status == .exited(7))
        let error = #expect(throws: CommandError.self) { try workshop("kill -TERM $$", as: caller).run() }
        #expect(error?.reason == .failed(.signalled(SIGTERM)))
    }

    @Test(arguments: Caller.available)
    func workshopInAWorkshopHasTheSameIds(_ caller: Caller) throws {
        let script =
            "\(helper) workshop -- sh -c 'touch \(workshopDirectory)/a; chown 65534 \(workshopDirectory)/a; id -u'"
        #expect(try workshop(script + "; stat -c %u a", as: caller).run().text == "0\n65534\n")
    }

    @Test func programIsToldWhetherItIsInside() async {
        #expect(!Workshop.isInside)
        // The child of the exit test enters; inside it starts anew and runs the probe below.
        await #expect(processExitsWith: .exitCode(42)) {
            setenv("PISCES_WORKSHOP", "user:[1] mnt:[1]", 1)
            if Workshop.isInside { exit(2) }
            setenv("PISCES_PROBE", "1", 1)
            try Workshop.enter(
                arguments: ["--testing-library", "swift-testing", "--filter", "probeOfTheInside"],
                helper: builtProgram("pisces-enter"))
        }
    }

    @Test(.enabled(if: getenv("PISCES_PROBE") != nil, "run by another test"))
    func probeOfTheInside() { exit(Workshop.isInside ? 42 : 1) }
}

// MARK: - Refusals

extension WorkshopTests {
    /// Status and message of a workshop that should not come to be.
    private func refusal(_ command: Command) -> String? {
        let error = #expect(throws: CommandError.self) { try command.run() }
        #expect(error?.reason == .failed(.exited(HelperStatus.unavailable)))
        return error?.errorOutput
    }

    @Test func userWithoutSubordinateIdsIsToldHowToGetThem() {
        let command = Command(helper, ["workshop", "--", "true"])
        #expect(
            refusal(Caller.command(command, as: "4242"))?.contains(
                "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 4242") == true)
    }

    @Test func missingToolIsNamedWithItsPackage() throws {
        var command = try Caller.user.command(Command(helper, ["workshop", "--", "true"]))
        command.environment["PATH"] = "/nowhere"
        #expect(refusal(command)?.contains("newuidmap: program not found; install the package uidmap") == true)
    }

    @Test(arguments: Caller.available)
    func forbiddenNamespacesAreExplainedByTheirSetting(_ caller: Caller) throws {
        // The setting of a user namespace binds those inside it only.
        let script = "echo 0 > /proc/sys/user/max_user_namespaces; exec \(helper) workshop -- true"
        #expect(refusal(try workshop(script, as: caller))?.contains("set the sysctl user.max_user_namespaces") == true)
    }

    @Test func namespaceWithFewIdsIsRefused() {
        let command = Command("unshare", ["--user", "--map-root-user", helper, "workshop", "--", "true"])
        #expect(refusal(command)?.contains("has the ids below 1 only") == true)
    }

    @Test(arguments: ["/mnt:0", "/mnt:1k", "/mnt:", "/mnt:-1", "/nowhere:4096", "/nowhere"])
    func wrongMemoryFilesystemIsRefused(_ argument: String) {
        let error = #expect(throws: CommandError.self) {
            try Command(helper, ["workshop", "--tmpfs", argument, "--", "true"]).run()
        }
        #expect(error?.reason == .failed(.exited(HelperStatus.failed)))
        #expect(error?.errorOutput.contains(argument.hasPrefix("/mnt") ? argument : "/nowhere") == true)
    }

    @Test func missingProgramHasItsOwnStatus() throws {
        let missing = try Workshop.command(["/nowhere/program"], helper: helper)
        #expect(try missing.run(accepting: 127...127).status == .exited(HelperStatus.notFound))
        let directory = try Workshop.command(["/usr"], helper: helper)
        #expect(try directory.run(accepting: 126...126).status == .exited(HelperStatus.notExecutable))
    }
}
