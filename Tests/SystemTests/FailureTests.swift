import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// Whatever goes wrong: a clear message with the next step, status 1, and nothing left behind.
extension SystemTests {
    @Suite struct FailureTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        @Test(arguments: [
            ("packages:", "pakages:", ":4:1: unknown key \"pakages\"", "did you mean \"packages\"?"),
            ("uid: 1500", "uid: many", ":19:10: users.alice.uid: ", "\"many\""),
            (
                "report.sh", "nothing.sh", ":47:36: files./usr/local/bin/report.source: cannot read \"nothing.sh\"",
                "No such file"
            ),
            ("Asia/Tokyo", "Asia Tokyo", ":54:15: time.zone: ", "\"Asia Tokyo\""),
        ])
        func badBlueprintIsRefusedWithItsPlace(_ good: String, _ bad: String, _ place: String, _ words: String) throws {
            let folder = try site.makeFolder(
                "bad-\(bad.filter(\.isLetter))", blueprint: nodeBlueprint.replacing(good, with: bad, maxReplacements: 1)
            )
            for verb in ["check", "lock", "construct"] {
                let outcome = try folder.command(verb).outcome()
                #expect(outcome.status == .exited(1))
                #expect(outcome.errors.hasPrefix("error: \(folder.blueprint)\(place)"), "\(outcome.errors)")
                #expect(outcome.errors.contains(words), "\(outcome.errors)")
            }
            #expect(try folder.outputs() == [])
        }

        @Test func unknownPackageIsNamedWithItsNeighbours() throws {
            let folder = try site.makeFolder(
                "unknown-package", blueprint: nodeBlueprint.replacing("- openssh-server", with: "- openssh-servr"),
                isLocked: false)
            let outcome = try folder.construct(site.mirror).outcome()
            #expect(outcome.status == .exited(1))
            #expect(outcome.errors.contains("no repository has a package 'openssh-servr'; there is openssh-server"))
            #expect(access(folder.lock, F_OK) != 0)
        }

        @Test func mirrorOutOfReachIsNamed() throws {
            let folder = try site.makeFolder("unreachable", isLocked: false)
            let outcome = try folder.command(
                "lock", ["--mirror", "http://127.0.0.1:1/debian", "--security-mirror", "http://127.0.0.1:1/security"]
            ).outcome()
            #expect(outcome.status == .exited(1))
            #expect(outcome.errors.contains("Debian's archive (http://127.0.0.1:1/debian) cannot be reached"))
            #expect(outcome.errors.contains("Check the network"))
            #expect(access(folder.lock, F_OK) != 0)
        }

        @Test func outputWithoutAFolderIsRefusedBeforeAnythingIsFetched() throws {
            let folder = try site.makeFolder("no-output")
            try run("rmdir", "\(folder.path)/out")
            let outcome = try folder.construct(site.mirror).outcome()
            #expect(outcome.status == .exited(1))
            #expect(outcome.errors.contains("\(folder.output): No such file or directory"))
            #expect(outcome.errors.contains("--output"))
            #expect(!outcome.errors.contains("fetch packages"))
        }

        @Test func foreignFileIsRefusedAtOnce() throws {
            let folder = try site.makeFolder("foreign-file")
            try write("dear diary", to: folder.output)
            let outcome = try folder.construct(site.mirror).outcome()
            #expect(outcome.status == .exited(1))
            #expect(outcome.errorLines.count == 2 && outcome.errors.contains("--force"), "\(outcome.errors)")
            let device = try folder.command("construct", ["-o", "raw:/dev/null", "--force"]).outcome()
            #expect(device.status == .exited(1) && device.errors.contains("/dev/null is a character device"))
            #expect(try fileText(folder.output) == "dear diary")
        }

        @Test(.enabled(if: isRoot, "mounts a small disk")) func fullDiskIsNamedAndKeepsNothing() throws {
            let folder = try site.makeFolder("full")
            let construct = folder.construct(site.mirror).argv.joined(separator: " ")
            let outcome = try inNamespace(
                folder, "mount -t tmpfs -o size=2m full out; \(construct) || echo status $?; echo left $(ls -A out)")
            #expect(outcome.output == "status 1\nleft\n", "\(outcome.output)")
            #expect(outcome.errors.contains("\(folder.output): No space left on device"), "\(outcome.errors)")
            #expect(outcome.errors.contains("free some space"))
        }

        @Test(.enabled(if: isRoot, "mounts a small disk")) func fullStoreIsNamed() throws {
            let folder = try site.makeFolder("full-store")
            let construct = folder.construct(site.mirror).argv.joined(separator: " ")
            let outcome = try inNamespace(
                folder, "mkdir store; mount -t tmpfs -o size=2m full store; \(construct) || echo status $?")
            #expect(outcome.output == "status 1\n")
            #expect(outcome.errors.contains("the content store is full"), "\(outcome.errors)")
            #expect(outcome.errors.contains("Free some space"))
        }

        private func inNamespace(_ folder: Folder, _ script: String) throws -> Outcome {
            var command = folder.command("construct")
            command.executable = "unshare"
            command.arguments = ["--mount", "sh", "-c", script]
            command.workingDirectory = folder.path
            return try command.outcome()
        }

        /// A package of that script and, for a trigger, another that pulls it.
        @Test(arguments: [
            ("preinst", "preinst of frobnicator failed"), ("postinst", "configuring frobnicator failed"),
            ("trigger", "configuring frobnicator failed"),
        ])
        func failingScriptIsQuotedWithItsPackage(_ kind: String, _ words: String) throws {
            let folder = try site.makeFolder(
                "broken-\(kind)",
                blueprint: nodeBlueprint.replacing("- tzdata", with: "- tzdata\n    - frobnicator\n    - grommet"),
                isLocked: false)
            try site.warm(folder)
            let condition = kind == "trigger" ? "[ $1 = triggered ] || exit 0; " : ""
            var members = [
                kind == "preinst" ? kind : "postinst":
                    "#!/bin/sh\n\(condition)echo 'the frobnicator found no grommet' >&2\nexit 7\n"
            ]
            if kind == "trigger" { members["triggers"] = "interest frobnication\n" }
            try makePackage("frobnicator", "Architecture: all\n", control: members, in: "\(folder.path)/deb")
            // Configured after the other, or its trigger would have been met already.
            try makePackage(
                "grommet", "Architecture: all\nDepends: frobnicator\n",
                control: ["triggers": "activate frobnication\n"],
                in: "\(folder.path)/deb")
            let outcome = try folder.construct(site.mirror).outcome()
            #expect(outcome.status == .exited(1))
            for words in [words, "the frobnicator found no grommet", "status 7", "packages: without"] {
                #expect(outcome.errors.contains(words), "\(outcome.errors)")
            }
            #expect(try folder.outputs() == [])
        }

        /// ^C and a kill in each step, then the same command as if nothing had been.
        @Test func interruptionLeavesNothingAndTheNextRunSucceeds() throws {
            let site = site
            _ = try parallelMap(count: 2) { index in
                try Self.interruptEachStep(site, index == 0 ? SIGINT : SIGKILL)
            }
        }

        private static func interruptEachStep(_ site: Site, _ signal: Int32) throws {
            let folder = try site.makeFolder("interrupted-\(signal)")
            func forms(_ names: String...) -> [String] {
                names.flatMap { ["-o", "\($0.replacing("OUT", with: "\(folder.path)/out"))"] }
            }
            for (step, previous, forms) in [
                ("fetch packages", nil, []), ("unpack packages", "fetch packages", []),
                ("configure packages", "unpack packages", []), ("restore configured packages", "fetch packages", []),
                ("apply blueprint", "restore configured packages", []),
                ("write file tree", "apply blueprint", forms("directory:OUT/tree", "OUT/node.tar", "OUT/node.oci")),
                ("write root", "apply blueprint", []), ("make boot files", "write root", []),
                ("make data partition", "make boot files", []), ("verify image", "make data partition", []),
                ("write further forms", "verify image", forms("OUT/node.qcow2", "split:OUT/node")),
            ] as [(String, String?, [String])] {
                if step == "restore configured packages" { try site.warm(folder) }
                let construct = folder.construct(site.mirror + forms)
                var traces: Traces?
                let (status, said) = try construct.interrupt(during: step, after: previous) { pid in
                    let seen = try Traces(of: pid, in: folder)
                    traces = seen
                    // What is looked for below can be seen: the program, and here what runs longest in its sandbox.
                    #expect(try seen.hasProcess(step == "configure packages" ? "dpkg" : "pisces"), "\(step)")
                    // ^C reaches all that belongs to the program, a kill the program alone.
                    kill(signal == SIGINT ? -pid : pid, signal)
                }
                #expect(status == .signalled(signal), "\(step): \(said)")
                #expect(said.contains("interrupted: nothing was left behind") == (signal == SIGINT))
                // What removes unfinished directories outlives the program by a moment.
                for _ in 0..<100 {
                    if try folder.outputs().isEmpty { break }
                    usleep(50_000)
                }
                #expect(try folder.outputs() == [], "\(step)")
                let left = try traces?.leftovers(in: folder)
                #expect(left == [], "\(step)")
            }
            let last = signal == SIGKILL ? folder.forms : []
            let outcome = try folder.construct(site.mirror + last).outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            #expect(try differences(between: site.image, and: folder.output) == [])
            if !last.isEmpty { #expect(try differingForms(site.folder, folder) == []) }
            try asOwner(["rm", "-rf", folder.path])
        }
    }
}
