import BlueprintModel
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// What dpkg, dpkg-divert, dpkg-statoverride and update-alternatives are told by hand: the Constructor tells them, the
    /// Copier reads it of their registers.
    @Suite struct RegisterTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        private static let registers = """

            alternatives: { awk: /usr/bin/mawk, frob: /usr/bin/frob.b }
            diversions:
              /usr/bin/toolbox: /usr/bin/toolbox.distrib
              /usr/share/toolbox/data: /usr/local/share/away/data
            stat-overrides:
              /usr/bin/frob.a: { group: operators, mode: "4750" }
              /usr/local/bin/listed: { mode: "0750" }
              /usr/local/bin/tool: { owner: alice, group: meters, mode: "0710" }
              /usr/share/toolbox/later: { mode: "0700" }
            """

        /// Of two choices, the first is the better one; and the package has an override of its own.
        private static let script = """
            #!/bin/sh -e
            file=/usr/bin/frob.c
            dpkg-statoverride --list $file > /dev/null || dpkg-statoverride --update --add root adm 2755 $file
            priority=30
            for choice in a b; do
                update-alternatives --install /usr/bin/frob frob /usr/bin/frob.$choice $priority
                priority=$((priority - 10))
            done

            """

        private static let files = """

            files:
              /usr/bin/toolbox: { text: mine, mode: "0755" }
              /usr/local/bin/listed: { text: own, acl: [user:carol:r-x] }
              /usr/local/bin/tool: { text: own }

            """

        private static func blueprint(_ registers: String) -> String {
            nodeBlueprint.replacing("    - tzdata", with: "    - tzdata\n    - toolbox")
                .replacing("[initramfs-tools]", with: "[initramfs-tools]\n  hold: [tzdata, toolbox]")
                .replacing("\nfiles:\n", with: files) + registers
        }

        /// A folder with the package, in which constructions are quick from the second on.
        private func makeFolder(_ registers: String = registers) throws -> Folder {
            let folder = try site.makeFolder("registers", blueprint: Self.blueprint(registers), isLocked: false)
            let file = "\(folder.path)/file"
            try write("shipped\n", to: file)
            let files = ["bin/frob.a", "bin/frob.b", "bin/frob.c", "bin/toolbox", "share/toolbox/data"]
            try makePackage(
                "toolbox", "Architecture: all\n",
                files: Dictionary(uniqueKeysWithValues: files.map { ("usr/\($0)", file) }),
                control: ["postinst": Self.script], in: "\(folder.path)/deb")
            return folder
        }

        private func construct(_ folder: Folder, _ outputs: [String], _ options: [String] = []) throws -> Outcome {
            let forms = outputs.flatMap { ["-o", $0] }
            return try folder.command("construct", forms + ["--store", Site.warmStore] + site.mirror + options)
                .outcome()
        }

        private func copy(_ tree: String, _ output: String) throws -> Blueprint {
            try asOwner([builtProgram("pisces"), "copy", "--root", tree, "--name", "node", "-o", output, "--quiet"])
            return try Blueprint.load(output) { path in try Descriptor.open(path).readToEnd() }.blueprint
        }

        @Test func whatTheConstructorMakesTheCopierReadsBack() throws {
            let folder = try makeFolder()
            let tree = "\(folder.path)/out/tree"
            let built = try construct(folder, ["directory:\(tree)", "\(folder.path)/out/a.tar"])
            #expect(built.status == .exited(0), "\(built.errors)")
            let list = try asOwner([
                "sh", "-ec",
                """
                cd '\(tree)'; cat usr/bin/toolbox usr/bin/toolbox.distrib usr/local/share/away/data; echo
                stat -c '%a %G' usr/bin/frob.c; stat -c '%a %u %g' usr/bin/frob.a usr/local/bin/tool
                readlink etc/alternatives/frob etc/alternatives/awk; ls var/lib/dpkg | grep -e '-old$' || true
                """,
            ])
            #expect(
                list.hasPrefix("mineshipped\nshipped\n\n2755 adm\n4750 0 1600\n710 1500 ")
                    && list.hasSuffix("\n/usr/bin/frob.b\n/usr/bin/mawk\n"), "\(list)")

            let wanted = try Blueprint.load(folder.blueprint) { path in try Descriptor.open(path).readToEnd() }
                .blueprint
            let copied = try copy(tree, "\(folder.path)/Blueprints/copy.yaml")
            #expect(copied.packages.hold == ["toolbox", "tzdata"])
            #expect(copied.alternatives == wanted.alternatives && copied.alternatives.count == 2)
            #expect(copied.diversions == wanted.diversions && copied.diversions.count == 2)
            #expect(copied.statOverrides == wanted.statOverrides && copied.statOverrides.count == 4)
            var files = wanted.files
            files["/var/lib/node/state"] = nil
            #expect(copied.files == files && files.count == 8)

            // The same bits, whatever was there before; and a copy is copied as itself.
            let again = try construct(folder, ["\(folder.path)/out/b.tar"], ["--no-cache"])
            #expect(again.status == .exited(0), "\(again.errors)")
            try asOwner(["cmp", "\(folder.path)/out/a.tar", "\(folder.path)/out/b.tar"])
            let yaml = try fileText("\(folder.path)/Blueprints/copy.yaml")
            try write(yaml + "repositories:\n  own: { directory: ../deb }\n", to: folder.blueprint)
            try folder.fitLock()
            let other = try construct(folder, ["directory:\(folder.path)/out/copy"])
            #expect(other.status == .exited(0), "\(other.errors)")
            #expect(try copy("\(folder.path)/out/copy", "\(folder.path)/second.yaml") == copied)
        }

        @Test func driftFromThemIsSeen() throws {
            let folder = try makeFolder()
            let tree = "\(folder.path)/out/tree"
            // What the package has anyway may be said once more.
            let more = "  /usr/bin/frob.c: { group: adm, mode: \"2755\" }\n"
            try write(Self.blueprint(Self.registers + "\n" + more), to: folder.blueprint)
            let built = try construct(folder, ["directory:\(tree)"])
            #expect(built.status == .exited(0), "\(built.errors)")
            let drift = {
                try piscesCommand(["diff", "--running", folder.blueprint, "--root", tree, "--quiet"]).outcome()
            }
            let none = try drift()
            #expect(none.status == .exited(0) && none.output.isEmpty, "\(none.output)\(none.errors)")
            try asOwner([
                "sh", "-ec",
                """
                cd '\(tree)'; ln -sfn /usr/bin/frob.a etc/alternatives/frob; touch -hd @1000000000 etc/alternatives/frob
                sed -i 's/^manual/auto/' var/lib/dpkg/alternatives/awk
                sed -i '/^Package: toolbox$/,/^$/ s/^Status: hold/Status: install/' var/lib/dpkg/status
                sed -i '/^Package: bash$/,/^$/ s/^Status: install/Status: hold/' var/lib/dpkg/status
                sed -i '/later/d; s/ 710 / 700 /' var/lib/dpkg/statoverride
                chmod 700 usr/local/bin/tool; chmod 755 usr/bin/frob.a
                printf '/usr/bin/none\n/usr/bin/none.distrib\n:\n' >> var/lib/dpkg/diversions
                """,
            ])
            let some = try drift()
            #expect(some.status == .exited(1))
            let lines = some.output.split(separator: "\n").map {
                $0.hasPrefix("+ files.") ? $0.prefix { $0 != "{" } : $0
            }
            #expect(
                lines == [
                    "~ alternatives.frob: \"/usr/bin/frob.b\" -> \"/usr/bin/frob.a\"  (changed 2001-09-09 01:46:40 UTC)",
                    "+ diversions./usr/bin/none: \"/usr/bin/none.distrib\"", "+ files./usr/bin/frob.a: ",
                    "- packages.hold: \"toolbox\"", "+ packages.hold: \"bash\"",
                    "~ stat-overrides./usr/local/bin/tool.mode: \"0710\" -> \"0700\"",
                    "- stat-overrides./usr/share/toolbox/later: {\"mode\":\"0700\"}",
                ], "\(some.output)\(some.errors)")
        }

        /// What the registers of the blueprint say, the words of the message, and of its remedy.
        private static let impossible = [
            (
                "alternatives: { frobnicate: /usr/bin/frob.a }",
                "alternatives: frobnicate: no package of the image has anything to choose from", "or correct the name"
            ),
            (
                "alternatives: { frob: /usr/bin/frob.c }",
                "alternatives: frob: no package offers /usr/bin/frob.c; there is /usr/bin/frob.a, /usr/bin/frob.b\n",
                "choose one of these"
            ),
            (
                "stat-overrides: { /usr/bin/frob.a: { owner: nobody-here, mode: \"0700\" } }",
                "stat-overrides: /usr/bin/frob.a: no user nobody-here", "under `users` or `groups`"
            ),
            (
                "diversions: { /usr/bin/frob.b: /usr/bin/frob.a }",
                "diversions: /usr/bin/frob.b: there is something at /usr/bin/frob.a", "name a path at which nothing is"
            ),
            (
                "diversions: { /usr/share/toolbox: /usr/share/other }",
                "diversions: /usr/share/toolbox: this is a directory", "name the files in it"
            ),
            (
                "diversions: { /usr/bin/frob.b: /run/frob.b }",
                "diversions: /usr/bin/frob.b: /run is empty in every image",
                "name another path"
            ),
        ]

        @Test func whatCannotBeMadeIsToldWithItsRemedy() throws {
            let folder = try makeFolder("")
            let built = try construct(folder, ["\(folder.path)/out/a.tar"])
            #expect(built.status == .exited(0), "\(built.errors)")
            try asOwner(["rm", "\(folder.path)/out/a.tar"])
            for (text, message, remedy) in Self.impossible {
                try write(Self.blueprint("\n\(text)\n"), to: folder.blueprint)
                try folder.fitLock()
                let outcome = try construct(folder, ["\(folder.path)/out/a.tar"])
                #expect(outcome.status == .exited(1), "\(text)")
                for words in [message, "to mend it: ", remedy] {
                    #expect(outcome.errors.contains(words), "\(text): \(outcome.errors)")
                }
                #expect(try folder.outputs() == [])
            }
            let held = Self.blueprint("").replacing("[tzdata, toolbox]", with: "[tzdata, gone]")
            try write(held, to: folder.blueprint)
            try folder.fitLock()
            let outcome = try construct(folder, ["\(folder.path)/out/a.tar"])
            #expect(outcome.status == .exited(1) && !outcome.errors.contains("fetch packages"))
            #expect(outcome.errors.contains("packages: hold: gone is not among the "), "\(outcome.errors)")
            #expect(outcome.errors.contains("to mend it: name it under `packages: install`, too"))
        }
    }
}
