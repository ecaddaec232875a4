import Filesystems
import LinuxSystem

/// Finds private keys in a finished tree: an image is copied to many machines, so a key in it belongs to nobody.
///
/// Maintainer scripts make some (ssl-cert, ssh servers); those that Pisces knows are left out before, any other stops
/// the build by name. Only `/etc` and `/var` are read: that is where scripts put keys, and reading all would cost seconds.
struct SecretScan {
    let root: StagedRoot

    /// What is between the two halves of a private key's first line.
    private static let kinds = ["", "ENCRYPTED ", "RSA ", "EC ", "DSA ", "OPENSSH "]
    private static let marks = kinds.map { Array("-----BEGIN \($0)PRIVATE KEY-----".utf8) }

    private static let places = ["/etc/", "/var/", "/usr/share/factory/var/"]

    func run(_ tree: FileTree) throws {
        for path in tree.paths(where: { path in Self.places.contains { path.utf8.starts(with: $0.utf8) } }) {
            guard case .file(let content) = tree[path]?.kind, content.size < 1 << 20 else { continue }
            let bytes: [UInt8] =
                switch content {
                case .bytes(let bytes): bytes
                case .staged(let path, _): try root.read(path)
                }
            guard Self.holdsKey(bytes) else { continue }
            throw ConstructorError(
                "\(path) holds a private key, which every copy of the image would share",
                hint: "leave out the package that makes it, or have it made at the first boot")
        }
    }

    /// Over bytes: a search in a String minds letters of several bytes, and takes ten times as long.
    private static func holdsKey(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            bytes.indices.contains { start in
                bytes[start] == UInt8(ascii: "-") && marks.contains { bytes[start...].starts(with: $0) }
            }
        }
    }
}
