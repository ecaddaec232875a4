import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// Every way to write a blueprint wrong is told with file, line and column, by each command that reads one.
extension SystemTests {
    @Suite struct BadBlueprintTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        /// `blueprint` and the other files beside it are refused at `place`, in these words.
        private func expectRefusal(
            _ name: String, _ blueprint: String, others: [String: String] = [:], at place: String, _ words: [String]
        ) throws {
            let folder = try site.makeFolder("blueprint-\(name)", blueprint: blueprint)
            for (file, text) in others { try write(text, to: "\(folder.path)/Blueprints/\(file)") }
            for verb in ["check", "lock", "construct"] {
                let outcome = try folder.command(verb).outcome()
                #expect(outcome.status == .exited(1))
                #expect(
                    outcome.errors.hasPrefix("error: \(folder.path)/Blueprints/\(place)"),
                    "\(outcome.errors.prefix(500))")
                for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors.prefix(500))") }
            }
            #expect(try folder.outputs() == [])
            // The same folder with what was wrong made right.
            try write(nodeBlueprint, to: folder.blueprint)
            #expect(try folder.command("check").outcome().status == .exited(0))
        }

        @Test func duplicateKeyNamesBothPlaces() throws {
            try expectRefusal(
                "duplicate", nodeBlueprint + "\ntime: { zone: Etc/UTC }\n", at: "node.yaml:59:1: ",
                ["duplicate key \"time\": the first is in line 54"])
        }

        @Test func cycleOfIncludesIsSpelledOut() throws {
            try expectRefusal(
                "cycle", nodeBlueprint + "\ninclude: [b.yaml]\n",
                others: [
                    "b.yaml": "blueprint: 1\ninclude: [c.yaml]\n", "c.yaml": "blueprint: 1\ninclude: [node.yaml]\n",
                ],
                at: "c.yaml:2:11: ",
                ["include: a cycle: node.yaml includes b.yaml includes c.yaml includes node.yaml"])
        }

        @Test func includeThatIsMissingOrAFolderIsNamed() throws {
            try expectRefusal(
                "missing-include", nodeBlueprint + "\ninclude: [nowhere.yaml]\n", at: "node.yaml:59:11: ",
                ["include: cannot read \"nowhere.yaml\"", "No such file or directory"])
            try expectRefusal(
                "folder-include", nodeBlueprint + "\ninclude: [../deb]\n", at: "node.yaml:59:11: ",
                ["include: cannot read \"../deb\"", "Is a directory"])
        }

        @Test func aliasesThatMultiplyAreRefusedBeforeTheyFillTheMemory() throws {
            var bomb = "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n"
            for level in 1...9 {
                let alias = "*x\(level - 1)"
                bomb += "x\(level): &x\(level) [\(Array(repeating: alias, count: 10).joined(separator: ", "))]\n"
            }
            try expectRefusal(
                "bomb", bomb, at: "node.yaml:6:", ["more than 200000 values, with aliases replaced"])
        }

        @Test func whatIsNoYAMLIsRefused() throws {
            try expectRefusal(
                "deep", String(repeating: "[", count: 100_000), at: "node.yaml:1:65: ", ["64 levels deep"])
            try expectRefusal(
                "bytes", "blueprint: 1\nname: \"\u{1}\"\n", at: "node.yaml:2:8: ", ["U+0001 is not allowed"])
            try expectRefusal("empty", "# nothing\n", at: "node.yaml:1:1: ", ["the document is empty"])
        }

        /// Lines behind the blueprint, where they are wrong, and in which words.
        private static let registers =
            [
                ("diversions: { /usr/bin/awk: /usr/bin/awk }", "29", "diversions./usr/bin/awk leads to itself"),
                (
                    "diversions: { usr/bin/awk: /usr/bin/awk.distrib }", "15",
                    "diversions: \"usr/bin/awk\" is not an absolute path"
                ),
                ("alternatives: { awk: mawk }", "22", "alternatives.awk: \"mawk\" is not an absolute path"),
                (
                    "alternatives: { a/k: /usr/bin/mawk }", "17",
                    "alternatives: \"a/k\" is not the name of an alternative"
                ),
                (
                    "stat-overrides: { /usr/bin/mawk: { mode: \"17777\" } }", "42",
                    "stat-overrides./usr/bin/mawk.mode: \"17777\" is not a file mode"
                ),
                ("stat-overrides: { /usr/bin/mawk: {} }", "34", "missing key \"mode\" in stat-overrides./usr/bin/mawk"),
                (
                    "stat-overrides: { /usr/local/bin/report: { mode: \"0700\" } }", nil,
                    "files./usr/local/bin/report.mode: stat-overrides./usr/local/bin/report says it; leave it out here"
                ),
            ] as [(String, String?, String)]

        @Test func whatDpkgCannotBeToldIsRefused() throws {
            for (index, (line, column, words)) in Self.registers.enumerated() {
                // The last is wrong where the file is.
                try expectRefusal(
                    "registers-\(index)", nodeBlueprint + "\n\(line)\n",
                    at: column.map { "node.yaml:59:\($0): " } ?? "node.yaml:47:53: ", [words])
            }
        }

        @Test func impossibleSizesAreRefusedBeforeAnythingIsFetched() throws {
            // Two slots of the first are more bytes than can be counted, two of the second than a file can have.
            for (key, size, words) in [
                ("slot", "4194304TiB", "larger than any disk"), ("slot", "1048576TiB", "File too large"),
                ("data", "1MiB", "/var needs 16 MiB or more"),
            ] {
                let folder = try site.makeFolder(
                    "size-\(size)", blueprint: nodeBlueprint + "\nimage: { \(key): \(size) }\n")
                try folder.fitLock()
                let outcome = try folder.construct(site.mirror).outcome()
                #expect(outcome.status == .exited(1))
                for words in [words, "`image: \(key)`"] { #expect(outcome.errors.contains(words), "\(outcome.errors)") }
                #expect(!outcome.errors.contains("fetch packages"))
                #expect(try folder.outputs() == [])
            }
        }

        @Test func rootLargerThanItsSlotIsNamedWithBothSizes() throws {
            let folder = try site.makeFolder("small-slot", blueprint: nodeBlueprint + "\nimage: { slot: 1MiB }\n")
            try folder.fitLock()
            try site.warm(folder)
            let outcome = try folder.construct(site.mirror).outcome()
            #expect(outcome.status == .exited(1))
            for words in ["the root file system has ", "its partition 1 MiB", "set `image: slot` to a larger size"] {
                #expect(outcome.errors.contains(words), "\(outcome.errors)")
            }
            #expect(try folder.outputs() == [])
        }
    }
}
