internal import BlueprintModel
internal import Filesystems
internal import Glibc
internal import LinuxSystem

/// The secrets of a system that a copy leaves out, as one archive, for whom the caller seals it.
///
/// A tar archive: `files/PATH` is a file that holds a secret, with its owner and mode, to be unpacked at the root;
/// `credentials/NAME` is what the blueprint's credential of that name is to hold: a file, or the hash of a password.
public enum SecretBundle {
    /// Hands the archive to `consume`, piece by piece. Nothing of it is kept.
    ///
    /// - Returns: how many secrets it has.
    /// - Throws: errors of the system where a secret cannot be read, and what `consume` throws.
    public static func write(
        of report: CopyReport, in root: SourceRoot, to consume: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Int {
        var tree = FileTree()
        tree["/"] = .directory()
        tree["/credentials"] = .directory(mode: 0o700)
        tree["/files"] = .directory()
        for path in report.secretFiles { try add(path, of: root, to: &tree) }
        for (path, credential) in report.secretReferences.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            guard let bytes = try root.read(path, limit: Blueprint.Secret.largest) else { continue }
            tree["/credentials/\(credential)"] = .file(bytes, mode: 0o600)
        }
        let hashes = passwordHashes(try root.read("/etc/shadow") ?? [])
        for (user, credential) in report.passwords {
            if let hash = hashes[user] { tree["/credentials/\(credential)"] = .file(hash, mode: 0o600) }
        }
        try TarWriter.write(tree, source: root.directory, to: consume)
        return report.secretFiles.count + report.secretReferences.count + report.passwords.count
    }

    private static func add(_ path: String, of root: SourceRoot, to tree: inout FileTree) throws {
        guard let status = try root.statusOfLink(path) else { return }
        var parent = parentDirectory(of: path)
        while parent != "/" {
            if let status = try root.statusOfLink(parent) {
                tree["/files" + parent] = Node(.directory, mode: status.mode, uid: status.uid, gid: status.gid)
            }
            parent = parentDirectory(of: parent)
        }
        tree["/files" + path] = Node(
            .file(.staged(path: String(path.dropFirst()), size: status.size)), mode: status.mode, uid: status.uid,
            gid: status.gid, modified: status.modified)
    }

    /// The second field of shadow(5) by the first.
    private static func passwordHashes(_ shadow: [UInt8]) -> [String: [UInt8]] {
        var hashes: [String: [UInt8]] = [:]
        for line in shadow.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
            if fields.count == 3 { hashes[String(decoding: fields[0], as: UTF8.self)] = Array(fields[1]) }
        }
        return hashes
    }
}
