import BlueprintModel
import Debian
import Glibc
import LinuxSystem
import PiscesTesting
import Synchronization
import Testing

/// The tests run one after another: what one interrupts must not be mistaken for what another runs.
@Suite(.serialized, .leavesNothing) enum SystemTests {}

/// Removes what a test made in ``Site/scratch``: together, the images of all tests fill a disk.
struct LeavesNothing: SuiteTrait, TestTrait, TestScoping {
    let isRecursive = true

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        defer { if let path = sitePath.withLock({ $0 }) { _ = try? asOwner(["rm", "-rf", "\(path)/scratch"]) } }
        try await function()
    }
}

extension Trait where Self == LeavesNothing {
    static var leavesNothing: Self { LeavesNothing() }
}

/// What the tests of this target share, because it takes time: a blueprint that uses every kind of resource, its lock
/// made with this host's mirror, an image, and a local copy of as much of the mirror as the lock needs.
struct Site {
    /// The directory of all of it, removed when the tests end.
    let path: String
    /// A directory with blueprint, lock, layout and the packages of the blueprint's own repository.
    let folder: Folder
    /// The image that was constructed first, in all forms (see ``Folder/forms``), and what `pisces construct --json`
    /// said.
    let image: String
    let construction: Outcome
    /// What the lock was before the numbers of the users were known.
    let firstLock: String

    static let shared = Result { try Site() }

    private init() throws {
        path = try Self.makeDirectory()
        folder = Folder(path: "\(path)/site")
        try makeDirectories("\(folder.path)/deb")
        try makeDirectories("\(folder.path)/Blueprints")
        try makeDirectories("\(folder.path)/out")
        let repository = parentDirectory(of: parentDirectory(of: parentDirectory(of: #filePath)))
        try run("cp", "-r", "\(repository)/Images", "\(folder.path)/Images", "--no-target-directory")
        try run("rm", "-rf", "\(folder.path)/Images/out")
        try makePackage(
            "pisces", "Architecture: \(try run("dpkg", "--print-architecture"))Provides: linux-initramfs-tool\n",

            files: ["usr/lib/pisces/pisces-init": builtProgram("pisces-init")],
            in: "\(folder.path)/deb")
        try write(nodeBlueprint, to: folder.blueprint)
        try write(reportScript, to: "\(folder.path)/Blueprints/report.sh")
        // The host's mirror: the one network connection of these tests, none where the store is warm.
        let locked = try piscesCommand(["lock", folder.blueprint], cache: folder.cache).outcome()
        guard locked.status == .exited(0) else { throw ToolFailure(message: locked.errors) }
        firstLock = try fileText(folder.lock)
        image = "\(folder.path)/out/node.raw"
        construction = try piscesCommand(
            ["construct", folder.blueprint, "-o", image, "--json", "--store", Self.warmStore] + folder.forms,
            cache: folder.cache
        ).outcome()
        guard construction.status == .exited(0) else { throw ToolFailure(message: construction.errors) }
        try copyMirror()
    }

    private static func makeDirectory() throws -> String {
        var template = Array("/tmp/pisces-system-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError(call: "mkdtemp", subject: "/tmp", code: errno) }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // The ordinary user works below it.
        chmod(path, 0o755)
        sitePath.withLock { $0 = path }
        atexit { if let path = sitePath.withLock({ $0 }) { _ = try? asOwner(["rm", "-rf", path]) } }
        return path
    }

    /// The user's own store: what is in it does not have to be fetched, and stays for the next time.
    static var warmStore: String {
        let variable = { (name: String) in getenv(name).map { String(cString: $0) } }
        return (variable("XDG_CACHE_HOME") ?? "\(variable("HOME") ?? "/root")/.cache") + "/pisces/store"
    }

    /// Where a test makes what is removed after it.
    var scratch: String { "\(path)/scratch" }

    // MARK: - Mirror

    /// The options that make `pisces` use the copy of the mirror.
    var mirror: [String] { mirror(at: "\(path)/mirror") }

    func mirror(at path: String) -> [String] {
        ["--mirror", "file:\(path)/debian", "--security-mirror", "file:\(path)/security"]
    }

    /// Copies the release files that apt has fetched, the package lists that those name, and the locked packages.
    private func copyMirror() throws {
        let lock = try Lock(parsing: Array(firstLock.utf8), file: "lock")
        let states = try Descriptor.directory("\(folder.cache)/pisces/apt").entries()
        let lists = "\(folder.cache)/pisces/apt/\(states[0])/lists"
        for release in lock.releases {
            let suite = "\(mirrorPath(release.name))/dists/\(release.suite)"
            let list = "main/binary-\(lock.architecture)/Packages.xz"
            try makeDirectories(parentDirectory(of: "\(suite)/\(list)"))
            let files = try Descriptor.directory(lists).entries()
            guard let file = files.first(where: { $0.hasSuffix("_dists_\(release.suite)_InRelease") }) else {
                throw ToolFailure(message: "apt keeps no release file of \(release.suite)")
            }
            try run("cp", "-p", "\(lists)/\(file)", "\(suite)/InRelease")
            let words = try fileText("\(suite)/InRelease").split(separator: "\n").map { $0.split(separator: " ") }
            guard let digest = words.first(where: { $0.count == 3 && $0[0].utf8.count == 64 && $0[2] == list })?[0]
            else { throw ToolFailure(message: "\(release.suite) has no \(list)") }
            // By its digest: the mirror may have moved on.
            let uri = "\(release.uri)/dists/\(release.suite)/\(parentDirectory(of: list))/by-hash/SHA256/\(digest)"
            let helper = ["/usr/lib/apt/apt-helper", "-o", "APT::Sandbox::User=", "download-file", uri]
            _ = try runTool(helper + ["\(suite)/\(list)"], networkEnvironment, nil)
        }
        for package in lock.packages {
            guard case .release(let release) = package.source else { continue }
            let target = "\(mirrorPath(release))/\(package.filename)"
            try makeDirectories(parentDirectory(of: target))
            let digest = package.digest.hex
            try run("cp", "\(Self.warmStore)/sha256/\(digest.prefix(2))/\(digest)", target)
        }
    }

    private func mirrorPath(_ release: String) -> String {
        "\(path)/mirror/\(release.hasSuffix("-security") ? "security" : "debian")"
    }

    /// A copy of the mirror in which a test can change files: packages are links, so they must be replaced.
    func copyOfMirror(_ name: String) throws -> String {
        let copy = "\(scratch)/\(name)"
        try makeDirectories(scratch)
        try run("cp", "-al", "\(path)/mirror", copy)
        for archive in ["debian", "security"] {
            try removeTree("\(copy)/\(archive)/dists")
            try run("cp", "-a", "\(path)/mirror/\(archive)/dists", "\(copy)/\(archive)/dists")
        }
        return copy
    }

    // MARK: - Folders

    /// A folder of a test's own with the same blueprint and lock, and an output directory that is empty.
    func makeFolder(_ name: String, blueprint: String = nodeBlueprint, isLocked: Bool = true) throws -> Folder {
        let copy = Folder(path: "\(scratch)/\(name)")
        try makeDirectories("\(copy.path)/Blueprints")
        try makeDirectories("\(copy.path)/out")
        try run("cp", "-r", "\(folder.path)/Images", "\(folder.path)/deb", copy.path)
        try write(blueprint, to: copy.blueprint)
        try write(reportScript, to: "\(copy.path)/Blueprints/report.sh")
        if isLocked { try write(try fileText(folder.lock), to: copy.lock) }
        return copy
    }

    /// Gives a folder what the first construction left for later ones: packages that are unpacked and configured.
    func warm(_ folder: Folder) throws {
        try makeDirectories("\(folder.cache)/pisces")
        try removeTree("\(folder.cache)/pisces/build")
        try run("cp", "-al", "\(self.folder.cache)/pisces/build", "\(folder.cache)/pisces/build")
    }
}

/// Runs a tool where it may do everything with constructed trees: an ordinary user's belong to subordinate ids.
@discardableResult
func asOwner(_ argv: [String]) throws -> String {
    let command =
        isRoot
        ? Command(argv[0], Array(argv.dropFirst()))
        : try Workshop.command(argv, helper: builtProgram("pisces-enter"))
    return try command.run().text
}

/// For the end of the process, whose handler can capture nothing.
private let sitePath = Mutex<String?>(nil)

/// A blueprint with what belongs to it.
struct Folder {
    let path: String
    var blueprint: String { "\(path)/Blueprints/node.yaml" }
    var lock: String { "\(path)/Blueprints/node.lock" }
    var cache: String { "\(path)/cache" }
    var store: String { "\(path)/store" }
    var output: String { "\(path)/out/node.raw" }

    /// Options for an output of every form but raw.
    var forms: [String] {
        ["node.qcow2", "split:node", "node.split.tar", "node.tar", "directory:tree", "node.oci", "node.oci.tar"].flatMap
        { output in
            let parts = output.split(separator: ":").map(String.init)
            return ["-o", parts.dropLast().map { "\($0):" }.joined() + "\(path)/out/\(parts[parts.count - 1])"]
        }
    }

    /// A command over this folder's blueprint.
    func command(_ verb: String, _ options: [String] = []) -> Command {
        piscesCommand([verb, blueprint] + options, cache: cache)
    }

    /// The construction of this folder's blueprint with a store of its own.
    func construct(_ options: [String]) -> Command {
        command("construct", ["-o", output, "--store", store] + options)
    }

    /// What is in the output directory.
    func outputs() throws -> [String] { try Descriptor.directory("\(path)/out").entries() }

    /// Makes the lock that of the blueprint as it is, where that asks for the same packages.
    func fitLock() throws {
        let answer = try JSONValue(
            parsing: Array(try command("check", ["--json"]).outcome().output.utf8), file: "answer")
        guard let digest = answer["digest"]?.string else { throw ToolFailure(message: "\(answer)") }
        try editLock { lines in
            for line in lines.indices where lines[line].hasPrefix("Blueprint-SHA256: ") {
                lines[line] = "Blueprint-SHA256: \(digest)"
            }
        }
    }

    /// Changes the lock's text.
    func editLock(_ edit: (inout [String]) -> Void) throws {
        var lines = try fileText(lock).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        edit(&lines)
        try write(lines.joined(separator: "\n"), to: lock)
    }
}

/// Makes a package for a directory repository.
func makePackage(
    _ name: String, _ fields: String, files: [String: String] = [:], control: [String: String] = [:],
    in directory: String
) throws {
    let scratch = try TemporaryDirectory()
    let tree = "\(scratch.path)/tree"
    try makeDirectories("\(tree)/DEBIAN")
    try makeDirectories(directory)
    for (path, source) in files {
        try makeDirectories(parentDirectory(of: "\(tree)/\(path)"))
        try run("cp", source, "\(tree)/\(path)")
    }
    let text = "Package: \(name)\nVersion: 1\nMaintainer: Tests <tests@pisces.invalid>\n\(fields)Description: test\n"
    try write(text, to: "\(tree)/DEBIAN/control")
    for (member, text) in control {
        try AtomicFile.write(
            Array(text.utf8), to: "\(tree)/DEBIAN/\(member)", mode: member == "triggers" ? 0o644 : 0o755)
    }
    // The same package in every run: the store keeps it.
    try run(
        "env", "SOURCE_DATE_EPOCH=1", "dpkg-deb", "--root-owner-group", "-Znone", "--build", tree,
        "\(directory)/\(name).deb")
}
