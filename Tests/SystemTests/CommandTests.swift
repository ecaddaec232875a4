import BlueprintModel
import Debian
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// What each command prints, and with which status it ends.
    @Suite struct CommandTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        @Test(arguments: [
            "", "check", "explain", "diff", "schema", "copy", "lock", "construct", "verify", "boot", "grow",
        ])
        func helpIsAsReviewed(_ command: String) throws {
            var help = piscesCommand((command.isEmpty ? [] : [command]) + ["--help"])
            help.environment["COLUMNS"] = "80"
            let outcome = try help.outcome()
            #expect(outcome.status == .exited(0))
            #expect(differenceFromGolden(outcome.output, "help\(command.isEmpty ? "" : "-\(command)").txt") == nil)
        }

        @Test(arguments: [["construct"], ["lock", "--colour"], ["check", "a", "b"], ["destroy"]])
        func wrongUsageHasAStatusOfItsOwn(_ arguments: [String]) throws {
            let outcome = try piscesCommand(arguments).outcome()
            #expect(outcome.status == .exited(64))
            #expect(outcome.errors.contains("Usage: pisces") && outcome.output.isEmpty)
        }

        @Test func checkPrintsTheDigestThatTheLockNames() throws {
            let lock = try Lock(parsing: Array(site.firstLock.utf8), file: "lock")
            let outcome = try site.folder.command("check").outcome()
            #expect(outcome.status == .exited(0) && outcome.errors.isEmpty)
            #expect(outcome.output == "\(site.folder.blueprint): node is valid, digest \(lock.blueprint)\n")
            let json = try events(try site.folder.command("check", ["--json"]).outcome().output)
            #expect(json.map { $0["digest"]?.string } == [lock.blueprint.hex])
        }

        @Test func errorIsAnEventWithJSON() throws {
            let outcome = try piscesCommand(["check", "/nowhere/node.yaml", "--json"]).outcome()
            #expect(outcome.status == .exited(1) && outcome.output.isEmpty)
            let event = try #require(try events(outcome.errors).first)
            #expect(event["event"]?.string == "error")
            #expect(event["message"]?.string?.contains("/nowhere/node.yaml") == true)
        }

        @Test func constructionIsToldInEventsAndItsOutputsPrinted() throws {
            let steps = [
                "fetch packages", "unpack packages", "configure packages", "apply blueprint", "write file tree",
                "write root", "make boot files", "make data partition", "verify image", "write further forms",
            ]
            let told = try events(site.construction.errors)
            for event in ["began", "ended"] {
                #expect(told.filter { $0["event"]?.string == event }.compactMap { $0["step"]?.string } == steps)
            }
            let outputs = try events(site.construction.output)
            let forms = ["raw", "qcow2", "split", "split-archive", "tar", "directory", "oci", "oci-archive"]
            #expect(outputs.map { $0["form"]?.string } == forms)
            #expect(outputs.first?["output"]?.string == site.image)
            let manifest = try fileText(site.image.dropLast(4) + ".manifest.json")
            #expect(
                outputs.map { $0["manifest"]?.pretty } == Array(repeating: manifest, count: 4)
                    + Array(repeating: nil, count: 4))
            #expect(Set(outputs.map { $0["digest"]?.string }).count == 2, "the two OCI images are one")
        }

        /// One JSON value a line.
        private func events(_ text: String) throws -> [JSONValue] {
            try text.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8), file: "output") }
        }

        @Test func explainNamesValueAndPlace() throws {
            let command = site.folder.command("explain", ["time.zone"])
            #expect(
                try command.outcome().output
                    == "time.zone: \"Asia/Tokyo\"\n  set at \(site.folder.blueprint):54:15\n  Name of the time zone.\n")
            let wrong = try site.folder.command("explain", ["time.zoen"]).outcome()
            #expect(wrong.status == .exited(1))
            #expect(wrong.errors.contains("no \"zoen\" in time; did you mean \"zone\"?"))
        }

        @Test func diffShowsChangesAndSaysWhetherThereAreAny() throws {
            let other = try site.makeFolder(
                "diff", blueprint: "# Another comment\n" + nodeBlueprint.replacing("Asia/Tokyo", with: "Europe/Berlin"))
            let outcome = try piscesCommand(["diff", site.folder.blueprint, other.blueprint]).outcome()
            #expect(outcome.status == .exited(1) && outcome.errors.isEmpty)
            #expect(outcome.outputLines.count == 1)
            #expect(outcome.output.contains("time.zone") && outcome.output.contains("Europe/Berlin"))
            let same = try piscesCommand(["diff", other.blueprint, other.blueprint]).outcome()
            #expect(same.status == .exited(0) && same.output.isEmpty)
        }

        @Test func schemaIsTheOneThatShips() throws {
            let repository = parentDirectory(of: parentDirectory(of: parentDirectory(of: #filePath)))
            let shipped = try fileText("\(repository)/Blueprints/blueprint.schema.json")
            #expect(try piscesCommand(["schema"]).outcome().output == shipped)
        }
    }
}
