import Debian
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// Our tree of packages is the one that mmdebstrap makes of the same packages with apt and dpkg.
    @Suite(.serialized) struct OracleTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        @Test(arguments: OracleSet.toBeCompared)
        func treeIsWhatDpkgMakes(_ set: OracleSet) throws {
            let folder = try site.makeOracleFolder(set)
            defer { try? removeTree(folder.path) }
            let lock = try Lock(parsing: Array(try fileText(folder.lock).utf8), file: "lock")
            if set == .server { #expect(lock.packages.count >= 300) }
            let (ours, theirs) = ("\(folder.path)/ours.tar", "\(folder.path)/theirs.tar")
            let construct = folder.command("construct", ["--no-cache", "--store", Site.warmStore])
            try succeed(construct, ["-o", ours, "-o", folder.output])
            try Peer(lock: lock, folder: folder).construct(theirs)
            let differences = TreeComparison(ours: try TarTree(ours), theirs: try TarTree(theirs)).differences()
            let accepted = acceptedDifferences.filter { $0.kinds.contains(set) }
            let rest = differences.filter { difference in !accepted.contains { $0.accepts(difference) } }
            #expect(rest.isEmpty, "\(rest.map { "\($0)\n" }.joined())")
            for entry in accepted where !differences.contains(where: entry.accepts) {
                Issue.record("\(entry.path) does not differ in \(set): \"\(entry.reason)\" is true no more")
            }
            // Gigabytes that are needed no more.
            try removeTree(theirs)
            try removeTree("\(folder.path)/repository")
            if set == .server { try expectTheSameAgain(construct, ours, in: folder) }
        }

        /// Scripts make much that is random or depends on the time, or on the order in which files were unpacked:
        /// another one on one CPU.
        private func expectTheSameAgain(_ construct: Command, _ first: String, in folder: Folder) throws {
            let again = "\(folder.path)/again.tar"
            var onOneCPU = construct
            onOneCPU.executable = "taskset"
            onOneCPU.arguments = ["--cpu-list", "0"] + construct.argv
            try succeed(onOneCPU, ["-o", again])
            if try SHA256.hash(try Descriptor.open(first)) == SHA256.hash(try Descriptor.open(again)) { return }
            let differences = TreeComparison(ours: try TarTree(first), theirs: try TarTree(again)).differences()
            Issue.record("constructed again, the tree is another: \(differences.map { "\($0)\n" }.joined())")
        }

        private func succeed(_ command: Command, _ options: [String]) throws {
            var command = command
            command.arguments += options
            let outcome = try command.outcome()
            guard outcome.status == .exited(0) else { throw ToolFailure(message: outcome.errors) }
        }
    }
}

extension Site {
    /// A folder with the locked blueprint of a set; its packages are in the store.
    fileprivate func makeOracleFolder(_ set: OracleSet) throws -> Folder {
        let repository = parentDirectory(of: parentDirectory(of: parentDirectory(of: #filePath)))
        let blueprint = try set.blueprint(repository: repository)
        let own = try makeFolder("oracle-\(set)", blueprint: blueprint, isLocked: false)
        // The lists of packages that apt has fetched for the first blueprint serve for this one.
        let outcome = try piscesCommand(["lock", own.blueprint], cache: folder.cache).outcome()
        guard outcome.status == .exited(0) else { throw ToolFailure(message: outcome.errors) }
        return own
    }
}

/// mmdebstrap, on a repository of exactly the locked packages, with the environment that our scripts have.
private struct Peer {
    let lock: Lock
    let folder: Folder

    func construct(_ output: String) throws {
        let repository = "\(folder.path)/repository"
        let memory = "\(folder.path)/memory"
        for path in [repository, memory] { try makeDirectories(path) }
        for package in lock.packages {
            let digest = package.digest.hex
            try run("cp", "\(Site.warmStore)/sha256/\(digest.prefix(2))/\(digest)", "\(repository)/\(package.name).deb")
        }
        try run("sh", "-ec", "cd \(repository); dpkg-scanpackages --hash sha256 . > Packages")
        let script = """
            hostname localhost
            ip link set lo up
            exec mmdebstrap --quiet --mode=root --variant=apt --format=tar --skip=essential/unlink --skip=download/empty \\
                --essential-hook='rm "$1/etc/resolv.conf" "$1/etc/hostname"' \\
                --essential-hook='echo "#clear DPkg::Pre-Install-Pkgs;" > "$1/etc/apt/apt.conf.d/99oracle"' \\
                --customize-hook='rm "$1/etc/apt/apt.conf.d/99oracle"' \\
                --customize-hook='chroot "$1" apt-mark auto \(names { !$0.isManual }.joined(separator: " "))' \\
                --include=\(names { _ in true }.joined(separator: ",")) \\
                stable \(output) "deb [trusted=yes] copy:\(repository) ./"
            """
        var command = try Workshop.command(
            ["unshare", "--net", "--uts", "--pid", "--fork", "--mount-proc", "sh", "-euc", script],
            mounting: [.init(directory: memory)], helper: builtProgram("pisces-enter"))
        command.environment = [
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "TZ": "UTC0",
            "DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NONINTERACTIVE_SEEN": "true",
            "SOURCE_DATE_EPOCH": String(lock.epoch), "PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0", "INITRD": "No",
            "TMPDIR": memory,
        ]
        let outcome = try command.outcome()
        guard outcome.status == .exited(0) else { throw ToolFailure(message: outcome.errors) }
    }

    private func names(_ isWanted: (LockedPackage) -> Bool) -> [String] { lock.packages.filter(isWanted).map(\.name) }
}
