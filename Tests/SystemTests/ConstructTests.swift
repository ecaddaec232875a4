import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// What `pisces construct` can do besides constructing in memory.
    @Suite struct ConstructTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        // MARK: - Dry run

        @Test func dryRunTellsWhatWillBeMadeAndMakesNothing() throws {
            let folder = try site.makeFolder("dry")
            let outcome = try folder.construct(site.mirror + ["--dry-run"]).outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            #expect(outcome.errors.isEmpty)
            let lines = outcome.outputLines.map { $0.split(separator: " ").joined(separator: " ") }
            #expect(lines.first == "partition slot start size")
            #expect(lines.contains("2 root A 257 MiB 1 GiB") && lines.contains("6 data - 2.2 GiB 256 MiB"))
            #expect(lines.contains("layout uefi, a disk of 2.5 GiB"))
            #expect(lines.last == "output raw \(folder.output)")
            #expect(try folder.outputs() == [])
            let json = try JSONValue(
                parsing: Array(try folder.construct(["--dry-run", "--json"]).outcome().output.utf8), file: "output")
            // Nothing is in this folder's store yet.
            let packages = try #require(json["packages"])
            #expect(json["missing"] == packages)
            #expect(lines.contains { $0.hasPrefix("to fetch \(packages["count"]?.integer ?? 0), ") })
            #expect(json["outputs"]?.array?.first?["path"]?.string == folder.output)
        }

        /// The estimate without looking at a package, and with all of them, beside what it came to.
        @Test func dryRunKnowsAboutHowLargeTheRootWillBe() throws {
            let manifest = try fileText(site.image.dropLast(4) + ".manifest.json")
            let artefacts = try JSONValue(parsing: Array(manifest.utf8), file: "manifest")["artefacts"]?.array
            let size = try #require(artefacts?.first { $0["name"]?.string == "root" }?["size"]?.integer)
            let folder = try site.makeFolder("estimate")
            func estimate(_ store: String) throws -> Int {
                let outcome = try folder.command("construct", ["--dry-run", "--json", "--store", store]).outcome()
                return try #require(
                    try JSONValue(parsing: Array(outcome.output.utf8), file: "output")["root-estimate"]?.integer)
            }
            #expect((size * 8 / 10...size * 12 / 10).contains(try estimate(Site.warmStore)))
            #expect((size * 6 / 10...size * 14 / 10).contains(try estimate(folder.store)))
        }

        @Test func dryRunMakesNoLock() throws {
            let folder = try site.makeFolder("dry-unlocked", isLocked: false)
            let outcome = try folder.construct(site.mirror + ["--dry-run"]).outcome()
            #expect(outcome.status == .exited(1))
            #expect(outcome.errors.contains("\(folder.lock): there is no lock yet") && outcome.output.isEmpty)
            #expect(access(folder.lock, F_OK) != 0)
        }

        // MARK: - Debug shell

        @Test func debugShellNeedsATerminal() throws {
            let folder = try site.makeFolder("no-terminal")
            let outcome = try folder.construct(site.mirror + ["--debug-shell"]).outcome()
            #expect(outcome.status == .exited(1))
            #expect(outcome.errorLines.count == 1 && outcome.errors.contains("--debug-shell needs a terminal"))
        }

        @Test func debugShellIsInTheRootAsTheFailingScriptLeftIt() throws {
            let folder = try site.makeFolder(
                "debug", blueprint: nodeBlueprint.replacing("- tzdata", with: "- tzdata\n    - frobnicator"),
                isLocked: false)
            let script = "#!/bin/sh\necho trace > /etc/frobnicated\necho 'found no grommet' >&2\nexit 7\n"
            try makePackage(
                "frobnicator", "Architecture: all\n", control: ["postinst": script], in: "\(folder.path)/deb")
            let construct = folder.construct(site.mirror + ["--debug-shell", "--no-cache"])
            let outcome = try typing(
                [
                    ("found no grommet", ""),
                    // The prompt of a shell that is root.
                    (
                        "# ",
                        #"cat /etc/frobnicated; dpkg -l frobnicator | tail -n 1 | cut -c 1-2; wc -l < /proc/net/route\n"#
                    ),
                    ("trace\r\niF\r\n1\r\n", #"exit\n"#),
                ], into: construct
            ).outcome()
            #expect(outcome.status == .exited(1), "\(outcome.output)\(outcome.errors)")
            // Once before the shell, once at the end.
            #expect(outcome.output.split(separator: "configuring frobnicator failed").count == 3, "\(outcome.output)")
            #expect(outcome.output.contains("`exit` ends it"))
            #expect(try folder.outputs() == [])
        }

        // MARK: - On disk

        /// Killed while files of other ids are on disk, then again: the remains go, and the bits are those made in memory.
        @Test func constructionOnDiskCleansUpAndGivesTheSameBits() throws {
            let folder = try site.makeFolder("on-disk")
            let work = "\(folder.path)/work"
            try makeDirectories(work)
            var construct = folder.construct(site.mirror + ["--work", work, "--no-cache"])
            if isRoot {
                try makeOrdinaryUser()
                try run("chown", "-R", "pisces-test:", folder.path)
                construct.arguments =
                    ["--reuid", "pisces-test", "--regid", "pisces-test", "--clear-groups", "--"] + construct.argv
                construct.executable = "setpriv"
                construct.environment["HOME"] = folder.path
            }
            let (status, said) = try construct.interrupt(during: "configure packages", after: "unpack packages") {
                pid in
                kill(-pid, SIGINT)
            }
            #expect(status == .signalled(SIGINT) && said.contains("it first removes what is left on disk"), "\(said)")
            let left = try Descriptor.directory(work).entries()
            #expect(left.count == 1 && left[0].hasPrefix("pisces-work-"))
            // What another construction works in right now stays.
            try makeDirectories("\(work)/pisces-work-busy")
            try write("", to: "\(work)/mine")
            let busy = try Descriptor.directory("\(work)/pisces-work-busy")
            #expect(flock(busy.rawValue, LOCK_EX) == 0)
            let outcome = try construct.outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            #expect(try Descriptor.directory(work).entries() == ["mine", "pisces-work-busy"])
            #expect(try differences(between: site.image, and: folder.output) == [])
        }

        @Test func folderForWorkMustBeThere() throws {
            let folder = try site.makeFolder("no-work")
            let outcome = try folder.construct(site.mirror + ["--work", "\(folder.path)/none"]).outcome()
            #expect(outcome.status == .exited(1))
            #expect(outcome.errors.contains("none: No such file or directory"))
        }
    }
}
