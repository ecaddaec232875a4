internal import Glibc
public import LinuxSystem

/// Names a public key: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes.
public struct KeyID: Sendable, Hashable, CustomStringConvertible {
    /// The digits.
    public let description: String

    /// The name of a key.
    public init(_ key: Ed25519PublicKey) { description = String(SHA256.hash(key.bytes).hex.prefix(16)) }

    /// Reads 16 lower-case hexadecimal digits; nil for anything else.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count == 16, let bytes = [UInt8](hex: text), bytes.hex == text else { return nil }
        description = String(text)
    }
}

/// Whose manifests this machine installs.
///
/// Trust directories hold public keys, one in each file `*.pem`: `/etc/pisces/trust.d` those of the operator,
/// `/usr/lib/pisces/trust.d` those that came with the system. An empty file `<id>.revoked` in any of them takes trust
/// from a key, wherever the key is: so the operator can revoke what the vendor trusts. A file that is no key trusts
/// nobody, and is told of in ``ignored``.
public struct TrustStore: Sendable {
    /// The keys that are trusted.
    public private(set) var keys: [KeyID: Ed25519PublicKey] = [:]
    /// The keys that are trusted no longer.
    public private(set) var revoked: Set<KeyID> = []
    /// Why files that look like keys are not used.
    public private(set) var ignored: [String] = []

    /// The directories, the operator's first.
    public static let directories = ["/etc/pisces/trust.d", "/usr/lib/pisces/trust.d"]

    private static let revocation = ".revoked"

    /// Reads trust directories; one that is not there trusts nobody.
    /// - Throws: ``ControllerError`` if a directory cannot be listed: a revocation might be missed.
    public init(directories: [String] = Self.directories) throws(ControllerError) {
        for path in directories {
            let names: [String]
            do throws(SystemError) { names = try Descriptor.directory(path).entries() } catch  where error.isNotFound {
                continue
            } catch {
                throw ControllerError(.trust, path, "\(error)")
            }
            for name in names {
                if name.hasSuffix(Self.revocation), let id = KeyID(name.dropLast(Self.revocation.count)) {
                    revoked.insert(id)
                } else if name.hasSuffix(".pem") {
                    read("\(path)/\(name)")
                }
            }
        }
        keys = keys.filter { !revoked.contains($0.key) }
    }

    private mutating func read(_ path: String) {
        do {
            let key = try Ed25519PublicKey(pem: Descriptor.open(path).readToEnd(limit: 64 << 10), file: path)
            keys[KeyID(key)] = key
        } catch { ignored.append("\(error)") }
    }
}

// MARK: - Verifying

extension TrustStore {
    /// Finds whose trusted signature a manifest has.
    ///
    /// - Parameters:
    ///   - manifest: its bytes, before anything of them is believed.
    ///   - signatures: the file beside it: in each line a key's name and the signature of the whole manifest in
    ///     hexadecimal digits.
    /// - Throws: ``ControllerError`` of kind `trust` that says why there is none.
    public func signer(of manifest: [UInt8], signatures: [UInt8]) throws(ControllerError) -> KeyID {
        var foreign: [String] = []
        for line in signatures.prefix(64 << 10).split(separator: UInt8(ascii: "\n")) {
            let words = String(decoding: line, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 2, let id = KeyID(words[0]), let signature = [UInt8](hex: words[1]) else {
                throw ControllerError(.trust, "signature", "a line is no name of a key and a signature")
            }
            guard let key = keys[id] else {
                foreign.append(revoked.contains(id) ? "\(id) (revoked)" : "\(id)")
                continue
            }
            guard key.isSigner(of: manifest, signature: signature) else {
                throw ControllerError(.trust, "signature", "the manifest is not what \(id) has signed")
            }
            return id
        }
        throw ControllerError(
            .trust, "signature",
            foreign.isEmpty
                ? "the manifest is not signed"
                : "nobody whom this machine trusts has signed the manifest, but: \(foreign.joined(separator: ", "))")
    }

    /// A line of the file of signatures.
    public static func signature(of manifest: [UInt8], by key: Ed25519PrivateKey) throws(KeyError) -> String {
        "\(KeyID(key.publicKey)) \(try key.sign(manifest).hex)\n"
    }
}

// MARK: - Changing

extension TrustStore {
    /// Makes a key and writes it down: the secret, for its owner's eyes only, and `<path>.pem` for trust directories.
    /// - Throws: ``ControllerError`` if one of the files is there already: a secret is never overwritten.
    @discardableResult
    public static func generate(path: String) throws(ControllerError) -> KeyID {
        do {
            let key = try Ed25519PrivateKey.generate()
            for (path, bytes, mode) in [(path, key.pem, 0o600), ("\(path).pem", key.publicKey.pem, 0o644)] {
                let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: UInt32(mode))
                try file.writeAll(bytes)
                try file.sync()
            }
            try Descriptor.directory(parentDirectory(of: path)).sync()
            return KeyID(key.publicKey)
        } catch { throw ControllerError(.trust, path, "\(error)") }
    }

    /// Puts a key into a trust directory. One that was revoked there is trusted again.
    public static func trust(pem: [UInt8], file: String, in directory: String) throws(ControllerError) -> KeyID {
        do {
            let key = try Ed25519PublicKey(pem: pem, file: file)
            let id = KeyID(key)
            try makeDirectories(directory)
            try AtomicFile.write(key.pem, to: "\(directory)/\(id).pem")
            try remove("\(id)\(revocation)", in: directory)
            return id
        } catch { throw ControllerError(.trust, file, "\(error)") }
    }

    /// Takes trust from a key, wherever it is.
    public static func revoke(_ id: KeyID, in directory: String) throws(ControllerError) {
        do {
            try makeDirectories(directory)
            try AtomicFile.write([], to: "\(directory)/\(id)\(revocation)")
            try remove("\(id).pem", in: directory)
        } catch { throw ControllerError(.trust, directory, "\(error)") }
    }

    private static func remove(_ name: String, in directory: String) throws(SystemError) {
        let directory = try Descriptor.directory(directory)
        do throws(SystemError) { try directory.unlink(name) } catch  where error.isNotFound { return }
        try directory.sync()
    }
}
