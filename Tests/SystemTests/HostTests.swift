import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// What the machine or the user may lack: it is named, with what to do, and ends with a status of its own.
extension SystemTests {
    @Suite struct HostTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        /// The command with a shell script around it, in which `$@` is the command.
        private func wrapped(_ command: Command, _ tool: [String], _ script: String = "exec \"$@\"") -> Command {
            var wrapped = command
            wrapped.executable = tool[0]
            wrapped.arguments = tool.dropFirst() + ["sh", "-euc", script, "sh"] + command.argv
            return wrapped
        }

        @Test func cacheThatCannotBeMadeIsNamedWithTheVariableThatMovesIt() throws {
            let folder = try site.makeFolder("no-cache")
            var construct = folder.command("construct", ["-o", folder.output] + site.mirror)
            construct.environment["XDG_CACHE_HOME"] = nil
            // Nobody can make a directory there, root neither.
            construct.environment["HOME"] = "/proc/self/fdinfo"
            let outcome = try construct.outcome()
            #expect(outcome.status == .exited(1))
            #expect(outcome.errors.contains("the cache cannot be made: /proc/self/fdinfo/.cache"), "\(outcome.errors)")
            #expect(outcome.errors.contains("set XDG_CACHE_HOME to a directory of your own"))
            #expect(try folder.outputs() == [])
        }

        @Test(.enabled(if: isRoot, "mounts over a directory")) func homeThatIsReadOnlyIsNotNeeded() throws {
            let folder = try site.makeFolder("read-only-home")
            try site.warm(folder)
            let script = "mount -t tmpfs -o ro home \"$HOME\"; exec \"$@\""
            var construct = wrapped(folder.construct(site.mirror), ["unshare", "--mount"], script)
            construct.environment["HOME"] = "\(folder.path)/home"
            try makeDirectories("\(folder.path)/home")
            let outcome = try construct.outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            construct.environment["XDG_CACHE_HOME"] = nil
            let refused = try construct.outcome()
            #expect(refused.status == .exited(1))
            #expect(refused.errors.contains("Read-only file system") && refused.errors.contains("set XDG_CACHE_HOME"))
        }

        @Test(.enabled(if: isRoot, "becomes another user")) func userWithoutSubordinateIdsIsToldHowToGetThem() throws {
            let folder = try site.makeFolder("no-ids")
            try run("chown", "-R", "nobody:", folder.path)
            let user = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
            let outcome = try wrapped(folder.construct(site.mirror), user).outcome()
            #expect(outcome.status == .exited(77))
            for words in ["nobody has no range of 65535 ids in /etc/subuid", "usermod --add-subuids"] {
                #expect(outcome.errors.contains(words), "\(outcome.errors)")
            }
            #expect(try folder.outputs() == [])
        }

        /// A tool that is hidden is one that is not installed.
        @Test(
            .enabled(if: isRoot, "hides tools behind mounts"),
            arguments: [
                ("/usr/bin/apt-get", false, ["apt-get could not be started", "Install apt"]),
                ("/usr/bin/dpkg-deb", false, ["dpkg-deb could not be started", "Install apt and dpkg"]),
                ("/usr/lib/apt/apt-helper", true, ["apt-helper could not be started", "package apt"]),
            ])
        func toolThatIsMissingIsNamedWithItsPackage(_ tool: String, _ isLocked: Bool, _ words: [String]) throws {
            let folder = try site.makeFolder("tool-\(isLocked)\(tool.utf8.count)", isLocked: isLocked)
            if isLocked {
                // Only what comes by the network is apt's to fetch.
                try folder.editLock { lines in
                    for line in lines.indices where lines[line].hasPrefix("URI: ") {
                        lines[line] = "URI: http://127.0.0.1:1"
                    }
                }
            }
            let script = "mount --bind /dev/null \(tool); exec \"$@\""
            let construct = folder.construct(isLocked ? [] : site.mirror)
            let outcome = try wrapped(construct, ["unshare", "--mount"], script).outcome()
            #expect(outcome.status == .exited(1))
            for words in words { #expect(outcome.errors.contains(words), "\(outcome.errors)") }
            #expect(try folder.outputs() == [])
        }

        @Test(.enabled(if: isRoot, "becomes another user and hides a tool"))
        func userWithoutUidmapIsToldToInstallIt() throws {
            let folder = try site.makeFolder("no-uidmap")
            try makeOrdinaryUser()
            try run("chown", "-R", "pisces-test:", folder.path)
            let script = """
                mount --bind /dev/null /usr/bin/newuidmap
                mount --bind /dev/null /usr/bin/newgidmap
                exec setpriv --reuid pisces-test --regid pisces-test --clear-groups -- "$@"
                """
            var construct = wrapped(folder.construct(site.mirror), ["unshare", "--mount"], script)
            let hidden = try construct.outcome()
            #expect(hidden.status == .exited(77))
            #expect(hidden.errors.contains("install the package uidmap"), "\(hidden.errors)")
            construct.environment["PATH"] = "/nowhere"
            #expect(try folder.outputs() == [])
        }

        @Test func programWithoutItsHelperSaysSo() throws {
            let folder = try site.makeFolder("no-helper")
            let alone = "\(folder.path)/pisces"
            try run("cp", builtProgram("pisces"), alone)
            var construct = folder.construct(site.mirror)
            construct.executable = alone
            construct.environment["PATH"] = "/nowhere"
            let outcome = try construct.outcome()
            #expect(outcome.status == .exited(1))
            #expect(outcome.errors.contains("pisces-enter: not found beside this program"), "\(outcome.errors)")
            #expect(outcome.errors.contains("install the package pisces again"))
        }

        /// However little memory there is, the end is a failure, and nothing is left of it.
        @Test(arguments: [40, 200, 320, 480, 700]) func tooLittleMemoryLeavesNothing(_ mebibytes: Int) throws {
            let folder = try site.makeFolder("memory-\(mebibytes)")
            let construct = wrapped(folder.construct(site.mirror), ["prlimit", "--as=\(mebibytes << 20)", "--core=0"])
            let outcome = try construct.outcome()
            #expect(outcome.status != .exited(0))
            #expect(try folder.outputs() == [])
            let mounts = try fileText("/proc/self/mountinfo")
            #expect(!mounts.contains(folder.path))
        }

        @Test(.enabled(if: isRoot, "mounts a read-only directory")) func blueprintThatCannotHaveALockBesideItIsNamed()
            throws
        {
            let folder = try site.makeFolder("read-only-blueprint", isLocked: false)
            let script = "mount --bind -o ro \(folder.path)/Blueprints \(folder.path)/Blueprints; exec \"$@\""
            for verb in ["lock", "construct"] {
                let outcome = try wrapped(folder.command(verb, site.mirror), ["unshare", "--mount"], script).outcome()
                #expect(outcome.status == .exited(1))
                for words in ["\(folder.lock): Read-only file system", "the lock is written beside the blueprint"] {
                    #expect(outcome.errors.contains(words), "\(outcome.errors)")
                }
            }
        }
    }
}
