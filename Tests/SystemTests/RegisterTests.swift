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

        private static func blueprint(_ registers: String) -> String {
            nodeBlueprint.replacing("    - tzdata", with: "    - tzdata\n    - toolbox")
                .replacing("[initramfs-tools]", with: "[initramfs-tools]\n  hold: [tzdata, toolbox]")
                .replacing(
                    "\nfiles:\n",
                    with:
                        "\nfiles:\n  /usr/bin/toolbox: { text: mine, mode: \"0755\" }\n  /usr/local/bin/tool: { text: own }\n"
                ) + registers
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
            let copied = try copy(tree, "\(folder.path)/copy.yaml")
            #expect(copied.packages.hold == ["toolbox", "tzdata"])
            #expect(copied.alternatives == wanted.alternatives && copied.alternatives.count == 2)
            #expect(copied.diversions == wanted.diversions && copied.diversions.count == 2)
            #expect(copied.statOverrides == wanted.statOverrides && copied.statOverrides.count == 3)
            var files = wanted.files
            files["/var/lib/node/state"] = nil
            #expect(copied.files == files && files.count == 7)
        }
    }
}
