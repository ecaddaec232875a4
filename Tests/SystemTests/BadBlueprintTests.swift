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
                "duplicate", nodeBlueprint + "\ntime: { zone: Etc/UTC }\n", at: "node.yaml:60:1: ",
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
                "missing-include", nodeBlueprint + "\ninclude: [nowhere.yaml]\n", at: "node.yaml:60:11: ",
                ["include: cannot read \"nowhere.yaml\"", "No such file or directory"])
            try expectRefusal(
                "folder-include", nodeBlueprint + "\ninclude: [../deb]\n", at: "node.yaml:60:11: ",
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

        @Test func sizesBeyondAnyDiskAreRefusedBeforeAnythingIsFetched() throws {
            // Two slots of the first are more bytes than can be counted, two of the second than a file can have.
            for (size, words) in [("4194304TiB", "larger than any disk"), ("1048576TiB", "File too large")] {
                let folder = try site.makeFolder(
                    "size-\(size)", blueprint: nodeBlueprint + "\nimage: { slot: \(size) }\n", isLocked: false)
                let outcome = try folder.construct(site.mirror).outcome()
                #expect(outcome.status == .exited(1))
                for words in [words, "`image: slot`"] { #expect(outcome.errors.contains(words), "\(outcome.errors)") }
                #expect(!outcome.errors.contains("fetch packages"))
                #expect(try folder.outputs() == [])
            }
        }

        @Test func partitionThatIsTooSmallIsNamedWithTheKeyThatSetsIt() throws {
            for (key, words) in [("slot", "the root file system has "), ("data", "the data partition")] {
                let folder = try site.makeFolder(
                    "small-\(key)", blueprint: nodeBlueprint + "\nimage: { \(key): 1MiB }\n", isLocked: false)
                try site.warm(folder)
                let outcome = try folder.construct(site.mirror).outcome()
                #expect(outcome.status == .exited(1))
                for words in [words, "set `image: \(key)` to a larger size"] {
                    #expect(outcome.errors.contains(words), "\(outcome.errors)")
                }
                #expect(try folder.outputs() == [])
            }
        }
    }
}
