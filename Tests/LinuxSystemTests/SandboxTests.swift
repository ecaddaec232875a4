import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// Sandboxes over a small tree on a workshop's memory file system, with the host's programs bound in.
@Suite(.enabled(if: geteuid() == 0, "needs root, who makes the ordinary user too"))
struct SandboxTests {
    private static let makeTree =
        "mkdir root; cd root; mkdir dev etc proc run sys tmp usr; "
        + "for d in bin lib lib64 sbin; do ln -s usr/$d $d; done; cd ..; "

    /// Runs `script` in a sandbox, in a workshop of `caller`, where `before` and `after` run beside the tree.
    private func sandbox(
        _ script: String, as caller: Caller, before: String = "", after: String = "",
        accepting: ClosedRange<Int32> = 0...0
    ) throws -> String {
        var sandbox = Sandbox(
            root: workshopDirectory + "/root", binds: [.init("/usr", at: "/usr")],
            environment: ["PATH": "/usr/sbin:/usr/bin", "GIVEN": "a b=c"])
        sandbox.helper = helper
        let words = try sandbox.command(["sh", "-euc", script]).argv.map { "'\($0)'" }.joined(separator: " ")
        return try workshop(Self.makeTree + before + "\n" + words + "\n" + after, as: caller).run(accepting: accepting)
            .text
    }

    @Test(arguments: Caller.available)
    func scriptIsRootOverTheTree(_ caller: Caller) throws {
        let script =
            "id -u; id -G; touch /etc/a; chown 65534:12 /etc/a; setcap cap_net_raw+ep /etc/a; getcap /etc/a; umask"
        let seen = try sandbox(script, as: caller, after: "stat -c %u:%g root/etc/a")
        #expect(seen == "0\n0\n/etc/a cap_net_raw=ep\n0022\n65534:12\n")
    }

    @Test(arguments: Caller.available)
    func standardInputIsTheCallers(_ caller: Caller) throws {
        #expect(try sandbox("cat", as: caller, before: "printf given |") == "given")
    }

    @Test(arguments: Caller.available)
    func scriptSeesNoNetworkButLoopback(_ caller: Caller) throws {
        let seen = try sandbox(
            "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d \" \"; ip -o link | grep -o LOWER_UP", as: caller)
        #expect(seen == "lo\nLOWER_UP\n")
    }

    @Test(arguments: Caller.available)
    func scriptSeesItsOwnProcessesNameAndEnvironmentOnly(_ caller: Caller) throws {
        let script =
            "cd /proc; ls -d [0-9]* | sort -n | head -2; hostname; cat sys/kernel/domainname; env | grep -v PWD= | sort"
        let seen = try sandbox(script, as: caller)
        #expect(seen == "1\n2\nlocalhost\n(none)\nGIVEN=a b=c\nPATH=/usr/sbin:/usr/bin\n")
    }

    @Test(arguments: Caller.available)
    func kernelSettingsAndDevicesAreOutOfReach(_ caller: Caller) throws {
        let script = """
            ls /dev /run /sys
            for file in /proc/sys/kernel/panic /proc/sysrq-trigger /usr/a /sys/a; do
                if (echo 1 > $file) 2>/dev/null; then echo wrote $file; fi
            done
            mknod /etc/disk b 8 0 2>/dev/null && echo made a device
            umount /proc/sys 2>/dev/null && echo unmounted
            mount -t tmpfs x /tmp 2>/dev/null && echo mounted
            readlink /proc/1/root && echo saw the init
            echo x > /dev/null; head -c 1 /dev/zero | od -An -tx1; exit 0
            """
        let devices = [
            "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero",
        ]
        let seen = try sandbox(script, as: caller).split(separator: "\n").map(String.init)
        #expect(seen == ["/dev:"] + devices + ["/run:", "lock", "/sys:", " 00"])
    }

    @Test func deviceNodeInTheTreeCannotBeOpened() throws {
        // Only root can make one, and only outside.
        let directory = try TemporaryDirectory()
        for name in ["dev", "proc", "run", "sys", "tmp", "usr"] { try makeDirectories("\(directory.path)/\(name)") }
        try Command("mknod", [directory.path + "/zero", "c", "1", "5"]).run()
        try Descriptor.directory(directory.path).makeSymlink("lib64", target: "usr/lib64")
        try Descriptor.directory(directory.path).makeSymlink("lib", target: "usr/lib")
        var sandbox = Sandbox(root: directory.path, binds: [.init("/usr", at: "/usr")])
        sandbox.helper = helper
        let error = #expect(throws: CommandError.self) { try sandbox.command(["head", "-c1", "/zero"]).run() }
        #expect(error?.errorOutput.contains("Permission denied") == true)
        #expect(try sandbox.command(["head", "-c1", "/dev/zero"]).run().output == [0])
    }

    @Test(arguments: Caller.available)
    func syncsDoNothing(_ caller: Caller) throws {
        // On a descriptor that is not open a real one fails.
        let script = """
            python3 -c "
            import ctypes; c = ctypes.CDLL(None)
            print(c.fsync(-1), c.fdatasync(-1), c.syncfs(-1), c.sync_file_range(-1, 0, 0, 0), c.close(-1))"
            """
        #expect(try sandbox(script, as: caller) == "0 0 0 0 -1\n")
    }

    @Test(arguments: Caller.available)
    func treeAndMountsStayAsTheyWere(_ caller: Caller) throws {
        let list = "find root | sort > $LIST; sed 's/^[0-9]* [0-9]* //' /proc/self/mountinfo >> $LIST; "
        let seen = try sandbox(
            "touch /tmp/a /run/b /dev/c", as: caller, before: "LIST=before; touch before after; " + list,
            after: "LIST=after; " + list + "diff before after && echo same")
        #expect(seen == "same\n")
    }

    @Test(arguments: Caller.available)
    func processLeftBehindIsKilled(_ caller: Caller) throws {
        // cat ends when the last process that has the pipe is gone.
        let seen = try sandbox(
            "exec 3> /etc/pipe; sleep 1000 & setsid sleep 1000 & exit 0", as: caller,
            before: "mkfifo root/etc/pipe; timeout 60 cat root/etc/pipe & ", after: "wait $!; echo all gone")
        #expect(seen == "all gone\n")
    }

    @Test(arguments: Caller.available)
    func statusAndSignalPassThrough(_ caller: Caller) throws {
        #expect(try sandbox("exit 7", as: caller, after: "", accepting: 7...7) == "")
        #expect(try sandbox("kill -KILL $$", as: caller, accepting: 137...137) == "")
        #expect(try sandbox("exec /nowhere", as: caller, accepting: 127...127) == "")
    }

    @Test func killedSandboxTakesItsProcessesAlong() throws {
        var sandbox = Sandbox(root: "/")
        sandbox.helper = helper
        let running = try sandbox.command(["sh", "-c", "echo; sleep 20; echo alive"]).start()
        switch running.output {
        case .some(let output):
            var line = [UInt8](repeating: 0, count: 1)
            #expect(try line.withUnsafeMutableBytes { try output.read(into: $0) } == 1)
            try running.send(SIGKILL)
            // The pipe ends when the last process that has it is gone.
            #expect(try output.readToEnd() == [])
        case .none: Issue.record("standard output is not captured")
        }
    }

    @Test(arguments: ["dev", "proc", "run", "sys", "tmp"], ["missing", "symlink"])
    func treeWithoutAMountPointIsRefused(_ name: String, _ how: String) throws {
        let change = "rmdir root/\(name); " + (how == "symlink" ? "ln -s /etc root/\(name); " : "")
        let error = #expect(throws: CommandError.self) { try sandbox("true", as: .root, before: change) }
        #expect(error?.reason == .failed(.exited(HelperStatus.failed)))
        #expect(error?.errorOutput.contains("the tree has no directory /\(name)") == true)
    }

    @Test func bindsAreMadeWhereTheTreeIsNotTouched() throws {
        let directory = try TemporaryDirectory()
        try AtomicFile.write(Array("text".utf8), to: directory.path + "/file")
        var sandbox = Sandbox(
            root: "/",
            binds: [
                .init(directory.path, at: "/run/a/b", isReadOnly: false),
                .init(directory.path + "/file", at: "/tmp/file"),
            ])
        sandbox.helper = helper
        let script =
            "cat /run/a/b/file /tmp/file; echo > /run/a/b/new; (echo > /tmp/file) 2>/dev/null || echo read-only; pwd"
        let command = try sandbox.command(["sh", "-c", script], workingDirectory: "/run/a")
        #expect(try command.run().text == "texttextread-only\n/run/a\n")
        #expect(try Descriptor.directory(directory.path).entries() == ["file", "new"])
        sandbox.binds = [.init("/etc", at: "/nowhere/etc")]
        #expect(throws: CommandError.self) { try sandbox.command(["true"]).run() }
        sandbox.binds = [.init("/etc", at: "/mnt/a:ro")]
        #expect(throws: WorkshopError.self) { _ = try sandbox.command(["true"]) }
    }

    @Test func ordinaryUserIsSentToTheWorkshop() throws {
        let command = Caller.command(Command(helper, ["sandbox", "--root", "/", "--", "true"]), as: "4242")
        let error = #expect(throws: CommandError.self) { try command.run() }
        #expect(error?.reason == .failed(.exited(HelperStatus.unavailable)))
        #expect(error?.errorOutput.contains("run it in a workshop") == true)
    }
}
