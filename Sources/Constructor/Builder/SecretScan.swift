import Filesystems
import LinuxSystem

/// Finds private keys in a finished tree: an image is copied to many machines, so a key in it belongs to nobody.
///
/// Maintainer scripts make some (ssl-cert, ssh servers); those that Pisces knows are left out before, any other stops
/// the build by name. Only `/etc` is read: that is where programs look for keys, and reading all would cost seconds.
struct SecretScan {
    let root: StagedRoot

    private static let marks =
        ["-----BEGIN PRIVATE KEY-----", "-----BEGIN ENCRYPTED PRIVATE KEY-----"]
        + ["RSA", "EC", "DSA", "OPENSSH"].map { "-----BEGIN \($0) PRIVATE KEY-----" }

    func run(_ tree: FileTree) throws {
        for path in tree.paths where path.utf8.starts(with: "/etc/".utf8) {
            guard case .file(let content) = tree[path]?.kind, content.size < 1 << 20 else { continue }
            let bytes: [UInt8] =
                switch content {
                case .bytes(let bytes): bytes
                case .staged(let path, _): try root.read(path)
                }
            let text = String(decoding: bytes, as: UTF8.self)
            guard Self.marks.contains(where: { text.contains($0) }) else { continue }
            throw ConstructorError(
                "\(path) holds a private key, which every copy of the image would share",
                hint: "leave out the package that makes it, or have it made at the first boot")
        }
    }
}
