import Archive
import Debian
import LinuxSystem

/// Makes unpacked packages installed ones: writes dpkg's database, then lets the root's own dpkg configure them.
///
/// dpkg itself unpacks one package after another and syncs between; here only its second half runs, on a database in
/// the state that `dpkg --unpack` of all packages leaves.
struct Configure: Sendable {
    let root: StagedRoot
    /// The directory that programs in the root see at ``scratchInRoot``.
    let scratch: StagedRoot
    let packages: [UnpackedPackage]
    let epoch: Int64
    /// Runs a program inside the root, in the sandbox.
    let inRoot: ToolRunner
    /// Opens the verified .deb of a package.
    let open: @Sendable (LockedPackage) throws -> DebFile

    /// Takes steps: the scripts of each, then what it configures; after the last one no trigger is pending.
    ///
    /// All in one sandbox: to make one takes longer than most scripts.
    func run(_ steps: some Sequence<InstallationOrder.Step>, isLast: Bool) throws {
        var script = Script()
        var steps = Array(steps)[...]
        while let step = steps.popFirst() {
            let scripted = step.preinsts.map { packages[$0] }
            try addPreinsts(of: scripted.filter { !$0.isDeferred }, to: &script)
            for package in scripted where package.isDeferred { try addUnpacking(of: package, to: &script) }
            let isLast = isLast && steps.isEmpty
            let names = isLast ? ["--pending"] : step.configured.map { packages[$0].qualifiedName }
            if !names.isEmpty { script.addDpkg(["--configure"] + names) }
        }
        try run(script)
    }

    /// Nothing that a script starts may start here (invoke-rc.d's policy layer, 101 = forbidden).
    func forbidServices() throws { try root.write("#!/bin/sh\nexit 101\n", to: "usr/sbin/policy-rc.d", mode: 0o755) }

    /// To be called when all scripts have run.
    func allowServices() throws { try root.remove("usr/sbin/policy-rc.d") }

    /// What maintainer scripts get: ``environment(epoch:)``, and the stand-ins of ``EarlyTools`` first.
    private var scriptEnvironment: [String: String] {
        Self.environment(epoch: epoch).merging(["PATH": "\(EarlyTools.path):\(Self.searchPath)"]) { $1 }
    }

    private static let searchPath = "/usr/sbin:/usr/bin:/sbin:/bin"

    /// What every program in the root gets: nothing of the host's environment.
    static func environment(epoch: Int64) -> [String: String] {
        [
            "PATH": searchPath, "HOME": "/root", "LC_ALL": "C.UTF-8", "TZ": "UTC0",
            "DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NONINTERACTIVE_SEEN": "true",
            "SOURCE_DATE_EPOCH": String(epoch),
            // debconf and others write in the order of Perl's hashes.
            "PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0",
            // The kernel's hooks make no initrd: Pisces makes it once, itself.
            "INITRD": "No",
        ]
    }

    // MARK: - dpkg's database

    private static let database = "var/lib/dpkg"

    /// Adds packages to the database, in the state that unpacking leaves.
    func record(_ unpacked: [UnpackedPackage]) throws {
        var status: [Deb822.Stanza] = []
        var triggers: [(control: Deb822.Stanza, triggers: [UInt8])] = []
        try root.write(DpkgDatabase.format, to: "\(Self.database)/info/format")
        for package in unpacked {
            let conffiles = package.member("conffiles") ?? []
            status.append(
                try DpkgDatabase.statusStanza(
                    control: package.control,
                    conffiles: DpkgDatabase.conffiles(conffiles, file: "\(package.locked.name) conffiles"),
                    state: .unpacked))
            triggers.append((package.control, package.member("triggers") ?? []))
            try recordFiles(of: package)
            let prefix = Self.informationPath(of: package)
            for member in package.members where member.name != "control" {
                try root.write(member, to: "\(prefix).\(member.name)")
            }
            if let sums = package.generatedSums { try root.write(sums, to: "\(prefix).md5sums") }
        }
        try append(DpkgDatabase.status(status), to: "\(Self.database)/status")
        for (name, content) in try DpkgDatabase.triggerFiles(triggers) {
            try append(content, to: "\(Self.database)/triggers/\(name)")
        }
    }

    /// Tells configured packages of the files that came after them, as unpacking does.
    func activateTriggers(of configured: [UnpackedPackage], by unpacked: [UnpackedPackage]) throws {
        let paths = unpacked.flatMap(\.paths)
        let triggers = try configured.flatMap { package in
            try DpkgDatabase.activated(
                by: paths, interests: package.member("triggers") ?? [], file: "\(package.locked.name) triggers")
        }
        if triggers.isEmpty { return }
        let script = "for trigger; do dpkg-trigger --no-await \"$trigger\"; done"
        let result = try inRoot(["sh", "-ec", script, "sh"] + triggers, Self.environment(epoch: epoch), nil)
        guard result.status == 0 else { throw Self.failure("dpkg-trigger", result.status, result.errorOutput) }
    }

    /// Writes the list of a package's files.
    func recordFiles(of package: UnpackedPackage) throws {
        try root.write(DpkgDatabase.fileList(package.paths), to: "\(Self.informationPath(of: package)).list")
    }

    private static func informationPath(of package: UnpackedPackage) -> String {
        "\(database)/info/\(DpkgDatabase.informationName(control: package.control))"
    }

    private func append(_ text: String, to path: String) throws {
        let present = root.exists(path) ? try root.read(path) : []
        try root.write(present + Array(text.utf8), to: path)
    }

    /// Writes apt's marks.
    func markAutomatic() throws { try root.write(autoMarks, to: "var/lib/apt/extended_states") }

    /// apt's marks of packages that are there only because others need them.
    private var autoMarks: String {
        packages.filter { !$0.locked.isManual }.map { package in
            let stanza = Deb822.Stanza([
                .init("Package", package.locked.name),
                // apt files a package of architecture "all" under the native one.
                .init(
                    "Architecture",
                    package.locked.architecture == "all" ? nativeArchitecture : package.locked.architecture),
                .init("Auto-Installed", "1"),
            ])
            return Deb822.write([stanza]) + "\n"
        }.joined()
    }

    private var nativeArchitecture: String {
        packages.lazy.map(\.locked.architecture).first { $0 != "all" } ?? "amd64"
    }

    // MARK: - Maintainer scripts

    /// A shell script that stops at the first failure; then ``Script/nameFile`` has the name of what failed, and
    /// ``Script/logFile`` what it said.
    private struct Script {
        static let (nameFile, logFile) = ("script.name", "script.log")
        private(set) var text = "log=\(scratchInRoot)/\(logFile); set -e\n\(PerlServer.start)\n"
        /// The number of preinst scripts in it.
        var preinsts = 0

        /// Adds a command; what goes before and after it cannot fail.
        mutating func add(_ command: String, named name: String) {
            text += "echo '\(name)' > \(scratchInRoot)/\(Self.nameFile)\n\(command) > $log 2>&1\n"
        }

        /// Adds lines that say nothing.
        mutating func add(_ lines: String) { text += lines + "\n" }

        mutating func addDpkg(_ arguments: [String]) {
            // Stopped at the first failure, so that the script's own words come last.
            let options = "--force-confdef --force-confold --abort-after=1"
            add("dpkg \(options) \(arguments.joined(separator: " "))", named: "dpkg \(arguments[0])")
        }
    }

    private func run(_ script: Script) throws {
        try scratch.write(script.text, to: "script.sh")
        let result = try inRoot(["sh", "\(scratchInRoot)/script.sh"], scriptEnvironment, nil)
        guard result.status != 0 else { return }
        let name = try scratch.readText(Script.nameFile).split(separator: "\n").joined()
        let output = try scratch.read(Script.logFile) + result.errorOutput
        // dpkg ends with the list of packages it could not configure, one to a line, indented.
        let failed = String(decoding: output, as: UTF8.self).split(separator: "\n")
            .drop { !$0.hasPrefix("Errors were encountered") }.dropFirst().prefix { $0.hasPrefix(" ") }
            .map { String($0.drop { $0 == " " }) }
        if !name.hasPrefix("dpkg ") || failed.isEmpty { throw Self.failure(name, result.status, output) }
        let action = name == "dpkg --unpack" ? "unpacking" : "configuring"
        throw Self.failure("\(action) \(failed.joined(separator: ", "))", result.status, output)
    }

    /// Adds the preinst scripts, which are run as dpkg does: from a directory with the package's control members, where
    /// debconf looks for the name of the package.
    private func addPreinsts(of packages: [UnpackedPackage], to script: inout Script) throws {
        // base-passwd's makes /etc/passwd and /etc/group, which the others' chown needs.
        let ordered =
            packages.filter { $0.locked.name == "base-passwd" } + packages.filter { $0.locked.name != "base-passwd" }
        let directory = "var/lib/dpkg/tmp.ci"
        for package in ordered {
            script.preinsts += 1
            for member in package.members {
                try root.write(member, to: "\(directory).\(script.preinsts)/\(member.name)")
            }
            let environment = preinstEnvironment(of: package).sorted { bytesPrecede($0.key, $1.key) }
                .map { "\($0.key)='\($0.value)'" }.joined(separator: " ")
            script.add("mv -T /\(directory).\(script.preinsts) /\(directory)")
            script.add(
                "\(environment) /\(directory)/preinst install", named: "preinst of \(package.locked.name)")
            script.add("rm -r /\(directory)")
        }
    }

    /// What dpkg(1) promises to maintainer scripts.
    private func preinstEnvironment(of package: UnpackedPackage) -> [String: String] {
        [
            "DPKG_MAINTSCRIPT_PACKAGE": package.locked.name,
            "DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT": "1",
            "DPKG_MAINTSCRIPT_ARCH": package.locked.architecture,
            "DPKG_MAINTSCRIPT_NAME": "preinst",
            "DPKG_MAINTSCRIPT_DEBUG": "0",
            "DPKG_ADMINDIR": "/var/lib/dpkg",
            "DPKG_RUNNING_VERSION": packages.first { $0.locked.name == "dpkg" }?.locked.version.description ?? "",
            "DPKG_ROOT": "",
        ]
    }

    /// Has dpkg itself run the preinst of a package and unpack it, with the diversions that there are by then.
    private func addUnpacking(of package: UnpackedPackage, to script: inout Script) throws {
        let name = "\(package.locked.name).deb"
        let file = try AtomicFile.create("\(scratch.path)/\(name)")
        try self.open(package.locked).write(to: file.descriptor)
        try file.commit(isDurable: false)
        script.addDpkg(["--unpack", "--no-triggers", "\(scratchInRoot)/\(name)"])
        script.add("rm \(scratchInRoot)/\(name)")
    }

    private static func failure(_ what: String, _ status: Int32, _ output: [UInt8]) -> ConstructorError {
        .program(
            what, status, said: output,
            hint: "read the script's own message above; its package must be fixed or left out (`packages: without`)")
    }
}

extension StagedRoot {
    /// Writes a control member of a package as dpkg does.
    fileprivate func write(_ member: ControlMember, to path: String) throws(SystemError) {
        try write(member.content, to: path, mode: member.mode, modified: member.modified)
    }
}
