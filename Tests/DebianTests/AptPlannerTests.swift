import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Debian

/// These ask the real apt for the mirrors this host uses: they need the network and a Debian host.
@Suite(.tags(.network)) struct AptPlannerTests {
    @Test func planHasSignedReleasesAndEssentialPackages() throws {
        let state = try TemporaryDirectory()
        var request = try debianRequest(install: ["hostname", "ca-certificates"])
        request.recommends = true
        request.without = ["bash-completion"]
        let plan = try AptPlanner.plan(request, stateDirectory: state.path, run: runTool)
        #expect(plan.releases.map(\.name) == ["trixie", "trixie-security", "trixie-updates"])
        #expect(plan.releases.allSatisfy { $0.date > 1_750_000_000 && $0.components == ["main"] })
        #expect(Set(plan.packages.filter(\.isManual).map(\.name)) == ["hostname", "ca-certificates"])
        let byName = Dictionary(plan.packages.map { ($0.name, $0) }) { first, _ in first }
        #expect(byName["bash"]?.isEssential == true)
        #expect(byName["bash-completion"] == nil, "bash recommends it, but it is to be left out")
        #expect(byName["libpam-runtime"]?.architecture == "all")
        #expect(byName["dpkg"]?.priority == "required")
        #expect(byName["openssl"]?.isManual == false, "a dependency of ca-certificates")
        #expect(byName["base-files"]?.filename.hasPrefix("pool/main/b/base-files/") == true)
        #expect(plan.packages == plan.packages.sorted(by: LockedPackage.precedes))
        // What is planned can be fetched, and is what was planned.
        let hostname = try #require(byName["hostname"])
        let file = state.path + "/hostname.deb"
        try run(
            "/usr/lib/apt/apt-helper", "-o", "APT::Sandbox::User=", "download-file",
            "\(request.mirror)/\(hostname.filename)", file)
        #expect(try SHA256.hash(try Descriptor.open(file)) == hostname.digest)

        #expect(try AptPlanner.plan(request, stateDirectory: state.path, run: runTool) == plan)

        // apt does not look again at a list it has; a changed one must not decide what is installed.
        let lists = try Descriptor.directory(state.path + "/lists").entries()
        let name = try #require(lists.first { $0.hasSuffix("_trixie_main_binary-amd64_Packages") })
        let list = try Descriptor.open("\(state.path)/lists/\(name)", O_RDWR)
        try list.writeAll(Array("Package: x".utf8), at: 0)
        let error = #expect(throws: PlanError.self) {
            try AptPlanner.plan(request, stateDirectory: state.path, run: runTool)
        }
        #expect(error?.kind == .signature)
        #expect(error?.message.contains(name) == true)
        try removeTree("\(state.path)/lists/\(name)")
        #expect(try AptPlanner.plan(request, stateDirectory: state.path, run: runTool) == plan)
    }

    /// Whatever is looked up is what the lists have, and what a plan of it would be.
    @Test func versionsAreLookedUpInSignedLists() throws {
        let state = try TemporaryDirectory()
        var request = try debianRequest(install: [])
        request.tools = ["libarchive13t64"]
        let found = try AptPlanner.find(
            ["hostname", "bash", "no-such-package"], in: request, stateDirectory: state.path, run: runTool)
        #expect(found.releases.map(\.name) == ["trixie", "trixie-security", "trixie-updates"])
        #expect(Set(found.files.map(\.package.name)) == ["hostname", "bash"])
        #expect(found.toolPackages.contains { $0.name == "libarchive13t64" })
        #expect(found.files.allSatisfy { $0.installedSize.flatMap { Int($0) } != nil })
        request.install = ["hostname"]
        request.tools = []
        let plan = try AptPlanner.plan(request, stateDirectory: state.path, run: runTool)
        for name in ["hostname", "bash"] {
            let planned = try #require(plan.packages.first { $0.name == name })
            #expect(found.files.contains { $0.package.digest == planned.digest && $0.package.source == planned.source })
        }
    }

    @Test func toolsResolveApart() throws {
        let state = try TemporaryDirectory()
        var request = try debianRequest(install: ["hostname"], without: ["libarchive13t64"])
        request.recommends = true
        let plain = try AptPlanner.plan(request, stateDirectory: state.path, run: runTool)
        #expect(plain.toolPackages == [])
        request.tools = ["libarchive13t64"]
        let plan = try AptPlanner.plan(request, stateDirectory: state.path, run: runTool)
        #expect(plan.packages == plain.packages)
        let names = Set(plan.toolPackages.map(\.name))
        #expect(names.isSuperset(of: ["base-files", "libarchive13t64", "libc6"]))
        #expect(names.isDisjoint(with: ["hostname", "bash", "lrzip"]))
        #expect(plan.toolPackages.filter(\.isManual).map(\.name) == ["base-files", "libarchive13t64"])

        request.tools = ["libarchive13t65"]
        let error = #expect(throws: PlanError.self) {
            try AptPlanner.plan(request, stateDirectory: state.path, run: runTool)
        }
        #expect(error?.kind == .unknownPackage)
    }

    @Test func namesThatCannotBeInstalledAreExplained() throws {
        let state = try TemporaryDirectory()
        func failure(_ install: [String], without: [String] = []) throws -> PlanError? {
            let request = try debianRequest(install: install, without: without)
            return #expect(throws: PlanError.self) {
                try AptPlanner.plan(request, stateDirectory: state.path, run: runTool)
            }
        }
        let unknown = try failure(["hostnme", "bash"])
        #expect(unknown?.kind == .unknownPackage)
        #expect(unknown?.message == "no repository has a package 'hostnme'; there is hostname")
        // apt would read a plus at the end as 'install hostname'.
        #expect(try failure(["hostname+"])?.message.contains("'hostname+'; there is hostname") == true)
        let virtual = try failure(["awk"])
        #expect(virtual?.kind == .unknownPackage)
        #expect(virtual?.message.contains("mawk") == true)
        let needed = try failure(["systemd"], without: ["libsystemd-shared"])
        #expect(needed?.kind == .unsatisfiable)
        #expect(needed?.message.contains("left out, libsystemd-shared:") == true)
        #expect(needed?.message.contains("systemd : ") == true)
        let conflict = try failure(["exim4-daemon-light", "postfix"])
        #expect(conflict?.kind == .unsatisfiable)
        #expect(conflict?.message.contains("Conflicts") == true)
        #expect(try failure(["bash"], without: ["tar"])?.message.contains("left out, tar:") == true)
    }

    @Test func wrongKeyringIsRefusedByName() throws {
        let state = try TemporaryDirectory()
        var request = try debianRequest(install: ["hostname"])
        request.keyring = state.path + "/another keyring.gpg"
        let missing = #expect(throws: PlanError.self) {
            try AptPlanner.plan(request, stateDirectory: state.path, run: runTool)
        }
        #expect(missing?.kind == .signature)
        #expect(missing?.message.contains(request.keyring) == true)

        let other = try Descriptor.open("/usr/share/keyrings/debian-archive-removed-keys.gpg").readToEnd()
        try AtomicFile.write(other, to: request.keyring)
        let error = #expect(throws: PlanError.self) {
            try AptPlanner.plan(request, stateDirectory: state.path, run: runTool)
        }
        #expect(error?.kind == .signature)
        #expect(error?.message.contains(request.mirror) == true)
        #expect(error?.remedy.contains(request.keyring) == true)
    }

    @Test func changedReleaseFileOrPackageListIsRefused() throws {
        let mirror = try TemporaryDirectory()
        var request = try debianRequest(install: ["hostname"])
        for suite in ["trixie", "trixie-updates"] {
            try makeDirectories("\(mirror.path)/dists/\(suite)")
            try run(
                "/usr/lib/apt/apt-helper", "-o", "APT::Sandbox::User=", "download-file",
                "\(request.mirror)/dists/\(suite)/InRelease", "\(mirror.path)/dists/\(suite)/InRelease")
        }
        request.mirror = "file:\(mirror.path)"
        let lists = "\(mirror.path)/dists/trixie/main/binary-amd64"
        try makeDirectories(lists)
        try AtomicFile.write(Array("Package: hostname\nVersion: 9\n".utf8), to: lists + "/Packages")
        let changedList = #expect(throws: PlanError.self) {
            try AptPlanner.plan(request, stateDirectory: mirror.path + "/state", run: runTool)
        }
        #expect(changedList?.kind == .signature)
        #expect(changedList?.message.contains("Packages") == true)

        let path = "\(mirror.path)/dists/trixie/InRelease"
        var text = try Descriptor.open(path).readToEnd()
        let digit = try #require(text.lastIndex { $0 == UInt8(ascii: "7") })
        text[digit] = UInt8(ascii: "8")
        let date = try #require(text.firstIndex { $0 == UInt8(ascii: "1") })
        text[date] = UInt8(ascii: "2")
        try AtomicFile.write(text, to: path)
        let changedRelease = #expect(throws: PlanError.self) {
            try AptPlanner.plan(request, stateDirectory: mirror.path + "/state2", run: runTool)
        }
        #expect(changedRelease?.kind == .signature)
        #expect(changedRelease?.message.contains("Debian's archive (file:\(mirror.path))") == true)
    }

    @Test func unreachableMirrorIsNamed() throws {
        let state = try TemporaryDirectory()
        var request = try debianRequest(install: ["hostname"])
        request.securityMirror = "http://127.0.0.1:9/security"
        let error = #expect(throws: PlanError.self) {
            try AptPlanner.plan(request, stateDirectory: state.path, run: runTool)
        }
        #expect(error?.kind == .unreachable)
        #expect(error?.message.contains("Debian's security archive (http://127.0.0.1:9/security)") == true)
    }

    @Test func suiteOrComponentThatIsNotThereIsNamed() throws {
        let state = try TemporaryDirectory()
        var request = try debianRequest(install: ["hostname"])
        request.suite = "nosuite"
        let suite = #expect(throws: PlanError.self) {
            try AptPlanner.plan(request, stateDirectory: state.path, run: runTool)
        }
        #expect(suite?.kind == .request)
        #expect(suite?.message.contains("nosuite") == true)

        request.suite = "trixie"
        request.repositories = [
            PlanRequest.Repository(
                name: "extra", uri: request.mirror, suites: ["trixie-backports"], components: ["nothing"],
                keyring: request.keyring)
        ]
        let component = #expect(throws: PlanError.self) {
            try AptPlanner.plan(request, stateDirectory: state.path, run: runTool)
        }
        #expect(component?.kind == .request)
        #expect(component?.message.contains("'nothing'") == true)

        request.repositories[0].components = ["main"]
        request.architecture = "arm64"
        let plan = try AptPlanner.plan(request, stateDirectory: state.path, run: runTool)
        #expect(plan.releases.first?.name == "extra/trixie-backports")
        #expect(plan.packages.first { $0.name == "hostname" }?.architecture == "arm64")
    }

    @Test func packagesOfADirectoryComeIn() throws {
        let base = try TemporaryDirectory()
        // A home directory may have such a name.
        let state = base.path + "/état"
        try buildPackage("Package: pisces-tiny\nVersion: 1.0\nDepends: hostname\n", in: base.path + "/debs")
        var request = try debianRequest(install: ["pisces-tiny"])
        request.directories = [PlanRequest.Directory(name: "local", path: base.path + "/debs")]
        var archive = ""
        for version in ["1.0", "1:0.5"] {
            try buildPackage(
                "Package: pisces-tiny\nVersion: \(version)\nDepends: hostname\n", in: base.path + "/debs")
            let plan = try AptPlanner.plan(request, stateDirectory: state, run: runTool)
            let tiny = try #require(plan.packages.first { $0.name == "pisces-tiny" })
            #expect(tiny.version.description == version)
            #expect(tiny.source == .directory("local"))
            #expect(tiny.isManual)
            let file = try Descriptor.open("\(base.path)/debs/\(tiny.filename)")
            #expect(try SHA256.hash(file) == tiny.digest)
            #expect(try file.status().size == Int(tiny.size))
            #expect(plan.packages.contains { $0.name == "hostname" && $0.source == .release("trixie") })
            archive = try #require(plan.packages.first { $0.name == "hostname" }).version.description
        }
        try buildPackage("Package: hostname\nVersion: \(archive)\nEssential: yes\n", in: base.path + "/debs")
        request.install = []
        let plan = try AptPlanner.plan(request, stateDirectory: state, run: runTool)
        #expect(plan.packages.contains { $0.name == "hostname" && $0.source == .directory("local") })

        try AtomicFile.write(Array("no package".utf8), to: base.path + "/debs/broken.deb")
        let error = #expect(throws: PlanError.self) {
            try AptPlanner.plan(request, stateDirectory: state, run: runTool)
        }
        #expect(error?.message.contains("debs/broken.deb is not a package") == true)
    }
}

/// What needs no network.
@Suite struct PlanRequestTests {
    @Test(arguments: [
        "-oDir=/", "?essential", "foo=1", "foo/sid", "bash-", "a", "", "Foo", "foo bar", "*", "b^", "foo:arm64",
    ])
    func nameThatAptWouldReadAsMoreThanANameIsRefused(name: String) throws {
        let request = PlanRequest(
            suite: "trixie", architecture: "amd64", mirror: "http://a.example/debian",
            securityMirror: "http://a.example/security", install: [name])
        #expect(try failure(request).kind == .request)
    }

    @Test(arguments: ["no uri", "http://a b", "http://a\nSuites: x", "", "[x]:", "http://\"x\""])
    func uriThatWouldChangeTheSourcesIsRefused(uri: String) throws {
        var request = PlanRequest(
            suite: "trixie", architecture: "amd64", mirror: uri, securityMirror: "http://a.example/security",
            install: [])
        #expect(try failure(request).kind == .request)
        request.mirror = "http://a.example/debian"
        request.securityMirror = uri
        #expect(try failure(request).kind == .request)
    }

    /// apt writes the URI of a file without its empty host.
    @Test(arguments: [
        ("file:///srv/debian/", "file:/srv/debian"), ("file:/srv/debian", "file:/srv/debian"),
        ("http://a.example/debian//", "http://a.example/debian"), ("file://host/x", "file://host/x"), ("", ""),
    ])
    func uriIsComparedAsAptWritesIt(uri: String, written: String) {
        #expect(withoutSlash(uri) == written)
        #expect(withoutSlash(written) == written)
    }

    @Test func errorAboutAFileNamesItsRepository() throws {
        let sources = [
            AptRoot.Source(
                name: "the repository 'vendor'", uri: "file:///srv/vendor", suites: ["./"], components: [],
                keyring: "/k.gpg")
        ]
        let words = "W: GPG error: file:/srv/vendor ./ InRelease: NO_PUBKEY 00"
        let answer = try ToolOutput(["apt-get"], [:]) { _, _, _ in (100, [], Array(words.utf8)) }
        #expect(AptPlanner.explain(answer, sources).message.contains("'vendor' (file:///srv/vendor) is not signed"))
    }

    @Test func contradictionsAreRefused() throws {
        var request = PlanRequest(
            suite: "trixie", architecture: "amd64", mirror: "http://a.example/debian",
            securityMirror: "http://a.example/security", install: ["tar"], without: ["tar"])
        #expect(try failure(request).message.contains("'tar' is both"))
        request.without = []
        request.directories = [
            PlanRequest.Directory(name: "x", path: "/nonexistent"), PlanRequest.Directory(name: "x", path: "/tmp"),
        ]
        #expect(try failure(request).message.contains("called 'x'"))
        request.directories.removeLast()
        #expect(try failure(request).message.contains("/nonexistent"))
        request.directories = []
        request.suite = "trixie\nTrusted: yes"
        #expect(try failure(request).kind == .request)
    }

    @Test(arguments: ["relative", "", "/with space", "/with\"quote", "/with\nnewline"])
    func stateDirectoryThatAptCannotNameIsRefused(path: String) throws {
        let request = PlanRequest(
            suite: "trixie", architecture: "amd64", mirror: "http://a.example/debian",
            securityMirror: "http://a.example/security", install: [])
        #expect(try failure(request, state: path).message.contains("the state directory"))
    }

    private func failure(_ request: PlanRequest, state path: String? = nil) throws -> PlanError {
        let state = try TemporaryDirectory()
        let error = #expect(throws: PlanError.self) {
            try AptPlanner.plan(request, stateDirectory: path ?? state.path) { argv, _, _ in
                Issue.record("\(argv) was started")
                return (1, [], [])
            }
        }
        return try #require(error)
    }
}

extension Tag {
    /// Needs the Debian mirrors of the host.
    @Tag static var network: Self
}

func debianRequest(install: [String], without: [String] = []) throws -> PlanRequest {
    let host = try HostMirror.discover(run: runTool)
    return PlanRequest(
        suite: "trixie", architecture: "amd64", mirror: host.mirror, securityMirror: host.securityMirror,
        install: install, without: without)
}

/// Builds a package without files with dpkg-deb, as `name` below `directory`.
func buildPackage(_ control: String, in directory: String, name: String = "package.deb") throws {
    let tree = try TemporaryDirectory()
    try makeDirectories(tree.path + "/DEBIAN")
    try makeDirectories(directory)
    let text = control + "Architecture: all\nMaintainer: Test <test@example.org>\nDescription: test\n"
    try AtomicFile.write(Array(text.utf8), to: tree.path + "/DEBIAN/control")
    // mkdtemp(3) makes a directory that only its owner may enter, which dpkg-deb refuses.
    #expect(chmod(tree.path, 0o755) == 0)
    try run("dpkg-deb", "--root-owner-group", "-b", tree.path, "\(directory)/\(name)")
}
