import BlueprintModel
import LinuxSystem
import PiscesTesting

/// What devices are upgraded to: generations as a publisher lays them out, and the keys of two publishers.
struct Releases {
    /// A folder for each, and the keys `vendor` and `stranger`.
    let path: String
    private let site: Site

    static let shared = Result { try Releases(try Site.shared.get()) }

    /// Differs from what devices run in what a package manager would change, in `/etc` and in the form of its data.
    static let nextBlueprint =
        nodeBlueprint.replacing("Welcome", with: "Welcome to the next")
        .replacing("AAEC/w==", with: "AAEC/g==")
        .replacing("  /etc/node/latest: { symlink: ../motd }\n", with: "  /etc/fresh: { text: \"fresh\\n\" }\n")
        .replacing("\nusers:\n", with: "\nusers:\n  dora: { uid: 1800, shell: /bin/sh }\n")
        + "\nimage: { data-schema: { version: 3, floor: 2 } }\n"

    private init(_ site: Site) throws {
        self.site = site
        path = "\(site.path)/releases"
        try makeDirectories("\(path)/www")
        for key in ["vendor", "stranger"] { try Self.pisces("key", "generate", "\(path)/\(key)") }
        let folder = try site.makeFolder("next", blueprint: Self.nextBlueprint)
        try folder.fitLock()
        try site.warm(folder)
        let construct = folder.command(
            "construct",
            [
                "--release", "8", "--sign-key", "\(path)/vendor", "--no-sbom", "--store", Site.warmStore,
                "-o", "split:\(path)/www/next", "-o", "\(path)/www/next.split.tar",
            ])
        let outcome = try construct.outcome()
        guard outcome.status == .exited(0) else { throw ToolFailure(message: outcome.errors) }
    }

    private static func pisces(_ arguments: String...) throws {
        let outcome = try Command(builtProgram("pisces"), arguments).outcome()
        guard outcome.status == .exited(0) else { throw ToolFailure(message: outcome.errors) }
    }

    /// Where one is.
    subscript(name: String) -> String { "\(path)/www/\(name)" }

    /// What the device runs, as a publisher lays it out: unsigned.
    var running: String { "\(site.folder.path)/out/node" }

    /// The public key of `vendor` or `stranger`.
    func publicKey(_ name: String) -> String { "\(path)/\(name).pem" }

    /// A generation with another manifest: its own artefacts under the names that belong to it, and signed by each key.
    /// - Returns: its folder, in a test's own directory.
    func variant(
        of original: String, in directory: String, named name: String, release: Int? = nil, signedBy keys: [String],
        _ edit: (String) throws -> String = { $0 }
    ) throws -> String {
        let folder = "\(directory)/\(name)"
        try makeDirectories(folder)
        var text = try fileText("\(original)/manifest.json")
        let manifest = try JSONValue(parsing: Array(text.utf8), file: "manifest")
        guard let old = manifest["release"]?.integer else { throw ToolFailure(message: "no release: \(text)") }
        let number = release ?? old
        text = try edit(text.replacing("\"release\": \(old)", with: "\"release\": \(number)"))
        for file in try Descriptor.directory(original).entries() where file.hasPrefix("node_") {
            try run("ln", "-s", "\(original)/\(file)", "\(folder)/\(file.replacing("_\(old)", with: "_\(number)"))")
        }
        try write(text, to: "\(folder)/manifest.json")
        for key in keys { try Self.pisces("key", "sign", "\(folder)/manifest.json", "--key", "\(path)/\(key)") }
        return folder
    }
}
