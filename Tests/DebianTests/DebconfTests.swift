import Debian
import LinuxSystem
import PiscesTesting
import Testing

@Suite struct DebconfTests {
    // MARK: - Against debconf itself

    /// A database of its own, in a directory.
    private static func debconf(_ directory: String, _ command: String) throws -> String {
        let files = ["config", "templates"].map { name in
            "Name: \(name)db\nDriver: File\nFilename: \(directory)/\(name).dat\n"
        }
        try AtomicFile.write(
            Array("Config: configdb\nTemplates: templatesdb\n\n\(files.joined(separator: "\n"))".utf8),
            to: "\(directory)/debconf.conf")
        let result = try shell("cd '\(directory)'; LC_ALL=C.UTF-8 DEBCONF_SYSTEMRC=$PWD/debconf.conf \(command)")
        try #require(result.status == 0, "\(result.output)")
        return result.output
    }

    @Test(arguments: 0..<4) func whatDebconfWritesIsRead(_ seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        let directory = try TemporaryDirectory()
        let pieces = ["a", "é", " ", ",", ", ", ":", "=", "\\", "#", "${x}", "'", "\"", "\u{1F427}", "true", "\\,"]
        var wanted: [String: String] = [:]
        var lines = ""
        for number in 0..<60 {
            var value = (0..<Int.random(in: 0...6, using: &random)).map { _ in random.pick(pieces) }.joined()
            if value.hasSuffix("\\") { value += "." }
            let type = random.pick(["string", "boolean", "select", "multiselect"])
            wanted["q\(number)/é"] = value
            lines += "some-package q\(number)/é \(type) \(value)\n"
        }
        try AtomicFile.write(Array(lines.utf8), to: "\(directory.path)/lines")
        _ = try Self.debconf(directory.path, "debconf-set-selections lines")
        let (records, unread) = Debconf.records(
            try Descriptor.open("\(directory.path)/config.dat").readToEnd())
        #expect(unread == nil && records.count == wanted.count)
        #expect(records.mapValues { $0.fields["value"] ?? "-" } == wanted)
        #expect(records.values.allSatisfy { $0.flags == ["seen"] && $0.owners == ["some-package"] })
        // What debconf-get-selections says of it, which reads in its own way.
        let said = try Self.debconf(directory.path, "debconf-get-selections | grep -v '^#'")
        let templates = Debconf.records(try Descriptor.open("\(directory.path)/templates.dat").readToEnd()).records
        let ours = records.values.map { record in
            "some-package\t\(record.name)\t\(templates[record.name]?.fields["type"] ?? "")\t\(wanted[record.name] ?? "")"
        }
        #expect(Set(said.split(separator: "\n").map(String.init)) == Set(ours))
    }

    @Test func listsArePartedAsDebconfDoesIt() throws {
        let directory = try TemporaryDirectory()
        let program = """
            use Debconf::Question; for my $text (@ARGV) {
            no warnings; *Debconf::Question::value = sub { $text };
            print join("|", Debconf::Question::value_split("Debconf::Question")), "\\n" }
            """
        try AtomicFile.write(Array(program.utf8), to: "\(directory.path)/split")
        let lists = ["", "a", "a, b", "a,b, c", "a\\, b, c", "a\\ b,  c", ", a", "a, ", "a\\\\, b", "é,\tb"]
        let quoted = lists.map { "'\($0)'" }.joined(separator: " ")
        let said = try Self.debconf(directory.path, "perl split \(quoted)")
        #expect(said == lists.map { Debconf.split($0).joined(separator: "|") + "\n" }.joined())
    }

    // MARK: - Odd databases

    @Test func paragraphsAreReadAsTheyStand() {
        let text = """
            Name: a/b
            Template: a/t
            Value: one\\ntwo
            Owners: x, y:amd64
            Flags: seen, other
            Variables:
             choices = p, q
             odd
            Extra

            Name: a/b
            Value:x

            """
        let (records, unread) = Debconf.records(Array(text.utf8))
        #expect(unread == nil && records.count == 1 && records["a/b"]?.fields == ["value": "x"])
        let first = Debconf.records(Array(text.utf8.prefix(while: { $0 != 0 })).prefix(120) + []).records["a/b"]
        #expect(first?.fields["value"] == "one\ntwo" && first?.owners == ["x", "y:amd64"])
        #expect(first?.flags == ["seen", "other"] && first?.variables["choices"] == "p, q")
        let broken = Debconf.records(Array("Name: a\n\n\nName: b\n".utf8))
        #expect(Array(broken.records.keys) == ["a"] && broken.unreadFrom == 3)
        #expect(Debconf.records([]).records.isEmpty && Debconf.records([10]).unreadFrom == 1)
    }

    @Test func templatesAreRead() {
        let text = """
            Template: a/kind
            Type: select
            Choices: One, Two\\, too
            Choices-de.UTF-8: Eins, Zwei
            Default: Two, too
            Description: Which?
             Type: none
             .
             more

            Template: a/open
            Type: multiselect
            Choices: ${list}, x
            Description: y


            Type: boolean
            """
        let templates = Debconf.templates(Array(text.utf8))
        #expect(templates.map(\.name) == ["a/kind", "a/open"] && templates.map(\.type) == ["select", "multiselect"])
        #expect(templates[0].choices() == ["One", "Two, too"] && templates[0].answerOfNobody() == "Two, too")
        #expect(templates[0].wanted(insteadOf: "Three") == "one of \"One\", \"Two, too\"")
        #expect(templates[1].choices() == nil && templates[1].wanted(insteadOf: "z") == nil)
        #expect(templates[1].wanted(insteadOf: "a, z", ["list": "a, b"]) == "some of \"a\", \"b\", \"x\"")
    }
}
