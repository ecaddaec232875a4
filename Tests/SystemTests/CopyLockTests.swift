import BlueprintModel
import Debian
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// A copy is the same system: its lock names what is installed, and where no mirror has that any more, the system's
    /// own files are enough.
    @Suite struct CopyLockTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        /// A tree of this test's own, that it may change.
        private func changeableTree(_ name: String) throws -> String {
            let folder = "\(site.path)/scratch/\(name)"
            try makeDirectories(parentDirectory(of: folder))
            try asOwner(["sh", "-ec", "mkdir '\(folder)'; cp -a '\(site.folder.path)/out/tree' '\(folder)/tree'"])
            return "\(folder)/tree"
        }

        /// Runs `pisces` where constructed trees belong to it.
        private func pisces(_ arguments: [String], cache: String) throws -> Outcome {
            var command = piscesCommand(arguments, cache: cache)
            if !isRoot {
                let inner = ["env", "XDG_CACHE_HOME=\(cache)"] + command.argv
                command = try Workshop.command(inner, helper: builtProgram("pisces-enter"))
            }
            return try command.outcome()
        }

        private func copy(_ tree: String, _ options: [String], to folder: Folder) throws -> Outcome {
            let base = ["copy", "--root", tree, "--name", "node", "--output", folder.blueprint]
            let outcome = try pisces(base + options, cache: folder.cache)
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            return outcome
        }

        /// What dpkg and apt say is installed: name, version, architecture and mark.
        private func installed(_ tree: String) throws -> [String] {
            let marks = try fileText("\(tree)/var/lib/apt/extended_states")
            let automatic = try Set(
                Deb822.parse(Array(marks.utf8), file: "marks").filter { $0["Auto-Installed"] == "1" }
                    .compactMap { $0["Package"] })
            let said = try run(
                "dpkg-query", "--admindir=\(tree)/var/lib/dpkg", "-W", "-f",
                "${Package} ${Version} ${Architecture}\n")
            return said.split(separator: "\n").map { line in
                "\(line) \(automatic.contains(String(line.prefix { $0 != " " })) ? "auto" : "manual")"
            }.sorted()
        }

        private func locked(_ lock: Lock) -> [String] {
            lock.packages.map { "\($0.name) \($0.version) \($0.architecture) \($0.isManual ? "manual" : "auto")" }
                .sorted()
        }

        private func digest(_ tree: String) throws -> String? {
            let said = try asOwner([builtProgram("pisces"), "copy", "--root", tree, "--name", "node", "--json"])
            return try JSONValue(parsing: Array(said.utf8), file: "answer")["digest"]?.string
        }

        @Test func theLockNamesWhatIsInstalledAndConstructs() throws {
            let tree = "\(site.folder.path)/out/tree"
            let folder = try site.makeFolder("copy-lock", isLocked: false)
            let said = try copy(tree, site.mirror + ["--store", Site.warmStore], to: folder)
            #expect(said.errors.contains("in the store"), "\(said.errors)")
            let lock = try Lock(parsing: Array(try fileText(folder.lock).utf8), file: "lock")
            #expect(try locked(lock) == installed(tree))
            let first = try Lock(parsing: Array(try fileText(site.folder.lock).utf8), file: "lock")
            // All but the package that came from a directory, of which nothing in the system tells.
            let own = { (package: LockedPackage) in package.name == "pisces" }
            let isSame = zip(lock.packages, first.packages).allSatisfy { own($0) || $0.digest == $1.digest }
            #expect(lock.packages.count == first.packages.count && isSame)
            #expect(lock.packages.filter(own).map(\.source) == [.system(.installed)])
            #expect(lock.packages.filter(own).map(\.digest) == first.packages.filter(own).map(\.digest))
            #expect(lock.epoch == first.epoch && lock.users == first.users && lock.groups == first.groups)
            let output = "\(folder.path)/out/tree"
            let built = try piscesCommand(
                ["construct", folder.blueprint, "-o", "directory:\(output)", "--offline", "--store", Site.warmStore],
                cache: folder.cache
            ).outcome()
            #expect(built.status == .exited(0), "\(built.errors)")
            #expect(try installed(output) == installed(tree))
            #expect(try digest(output) == digest(tree))
        }

        /// What is installed counts, not what a mirror has: here, one whose tzdata is of a version that no mirror has, and
        /// whose configuration somebody changed.
        @Test func whatNobodyHasIsMadeAgain() throws {
            let tree = try changeableTree("made-again")
            try asOwner([
                "sh", "-ec",
                """
                cd '\(tree)'
                sed -i '/^Package: openssh-server$/,/^$/s/^Version: .*/Version: 1:9.9own/' var/lib/dpkg/status
                # This one was distributed as nobody has it any more.
                sed -i 's|^ /etc/default/ssh .*| /etc/default/ssh 0123456789abcdef0123456789abcdef|' var/lib/dpkg/status
                echo '# mine' >> etc/ssh/moduli; echo '# mine' >> etc/default/ssh; rm etc/init.d/ssh
                touch -r var/lib/dpkg/info/dpkg.list var/lib/dpkg/status
                """,
            ])
            let folder = try site.makeFolder("made-again-copy", isLocked: false)
            let said = try copy(tree, site.mirror + ["--store", Site.warmStore], to: folder)
            #expect(said.errors.contains(", 1 made again"), "\(said.errors)")
            let lock = try Lock(parsing: Array(try fileText(folder.lock).utf8), file: "lock")
            #expect(try locked(lock) == installed(tree))
            let made = try #require(lock.packages.first { $0.name == "openssh-server" })
            #expect(made.source == .system(.repacked) && made.version.description == "1:9.9own")
            #expect(made.pristine == ["/etc/default/ssh": "0123456789abcdef0123456789abcdef"])
            let output = "\(folder.path)/out/tree"
            let built = try piscesCommand(
                ["construct", folder.blueprint, "-o", "directory:\(output)", "--offline", "--store", Site.warmStore],
                cache: folder.cache
            ).outcome()
            #expect(built.status == .exited(0), "\(built.errors)")
            #expect(try installed(output) == installed(tree))
            let conffiles = { (tree: String) in
                try run(
                    "dpkg-query", "--admindir=\(tree)/var/lib/dpkg", "-W", "-f", "${Conffiles}", "openssh-server")
            }
            #expect(try conffiles(output) == conffiles(tree))
            #expect(try fileText("\(output)/etc/default/ssh").hasSuffix("# mine\n"))
            #expect(try digest(output) == digest(tree))
            try run("rm", "\(Site.warmStore)/sha256/\(made.digest.hex.prefix(2))/\(made.digest.hex)")
            let lost = try piscesCommand(
                ["construct", folder.blueprint, "-o", "directory:\(output)2", "--store", Site.warmStore],
                cache: folder.cache
            ).outcome()
            #expect(lost.status == .exited(1) && lost.errors.contains("openssh-server 1:9.9own"), "\(lost.errors)")
            #expect(lost.errors.contains("pisces copy --seal"))
        }

        /// A machine without a network, a store, and repositories: there is the seal, nothing else.
        @Test(.enabled(if: isRoot, "takes the network away")) func aSealIsEnough() throws {
            let tree = "\(site.folder.path)/out/tree"
            let folder = try site.makeFolder("sealed", isLocked: false)
            let seal = "\(folder.path)/node.seal"
            let sealed = try pisces(
                ["copy", "--root", tree, "--name", "node", "--seal", seal, "--store", Site.warmStore] + site.mirror,
                cache: folder.cache)
            #expect(sealed.status == .exited(0) && sealed.output == seal + "\n", "\(sealed.errors)")
            let output = "\(folder.path)/out/tree"
            let elsewhere = "\(folder.path)/elsewhere"
            try makeDirectories(elsewhere)
            func construct(_ seal: String) throws -> Outcome {
                var command = piscesCommand(
                    ["construct", seal, "-o", "directory:\(output)"], cache: elsewhere, in: elsewhere)
                command.arguments = ["--net", command.executable] + command.arguments
                command.executable = "unshare"
                return try command.outcome()
            }
            // A byte of the last object.
            let damaged = "\(folder.path)/damaged.seal"
            let size = try Descriptor.open(seal).status().size
            try run("cp", seal, damaged)
            try Descriptor.open(damaged, 1).writeAll([255], at: size - 4096)
            let refused = try construct(damaged)
            #expect(refused.status == .exited(1) && refused.errors.contains("damaged or forged"), "\(refused.errors)")
            #expect(try run("find", "\(elsewhere)/pisces/store/sha256", "-type", "f").isEmpty)
            #expect(try folder.outputs() == [])
            let built = try construct(seal)
            #expect(built.status == .exited(0), "\(built.errors)")
            #expect(try installed(output) == installed(tree))
            #expect(try digest(output) == digest(tree))
        }
    }
}
