import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Constructor

private let helper = builtProgram("pisces-enter")

/// Runs a program of the test's in the place of deb-systemd-helper, over a small tree with the host's programs.
@Suite(.enabled(if: geteuid() == 0, "needs root, who makes sandboxes"))
struct PerlServerTests {
    /// What `script` says in a sandbox, in which `program` is the helper, behind its status.
    private func run(_ program: String, _ script: String, withServer: Bool = true) throws -> String {
        let directory = try TemporaryDirectory()
        let tree = "\(directory.path)/tree"
        for name in ["dev", "etc", "proc", "run", "sys", "tmp", "usr"] { try makeDirectories("\(tree)/\(name)") }
        for name in ["bin", "lib", "lib64", "sbin"] {
            try Descriptor.directory(tree).makeSymlink(name, target: "usr/\(name)")
        }
        for name in ["root", "scratch"] { try makeDirectories("\(directory.path)/\(name)") }
        let root = try StagedRoot(path: "\(directory.path)/root")
        let scratch = try StagedRoot(path: "\(directory.path)/scratch")
        try root.write("", to: "usr/bin/perl")
        try root.write("#!/usr/bin/perl\n\(program)\n", to: "usr/bin/deb-systemd-helper")
        try PerlServer(root: root, scratch: scratch, helper: helper).prepare()
        var sandbox = Sandbox(
            root: tree, binds: [.init("/usr", at: "/usr"), .init(scratch.path, at: scratchInRoot, isReadOnly: false)],
            environment: ["PATH": "\(EarlyTools.path):/usr/sbin:/usr/bin", "HOME": "/root"])
        sandbox.helper = helper
        // It is there once it is seen; who calls then waits until it has loaded all.
        let start =
            withServer
            ? "\(PerlServer.start); until grep -q @pisces-perl /proc/net/unix; do sleep 0.01; done; " : ""
        let result = try sandbox.command(["sh", "-c", start + script]).run(accepting: 0...255)
        return "\(result.status.shellStatus) \(String(decoding: result.output + result.errorOutput, as: UTF8.self))"
    }

    /// Tells whether something was loaded before it.
    private static let isServed = "$INC{'Getopt/Long.pm'} ? 'served' : 'alone'"

    @Test func aProgramHasWhatItsCallerHas() throws {
        let program = """
            use Cwd;
            print "$0 @ARGV ", scalar(@ARGV), " $ENV{X}", exists $ENV{Y} ? 'Y' : '', ' ', getcwd, ' ', umask, ' ', <STDIN>;
            print STDERR "error\\n";
            exit 7;
            """
        let script = """
            cd /etc; umask 027; export X='a=b c'
            echo in | deb-systemd-helper one '' 'two three' | cat
            """
        #expect(
            try run(program, "Y=1; \(script)")
                == "0 /usr/bin/deb-systemd-helper one  two three 3 a=b c /etc 23 in\nerror\n")
    }

    @Test func aProgramIsServed() throws {
        #expect(try run("print \(Self.isServed);", "deb-systemd-helper") == "0 served")
        #expect(try run("print \(Self.isServed);", "deb-systemd-helper", withServer: false) == "0 alone")
    }

    /// What modules may look at when they are loaded.
    @Test(arguments: ["LC_ALL=C.UTF-8", "HOME=/etc", "PERL5LIB=/etc"])
    func aCallerWithOtherSettingsIsNotServed(_ setting: String) throws {
        #expect(try run("print \(Self.isServed);", "\(setting) deb-systemd-helper") == "0 alone")
    }

    @Test(arguments: [true, false])
    func statusAndWordsOfAFailurePassThrough(withServer: Bool) throws {
        #expect(try run("exit 7", "deb-systemd-helper", withServer: withServer) == "7 ")
        #expect(try run("$! = 3; die qq(gone\\n)", "deb-systemd-helper", withServer: withServer) == "3 gone\n")
        #expect(try run("kill 'TERM', $$", "deb-systemd-helper", withServer: withServer).hasPrefix("143 "))
    }

    @Test func aProgramMayCallAnother() throws {
        let program = "exit(@ARGV ? 0 : 1 + (system('deb-systemd-helper', 'inner') >> 8))"
        #expect(try run(program, "deb-systemd-helper") == "1 ")
    }
}
