import BlueprintModel
import PiscesTesting
import Testing

/// Answers to questions of packages.
@Suite struct DebconfTests {
    private static let text = """
        debconf:
          postfix: { postfix/main_mailer_type: Local only, postfix/relayhost: "" }
          man-db: { man-db/install-setuid: true, man-db/n: 7 }
          empty: {}
        """

    private var blueprint: Blueprint {
        var blueprint = Blueprint(name: "x")
        blueprint.debconf = [
            "postfix": ["postfix/main_mailer_type": "Local only", "postfix/relayhost": ""],
            "man-db": ["man-db/install-setuid": "true", "man-db/n": "7"],
        ]
        return blueprint
    }

    @Test func theyAreReadAndWritten() throws {
        #expect(try loadBlueprint(Self.text).blueprint == blueprint)
        #expect(
            blueprint.yaml.contains(
                """
                debconf:
                  man-db: { man-db/install-setuid: "true", man-db/n: "7" }
                  postfix: { postfix/main_mailer_type: Local only, postfix/relayhost: "" }

                """), "\(blueprint.yaml)")
        let bytes = Array(blueprint.yaml.utf8)
        #expect(try Blueprint.load("x") { _ in bytes }.blueprint == blueprint)
    }

    private static let form =
        "is not an answer; wanted one line without control characters and \"\\n\", its end no \"\\\""

    /// Lines after the head of a blueprint, and the message that they give.
    private static let bad = [
        (
            "debconf: { a/b: { a/b: x } }",
            "x.yaml:4:12: debconf: \"a/b\" is not a package name; wanted lower-case letters, digits, \"+\", \"-\" and "
                + "\".\", at least two, first a letter or digit"
        ),
        (
            "debconf: { aa: { a b: x } }",
            "x.yaml:4:18: debconf.aa: \"a b\" is not the name of a question; wanted letters, digits and any of "
                + "\"/_.+:@-\", first a letter or digit"
        ),
        ("debconf: { aa: { aa/b: 'a\\nb' } }", "x.yaml:4:24: debconf.aa.aa/b: \"a\\nb\" \(form)"),
        ("debconf: { aa: { aa/b: 'a\\' } }", "x.yaml:4:24: debconf.aa.aa/b: \"a\\\" \(form)"),
        ("debconf: { aa: { aa/b: [x] } }", "x.yaml:4:24: debconf.aa.aa/b: wanted an answer, found a list"),
        ("debconf: { aa: { aa/b: } }", "x.yaml:4:24: debconf.aa.aa/b: wanted an answer, found nothing"),
        (
            "debconf: { aa: { aa/b: \"https://u:verysecret@h/\" } }",
            "x.yaml:4:24: debconf.aa.aa/b: this holds a password in a URL; a blueprint holds no secret: refer to one "
                + "with \"secret: name\""
        ),
    ]

    @Test(arguments: bad) func aMistakeIsNamedWithItsPlace(lines: String, wanted: String) {
        #expect(problems { try loadBlueprint(lines) } == [wanted])
    }

    @Test func theyMergeGoAndDiffer() throws {
        let base = "blueprint: 1\ndistribution: { debian: trixie, architecture: amd64 }\n\(Self.text)\n"
        let head = "blueprint: 1\nname: x\ninclude: [b.yaml]\n"
        var merged = blueprint
        merged.debconf["postfix"]?["postfix/relayhost"] = "mx"
        #expect(
            try load(["x.yaml": head + "debconf: { postfix: { postfix/relayhost: mx } }", "b.yaml": base]).blueprint
                == merged)
        #expect(
            Blueprint.diff(blueprint, merged).map(\.description) == [
                "~ debconf.postfix.postfix/relayhost: \"\" -> \"mx\""
            ])
        var less = blueprint
        less.debconf["postfix"] = nil
        #expect(try load(["x.yaml": head + "without: { debconf: [postfix] }", "b.yaml": base]).blueprint == less)
        let explanation = try loadBlueprint(Self.text).explain("debconf.man-db.man-db/install-setuid")
        #expect(explanation.value?.canonical == "\"true\"" && explanation.origin?.description == "x.yaml:6:36")
    }
}
