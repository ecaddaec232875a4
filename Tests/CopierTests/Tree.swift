import BlueprintModel
import Copier
import Debian
import LinuxSystem
import PiscesTesting

/// A root with a few files, removed when the test ends.
final class Tree {
    private let directory: TemporaryDirectory
    var path: String { directory.path }

    init(_ files: [String: String] = [:]) throws {
        directory = try TemporaryDirectory()
        for (path, text) in files { try write(text, to: path) }
    }

    func write(_ text: String, to path: String) throws { try write(Array(text.utf8), to: path) }

    func write(_ bytes: [UInt8], to path: String) throws {
        try makeDirectories(parentDirectory(of: "\(self.path)\(path)"))
        try AtomicFile.write(bytes, to: "\(self.path)\(path)")
    }

    func link(_ path: String, to target: String) throws {
        try makeDirectories(parentDirectory(of: "\(self.path)\(path)"))
        try Descriptor.directory(self.path).makeSymlink(String(path.dropFirst()), target: target)
    }

    func root() throws -> SourceRoot { try SourceRoot(path: path) }

    /// A tree that is a Debian system with these packages.
    static func debian(_ packages: String = Tree.dpkg, _ files: [String: String] = [:]) throws -> Tree {
        try Tree(
            [
                "/etc/os-release": "ID=debian\nVERSION_ID=\"13\"\nVERSION_CODENAME=trixie\n",
                "/var/lib/dpkg/status": packages, "/etc/hostname": "node\n",
            ].merging(files) { $1 })
    }

    /// The paragraph without which no system is Debian's.
    static let dpkg = package("dpkg", "Essential: yes\nPriority: required\n")

    static func package(_ name: String, _ fields: String = "", status: String = "install ok installed") -> String {
        "Package: \(name)\nStatus: \(status)\nArchitecture: amd64\nVersion: 1\n\(fields)\n"
    }

    func copy(_ change: (inout Copier) -> Void = { _ in }) throws -> SystemCopy {
        var copier = Copier(try root())
        change(&copier)
        return try copier.copy()
    }
}

/// Where systemd-networkd is enabled.
let networkd = "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service"

/// The message of what is thrown; empty where nothing is.
func message(_ body: () throws -> some Any) -> String {
    do {
        _ = try body()
        return ""
    } catch { return "\(error)" }
}
