import BlueprintModel
import Copier
import PiscesTesting
import Testing

/// Which answers to questions of packages travel.
@Suite struct DebconfTests {
    private static let status = Tree.dpkg + Tree.package("asker") + Tree.package("other") + Tree.package("tzdata")

    private static let templates = """
        Template: asker/mode
        Type: select
        Choices: low, ${more}
        Description: x

        Template: asker/flag
        Type: boolean
        Default: false
        Description: x

        Template: asker/name
        Type: string
        Default: nobody
        Description: x

        Template: asker/secret
        Type: password
        Description: x

        Template: asker/told
        Type: note
        Description: x

        """

    private func record(
        _ name: String, _ value: String, _ owners: String = "asker", flags: String = "seen", template: String? = nil
    ) -> String {
        "Name: \(name)\nTemplate: \(template ?? name)\nValue: \(value)\nOwners: \(owners)\nFlags: \(flags)\n"
            + "Variables:\n more = mid, high\n\n"
    }

    private func copy(_ config: String, script: String = "", _ more: [String: String] = [:]) throws -> SystemCopy {
        let known = Self.templates.replacing("Template: ", with: "Name: ")
        return try Tree.debian(
            Self.status,
            [
                "/var/cache/debconf/config.dat": config, "/var/cache/debconf/templates.dat": known,
                "/var/lib/dpkg/info/asker.templates": Self.templates, "/var/lib/dpkg/info/asker.config": script,
            ].merging(more) { $1 }
        ).copy()
    }

    private func told(_ copy: SystemCopy) -> [String] {
        copy.report.omissions.filter { $0.kind == "debconf" }.map(\.subject)
    }

    @Test func whatSomebodyAnsweredTravels() throws {
        let copy = try copy(
            record("asker/mode", "high") + record("asker/flag", "true") + record("asker/name", "é, \"x\""))
        #expect(
            copy.blueprint.debconf == ["asker": ["asker/mode": "high", "asker/flag": "true", "asker/name": "é, \"x\""]])
        #expect(told(copy).isEmpty)
    }

    @Test func whatNobodyAnsweredDoesNot() throws {
        let copy = try copy(
            record("asker/mode", "low") + record("asker/flag", "false") + record("asker/name", "nobody")
                + record("asker/told", "x") + record("asker/gone", "x", "gone"))
        #expect(copy.blueprint.debconf.isEmpty && told(copy).isEmpty)
        let unseen = try self.copy(record("asker/flag", "true", flags: "other"))
        #expect(unseen.blueprint.debconf.isEmpty && told(unseen).isEmpty)
    }

    /// A line of a script, and whether the answer to `asker/name` is its own then.
    @Test(arguments: [
        ("db_set asker/name \"$NAME\"", true), ("  db_set 'asker/name' mine || true", true),
        ("set(\"asker/name\", $name);", true), ("set(\"asker/name\",\"mine\");", true),
        ("db_set asker/$what \"$x\"", true), ("db_set asker/${what}me `hostname`", true),
        ("db_set asker/name other", false), ("db_set $1 \"$2\"", false), ("db_get asker/name", false),
        ("db_set asker/names \"$x\"", false), ("reset asker/name $x", false), ("db_set asker/name", false),
        ("db_set", false), ("set(", false),
    ])
    func whatScriptsAnswerTheyWillAnswerAgain(line: String, isOwn: Bool) throws {
        let copy = try copy(record("asker/name", "mine"), script: "#!/bin/sh\n\(line)\n")
        #expect(copy.blueprint.debconf == (isOwn ? [:] : ["asker": ["asker/name": "mine"]]) && told(copy).isEmpty)
    }

    @Test func secretsAreLeftOutByName() throws {
        let copy = try copy(
            record("asker/secret", "hunter22") + record("asker/name", "https://me:hunter22@example.org/")
                + record("asker/admin_password", "hunter22", template: "asker/name"),
            ["/var/cache/debconf/passwords.dat": "Name: asker/deep\nValue: hunter22\n\nName: asker/none\nValue: \n"])
        #expect(copy.blueprint.debconf.isEmpty)
        #expect(told(copy) == ["asker/admin_password", "asker/name", "asker/secret", "asker/deep"])
        #expect(!copy.report.omissions.contains { $0.description.contains("hunter22") })
    }

    @Test func whatABlueprintCannotSayIsTold() throws {
        let copy = try copy(
            record("asker/mode", "gone") + record("asker/name", "two\\nlines")
                + record("asker/made", "x", template: "asker/name")
                + record("asker/fl\u{7}ag", "x", template: "asker/name"))
        #expect(copy.blueprint.debconf.isEmpty)
        #expect(told(copy) == ["asker/fl\u{7}ag", "asker/made", "asker/mode", "asker/name"])
        let broken = try self.copy("Value: x\n\n" + record("asker/name", "mine"))
        #expect(broken.blueprint.debconf.isEmpty && told(broken) == ["/var/cache/debconf/config.dat:1"])
    }

    @Test func theFirstPackageThatHasTheQuestionIsItsOwner() throws {
        let copy = try copy(
            record("asker/name", "mine", "asker:amd64, gone, other"),
            ["/var/lib/dpkg/info/other:amd64.templates": Self.templates])
        #expect(copy.blueprint.debconf == ["asker": ["asker/name": "mine"]])
        let elsewhere = try self.copy(record("asker/name", "mine", "tzdata"))
        #expect(elsewhere.blueprint.debconf.isEmpty)
    }
}
