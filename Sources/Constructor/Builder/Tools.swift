import Debian
import LinuxSystem

/// The programs that the build itself runs, from locked packages: the host's would make other bits on another host.
///
/// They are unpacked into a root of their own, and not configured.
struct Tools {
    private let root: String
    private let scratch: String

    /// Unpacks packages into a new directory; tools see `scratch` at ``scratchInRoot``.
    init(_ packages: [LockedPackage], from source: PackageSource, at path: String, scratch: String) throws {
        (root, self.scratch) = (path, scratch)
        try makeDirectories(path)
        let staged = try StagedRoot(path: path)
        try staged.directory.setMode(0o755)
        var unpack = Unpack(root: staged, open: source.open)
        _ = try unpack.run(try Unpack.read(packages, open: source.openAsIs)) {}
        for place in ["dev", "proc", "run", "sys", "tmp"] { try staged.makeDirectory(place) }
    }

    /// Runs a tool to its end; `feed` writes its standard input.
    func run(
        _ argv: [String], environment: [String: String] = [:],
        feeding feed: (_ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws {
        var sandbox = Sandbox(root: root)
        sandbox.binds = [Sandbox.Bind(scratch, at: scratchInRoot, isReadOnly: false)]
        sandbox.environment.merge(environment) { $1 }
        do {
            try sandbox.command(argv).run(feeding: feed)
        } catch let error as CommandError {
            guard case .failed(let status) = error.reason else { throw error }
            throw ConstructorError("\(argv[0]): \(status)\n\(error.errorOutput)")
        }
    }
}
