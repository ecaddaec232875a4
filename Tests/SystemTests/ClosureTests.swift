import BlueprintModel
import Debian
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// A system is copied, constructed of its copy, and is the same system: its copy is the same, and so is its tree
    /// outside ``closurePolicy``.
    @Suite(.serialized, .enabled(if: getenv("PISCES_ORACLE_TESTS") != nil)) struct ClosureTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        @Test(arguments: ClosureSystem.allCases)
        func whatIsCopiedIsConstructedAgain(_ system: ClosureSystem) throws {
            let folder = "\(site.scratch)/closure"
            try makeDirectories("\(folder)/cache")
            let (source, again) = ("\(folder)/source", "\(folder)/again")
            try make(system, source, in: folder)
            let first = try copy(source, to: "\(folder)/first.yaml")
            let construct = [
                "construct", "\(folder)/first.yaml", "-o", "directory:\(again)", "--no-cache", "--store",
                Site.warmStore,
            ]
            let built = try piscesCommand(construct, cache: site.folder.cache).outcome()
            #expect(built.status == .exited(0), "\(built.errors)")
            let second = try copy(again, to: "\(folder)/second.yaml", "--no-lock")
            let changes = try difference(folder)
            #expect(first == second, "\(changes)")
            let copied = try fileText("\(folder)/first.yaml")
            for answer in system.answers {
                #expect(copied.contains(answer.split(separator: " ")[1]), "\(answer)")
            }
            let differences = try TreeComparison(ours: archive(again, folder), theirs: archive(source, folder))
                .differences().filter { $0.aspect != .time }
            let accepted = closurePolicy.filter { $0.kinds.contains(system) }
            let rest = differences.filter { difference in !accepted.contains { $0.accepts(difference) } }
            #expect(rest.isEmpty, "\(rest.map { "\($0)\n" }.joined())")
            for entry in accepted where !differences.contains(where: entry.accepts) {
                Issue.record("\(entry.path) does not differ in \(system): \"\(entry.reason)\" is true no more")
            }
        }

        /// Makes the tree of a system.
        private func make(_ system: ClosureSystem, _ tree: String, in folder: String) throws {
            let script = """
                set -eu
                root='\(tree)'
                in_root() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 SYSTEMD_OFFLINE=1 chroot "$root" "$@"; }
                \(try foundation(of: system))
                \(system.changes)
                """
            try write(script, to: "\(folder)/make.sh")
            try asOwner(["sh", "\(folder)/make.sh"])
        }

        /// The commands that make what people then change.
        private func foundation(of system: ClosureSystem) throws -> String {
            guard let release = system.release else { return "cp -a '\(site.folder.path)/out/tree' \"$root\"" }
            let mirror = try HostMirror.discover(run: runTool)
            let sources = ["\(release)", "\(release)-updates"].map { "deb \(mirror.mirror) \($0) main" }
            let packages = system.packages.isEmpty ? "" : "--include='\(system.packages.joined(separator: ","))'"
            let security = "deb \(mirror.securityMirror) \(release)-security main"
            let answers = system.answers.map { "'\($0)' " }.joined()
            return """
                printf '%s\\n' \(answers)> "$root.answers"
                printf '%s\\n' \((sources + [security]).map { "'\($0)'" }.joined(separator: " ")) |
                    mmdebstrap --quiet --mode=root --variant=important \\
                        --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \\
                        --essential-hook="chroot \\"\\$1\\" debconf-set-selections < '$root.answers'" \\
                        \(packages) \(release) "$root" -
                chmod 644 "$root/etc/hostname"
                """
        }

        /// Copies a tree, with its lock where one is wanted; the digest of the blueprint.
        private func copy(_ tree: String, to yaml: String, _ options: String...) throws -> String {
            let command = [
                builtProgram("pisces"), "copy", "--root", tree, "--quiet", "--store", Site.warmStore, "--json",
            ]
            let said = try asOwner(command + ["--output", yaml] + options)
            let answer = try JSONValue(parsing: Array(said.utf8), file: "answer")
            return answer["digest"]?.string ?? said
        }

        private func difference(_ folder: String) throws -> String {
            try piscesCommand(["diff", "\(folder)/first.yaml", "\(folder)/second.yaml"]).outcome().output
        }

        /// What is below a directory, as GNU tar reads it.
        private func archive(_ tree: String, _ folder: String) throws -> TarTree {
            let path = "\(tree).tar"
            try asOwner([
                "tar", "--create", "--file", path, "--format=pax", "--xattrs", "--xattrs-include=*", "--acls",
                "--sparse-version=0.0",
                "--directory", tree, ".",
            ])
            return try TarTree(path)
        }
    }
}
