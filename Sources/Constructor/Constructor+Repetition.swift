import BlueprintModel
import ContentStore
import Debian
internal import Glibc
import LinuxSystem

/// A construction whose outputs are all as it left them needs no second run.
///
/// The cache has, under a digest of all that the outputs depend on, what was made then and the identity of each file.
extension Constructor {
    /// What the last run of this construction made, where all of it is still there as it was left; nil where something
    /// is to be done.
    public func repetition() throws -> Construction? {
        guard let cache = request.cache, let entry = cache.open(try repetitionKey(of: request.lock)),
            let value = try? JSONValue(parsing: Array(entry.bytes), file: "repetition"),
            let files = value["files"]?.object
        else { return nil }
        for (path, identity) in files where (try? Self.identity(of: path))?.hex != identity.string { return nil }
        return Construction(
            lock: request.lock, manifest: value["manifest"],
            imageDigest: value["image"]?.string.flatMap { Digest(hex: $0) })
    }

    /// Leaves for later runs what this one made.
    func remember(_ construction: Construction, at paths: [String]) throws {
        guard let cache = request.cache else { return }
        var value: [String: JSONValue] = [:]
        value["files"] = .object(
            try Dictionary(uniqueKeysWithValues: paths.map { ($0, .string(try Self.identity(of: $0).hex)) }))
        value["manifest"] = construction.manifest
        value["image"] = construction.imageDigest.map { .string($0.hex) }
        let key = try repetitionKey(of: construction.lock)
        // Without it the next run takes its time, nothing else.
        _ = try? cache.store(key) { try $0.writeAll(JSONValue.object(value).canonicalBytes) }
    }

    /// The digest of all that outputs depend on, and of where they go.
    private func repetitionKey(of lock: Lock) throws -> Digest {
        var parts = ["repetition 1", lock.text, "\(request.documents)"] + (try programDigests())
        if let layout = request.layout {
            parts.append("\(try ImagePlan(blueprint: request.blueprint, seed: lock.blueprint, layout: layout))")
        }
        if let key = request.signingKey { parts.append(key.certificate.digest.hex) }
        parts.append("release \(release(of: lock)), signed by \(request.manifestSigner?.key ?? "nobody")")
        parts += request.outputs.map { "\($0.form) \($0.path)" }
        return SHA256.hash(Array(parts.joined(separator: "\n").utf8))
    }

    /// The digest of what a file, or every file of a directory, is known by: each change of a byte, a mode or an owner
    /// is a change of the inode's ctime, which nobody can set (inode(7)).
    private static func identity(of path: String) throws(SystemError) -> Digest {
        var lines: [String] = []
        var waiting = [path]
        while let path = waiting.popLast() {
            var status = stat()
            guard lstat(path, &status) == 0 else { throw SystemError(call: "lstat", subject: path, code: errno) }
            let time = status.st_ctim
            lines.append("\(path) \(status.st_dev) \(status.st_ino) \(status.st_size) \(time.tv_sec) \(time.tv_nsec)")
            guard status.st_mode & S_IFMT == S_IFDIR else { continue }
            waiting += try Descriptor.directory(path).entries().map { "\(path)/\($0)" }
        }
        return SHA256.hash(Array(lines.joined(separator: "\n").utf8))
    }
}
