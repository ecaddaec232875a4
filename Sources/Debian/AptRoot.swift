internal import LinuxSystem

/// A root for apt that holds nothing of the host's: its own configuration, sources, keys, lists and empty package
/// state.
///
/// Only how to reach a repository comes from the host: proxies, certificate authorities and credentials.
struct AptRoot {
    let directory: String
    let run: ToolRunner

    /// A source as in sources.list(5).
    struct Source: Equatable {
        /// What errors call it.
        var name: String
        var uri: String
        /// A suite that ends in `/` is a directory, and has no components.
        var suites: [String]
        var components: [String]
        /// nil: the source is Pisces' own and needs no signature.
        var keyring: String?
        var acceptsExpired = false
    }

    /// Writes the root; what an earlier call left in `lists` stays, so that unchanged lists are not fetched again.
    static func create(
        _ directory: String, _ request: PlanRequest, _ sources: [Source], run: @escaping ToolRunner
    ) throws(PlanError) -> AptRoot {
        let root = AptRoot(directory: directory, run: run)
        do throws(SystemError) {
            try removeTree("\(directory)/keyrings")
            for path in ["keyrings", "parts", "lists/partial", "cache/archives/partial"] {
                try makeDirectories("\(directory)/\(path)")
            }
            try root.write("status", "")
        } catch {
            throw root.failure(error)
        }
        let keyrings = try root.copyKeyrings(sources)
        let access = try root.hostAccess()
        do throws(SystemError) {
            try root.write("pisces.sources", text(of: sources, keyrings, architecture: request.architecture))
            try root.write("apt.conf", root.configuration(request) + access)
        } catch {
            throw root.failure(error)
        }
        return root
    }

    /// Writes what apt must not install, and which packages have only one version to be installed in.
    func pin(without: [String], kept: [LockedPackage]) throws(PlanError) {
        var pins = without.map { "Package: \($0)\nPin: release *\nPin-Priority: -1\n" }
        pins += kept.map { "Package: \($0.name)\nPin: version \($0.version)\nPin-Priority: 1001\n" }
        do throws(SystemError) { try write("preferences", pins.joined(separator: "\n")) } catch { throw failure(error) }
    }

    /// Runs a program of apt in this root.
    func apt(_ argv: [String]) throws(PlanError) -> ToolOutput {
        try ToolOutput(argv, networkEnvironment.merging(["APT_CONFIG": "\(directory)/apt.conf"]) { $1 }, run)
    }

    private func write(_ name: String, _ text: String) throws(SystemError) {
        try AtomicFile.write(Array(text.utf8), to: "\(directory)/\(name)")
    }

    func failure(_ error: SystemError) -> PlanError {
        PlanError(
            .tool, "the state directory of the package lists cannot be used: \(error)",
            remedy: "Check that \(directory) can be written and has space left.")
    }
}

// MARK: - Files

extension AptRoot {
    private func configuration(_ request: PlanRequest) -> String {
        // Every name below Dir is set: one that is left out is looked for below `Dir`, never on the host, because `Dir`
        // itself is private; the programs under Dir::Bin are the host's.
        """
        Dir "\(directory)";
        Dir::Etc "\(directory)";
        Dir::Etc::main "/dev/null";
        Dir::Etc::parts "\(directory)/parts";
        Dir::Etc::sourcelist "\(directory)/pisces.sources";
        Dir::Etc::sourceparts "/dev/null";
        Dir::Etc::trusted "/dev/null";
        Dir::Etc::trustedparts "/dev/null";
        Dir::Etc::preferences "\(directory)/preferences";
        Dir::Etc::preferencesparts "/dev/null";
        Dir::Etc::netrc "/etc/apt/auth.conf";
        Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
        Dir::State "\(directory)";
        Dir::State::lists "\(directory)/lists";
        Dir::State::status "\(directory)/status";
        Dir::State::extended_states "\(directory)/extended_states";
        Dir::Cache "\(directory)/cache";
        Dir::Log "\(directory)";
        APT::Architecture "\(request.architecture)";
        APT::Architectures { "\(request.architecture)"; };
        APT::Install-Recommends "\(request.recommends)";
        APT::Install-Suggests "false";
        APT::Sandbox::User "";
        APT::Update::Error-Mode "any";
        Acquire::Languages "none";
        Acquire::PDiffs "false";
        Acquire::ForceHash "SHA256";

        """
    }

    private static func text(of sources: [Source], _ keyrings: [String?], architecture: String) -> String {
        let stanzas = zip(sources, keyrings).map { source, keyring in
            var stanza = Deb822.Stanza([
                Deb822.Field("Types", "deb"), Deb822.Field("URIs", source.uri),
                Deb822.Field("Suites", source.suites.joined(separator: " ")),
                Deb822.Field("Architectures", architecture),
            ])
            if !source.components.isEmpty { stanza["Components"] = source.components.joined(separator: " ") }
            if let keyring { stanza["Signed-By"] = keyring } else { stanza["Trusted"] = "yes" }
            if source.acceptsExpired { stanza["Check-Valid-Until"] = "no" }
            return stanza
        }
        return Deb822.write(stanzas)
    }

    /// Copies the keyrings of the sources into the root: apt tells an armoured one by its name, and takes no name with
    /// a space. Returns the paths of the copies.
    private func copyKeyrings(_ sources: [Source]) throws(PlanError) -> [String?] {
        var copies: [String?] = []
        for (number, source) in sources.enumerated() {
            guard let keyring = source.keyring else {
                copies.append(nil)
                continue
            }
            do throws(SystemError) {
                let bytes = try Descriptor.open(keyring).readToEnd(limit: 64 << 20)
                let copy = "\(directory)/keyrings/\(number)" + (bytes.starts(with: "-----BEGIN".utf8) ? ".asc" : ".gpg")
                try AtomicFile.write(bytes, to: copy)
                copies.append(copy)
            } catch {
                throw PlanError(
                    .signature, "the keyring of \(source.name) cannot be read: \(error)",
                    remedy:
                        "Install the package that has it (Debian's own: debian-archive-keyring), or name another file.")
            }
        }
        return copies
    }

    /// The host's settings of how to reach a repository, as lines of apt.conf(5).
    private func hostAccess() throws(PlanError) -> String {
        let dump = try ToolOutput(["apt-config", "dump"], networkEnvironment, run)
        try dump.requireSuccess()
        let wanted = [
            "acquire::http::proxy", "acquire::https::proxy", "acquire::https::cainfo", "acquire::https::capath",
        ]
        return dump.output.filter { line in
            let lower = String(decoding: line.utf8.map(lowercased), as: UTF8.self)
            return wanted.contains { lower.hasPrefix($0) }
        }.map { "\($0)\n" }.joined()
    }
}

/// What a tool said.
struct ToolOutput {
    let argv: [String]
    let status: Int32
    /// Lines of standard output.
    let output: [String]
    /// Lines of standard error.
    let errors: [String]

    init(_ argv: [String], _ environment: [String: String], _ run: ToolRunner) throws(PlanError) {
        self.argv = argv
        do {
            let result = try run(argv, environment, nil)
            status = result.status
            output = lines(of: String(decoding: result.output, as: UTF8.self))
            errors = lines(of: String(decoding: result.errorOutput, as: UTF8.self)).filter { !$0.isEmpty }
        } catch {
            throw PlanError(
                .tool, "\(argv[0]) could not be started: \(error)",
                remedy: "Install apt and dpkg; on Debian they are always there.")
        }
    }

    func requireSuccess() throws(PlanError) {
        if status != 0 { throw failure }
    }

    var failure: PlanError {
        let said = errors.suffix(20).map { "\n  \($0)" }.joined()
        return PlanError(
            .tool, "\(argv.joined(separator: " ")) failed with status \(status):\(said)",
            remedy: "What apt says above is the cause; nothing was changed.")
    }
}
