import BlueprintModel
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// Questions of packages: the Constructor answers them before a script asks, the Copier reads the answers.
    @Suite struct DebconfTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        private static let templates = """
            Template: asker/mode
            Type: select
            Choices: low, high\\, too
            Default: low
            Description: Which one?

            Template: asker/flag
            Type: boolean
            Default: false
            Description: Shall it?

            Template: asker/name
            Type: string
            Description: Who?

            Template: asker/own
            Type: string
            Description: Where?

            Template: asker/key
            Type: password
            Description: What?

            """
        private static let config = """
            #!/bin/sh -e
            . /usr/share/debconf/confmodule
            db_set asker/own "$(cat /etc/debian_version)"
            for question in mode flag name own; do db_input critical asker/$question || true; done
            db_go

            """
        private static let postinst = """
            #!/bin/sh -e
            . /usr/share/debconf/confmodule
            for question in mode flag name; do
                db_get asker/$question
                echo "$question=$RET" >> /usr/share/asker
            done

            """

        private static func blueprint(_ answers: String) -> String {
            nodeBlueprint.replacing("    - tzdata", with: "    - tzdata\n    - asker") + "\ndebconf: { \(answers) }\n"
        }

        private func makeFolder(_ answers: String) throws -> Folder {
            let folder = try site.makeFolder("debconf", blueprint: Self.blueprint(answers), isLocked: false)
            try makePackage(
                "asker", "Architecture: all\nDepends: debconf\n",
                control: ["templates": Self.templates, "config": Self.config, "postinst": Self.postinst],
                in: "\(folder.path)/deb")
            return folder
        }

        private func construct(_ folder: Folder, _ output: String, _ options: String...) throws -> Outcome {
            try folder.command("construct", ["-o", output, "--store", Site.warmStore] + site.mirror + options).outcome()
        }

        @Test func whatIsAnsweredIsAnsweredWhenItIsAsked() throws {
            let folder = try makeFolder("asker: { asker/mode: \"high, too\", asker/flag: true, asker/name: É \\ x }")
            let tree = "\(folder.path)/out/tree"
            let built = try construct(folder, "directory:\(tree)")
            #expect(built.status == .exited(0), "\(built.errors)")
            #expect(try fileText("\(tree)/usr/share/asker") == "mode=high, too\nflag=true\nname=É \\ x\n")
            let selections = try asOwner([
                "sh", "-ec",
                """
                cd '\(tree)/var/cache/debconf'
                printf 'Config: c\\nTemplates: t\\n\\nName: c\\nDriver: File\\nReadonly: true\\nFilename: %s/config.dat\\n\\n\
                Name: t\\nDriver: File\\nReadonly: true\\nFilename: %s/templates.dat\\n' "$PWD" "$PWD" > '\(folder.path)/rc'
                DEBCONF_SYSTEMRC='\(folder.path)/rc' LC_ALL=C.UTF-8 debconf-get-selections | grep ^asker
                """,
            ])
            #expect(
                Set(selections.split(separator: "\n")).isSuperset(of: [
                    "asker\tasker/mode\tselect\thigh, too", "asker\tasker/flag\tboolean\ttrue",
                    "asker\tasker/name\tstring\tÉ \\ x",
                ]), "\(selections)")

            let wanted = try Blueprint.load(folder.blueprint) { path in try Descriptor.open(path).readToEnd() }
                .blueprint
            let copied = "\(folder.path)/copy.yaml"
            try asOwner([builtProgram("pisces"), "copy", "--root", tree, "--name", "node", "-o", copied, "--quiet"])
            let copy = try Blueprint.load(copied) { path in try Descriptor.open(path).readToEnd() }.blueprint
            #expect(copy.debconf == wanted.debconf && copy.debconf["asker"]?.count == 3)

            // The same bits from nothing, and others for another answer.
            for (output, options) in [("a", []), ("b", ["--no-cache"])] {
                let again = try folder.command(
                    "construct",
                    ["-o", "\(folder.path)/out/\(output).tar", "--store", Site.warmStore] + site.mirror + options
                ).outcome()
                #expect(again.status == .exited(0), "\(again.errors)")
            }
            try asOwner(["cmp", "\(folder.path)/out/a.tar", "\(folder.path)/out/b.tar"])
            try write(Self.blueprint("asker: { asker/flag: false }"), to: folder.blueprint)
            try folder.fitLock()
            let other = try construct(folder, "directory:\(folder.path)/out/other")
            #expect(other.status == .exited(0), "\(other.errors)")
            #expect(try fileText("\(folder.path)/out/other/usr/share/asker") == "mode=low\nflag=false\nname=\n")

            // A system that was answered otherwise since has drifted.
            let drift = {
                try piscesCommand(["diff", "--running", folder.blueprint, "--root", tree, "--quiet"]).outcome().output
            }
            #expect(
                try drift().hasPrefix(
                    "~ debconf.asker.asker/flag: \"false\" -> \"true\"\n+ debconf.asker.asker/mode: \"high, too\"\n"))
        }

        @Test func whatNobodyAsksIsToldWithItsRemedy() throws {
            let folder = try makeFolder("")
            let output = "\(folder.path)/out/a.tar"
            let built = try construct(folder, output)
            #expect(built.status == .exited(0), "\(built.errors)")
            try asOwner(["rm", output])
            for (answers, message, remedy) in [
                ("gone: { gone/x: y }", "debconf: gone: no package of this name is in the lock", "packages: install"),
                (
                    "asker: { asker/x: y }", "debconf: asker: asker/x: no package of the lock has",
                    "asker/flag, asker/mo"
                ),
                (
                    "tzdata: { asker/flag: true }", "debconf: tzdata: asker/flag: this package has no",
                    "write it under asker"
                ),
                ("asker: { asker/key: abc }", "debconf: asker: asker/key: this asks for a password", "leave it out"),
                (
                    "asker: { asker/flag: yes }", "debconf: asker: asker/flag: \"yes\" is no answer",
                    "write true or false"
                ),
                ("asker: { asker/mode: mid }", "\"mid\" is no answer", "write one of \"low\", \"high, too\""),
            ] {
                try write(Self.blueprint(answers), to: folder.blueprint)
                try folder.fitLock()
                let outcome = try construct(folder, output)
                #expect(outcome.status == .exited(1), "\(answers)")
                for words in [message, "to mend it: ", remedy] {
                    #expect(outcome.errors.contains(words), "\(answers): \(outcome.errors)")
                }
                #expect(try folder.outputs() == [])
            }
        }
    }
}
