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

    /// Takes a step: its scripts, then what it configures; after the last one no trigger is pending.
    func run(_ step: InstallationOrder.Step, isLast: Bool) throws {
        let scripted = step.preinsts.map { packages[$0] }
        try runPreinsts(of: scripted.filter { !$0.isDeferred })
        for package in scripted where package.isDeferred { try dpkgUnpack(package) }
        let names = isLast ? ["--pending"] : step.configured.map { packages[$0].qualifiedName }
        if !names.isEmpty { try dpkg(["--configure"] + names) }
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

    /// Runs the preinst scripts as dpkg does: from a directory with the package's control members, where debconf looks for
    /// the name of the package. All in one sandbox: to make one takes longer than most scripts.
    private func runPreinsts(of packages: [UnpackedPackage]) throws {
        if packages.isEmpty { return }
        // base-passwd's makes /etc/passwd and /etc/group, which the others' chown needs.
        let ordered =
            packages.filter { $0.locked.name == "base-passwd" } + packages.filter { $0.locked.name != "base-passwd" }
        let directory = "var/lib/dpkg/tmp.ci"
        // Stops at the first failure; then the name is that of the script, and the log is what it said.
        var script = "log=\(scratchInRoot)/preinst.log; set -e\n"
        for (number, package) in ordered.enumerated() {
            for member in package.members {
                try root.write(member, to: "\(directory).\(number)/\(member.name)")
            }
            let environment = preinstEnvironment(of: package).sorted { bytesPrecede($0.key, $1.key) }
                .map { "\($0.key)='\($0.value)'" }.joined(separator: " ")
            script += """
                mv -T /\(directory).\(number) /\(directory)
                echo \(package.locked.name) > \(scratchInRoot)/preinst.name
                \(environment) /\(directory)/preinst install > $log 2>&1
                rm -r /\(directory)

                """
        }
        try scratch.write(script, to: "preinst.sh")
        let result = try inRoot(["sh", "\(scratchInRoot)/preinst.sh"], scriptEnvironment, nil)
        guard result.status == 0 else {
            let name = try scratch.readText("preinst.name").split(separator: "\n").joined()
            throw Self.failure(
                "preinst of \(name)", result.status, try scratch.read("preinst.log") + result.errorOutput)
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
    private func dpkgUnpack(_ package: UnpackedPackage) throws {
        let name = "\(package.locked.name).deb"
        let file = try AtomicFile.create("\(scratch.path)/\(name)")
        try self.open(package.locked).write(to: file.descriptor)
        try file.commit(isDurable: false)
        try dpkg(["--unpack", "--no-triggers", "\(scratchInRoot)/\(name)"])
        try scratch.remove(name)
    }

    private func dpkg(_ arguments: [String]) throws {
        // Stopped at the first failure, and with both outputs in one, so that the script's own words come last.
        let dpkg = "\(PerlServer.start); exec dpkg --force-confdef --force-confold --abort-after=1 \"$@\" 2>&1"
        let result = try inRoot(["sh", "-c", dpkg, "sh"] + arguments, scriptEnvironment, nil)
        guard result.status != 0 else { return }
        let output = String(decoding: result.output, as: UTF8.self)
        // dpkg ends with the list of packages it could not configure, one to a line, indented.
        let failed = output.split(separator: "\n").drop { !$0.hasPrefix("Errors were encountered") }.dropFirst()
            .prefix { $0.hasPrefix(" ") }.map { String($0.drop { $0 == " " }) }
        let action = arguments[0] == "--unpack" ? "unpacking" : "configuring"
        throw Self.failure(
            failed.isEmpty ? "dpkg \(arguments[0])" : "\(action) \(failed.joined(separator: ", "))", result.status,
            result.output)
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
