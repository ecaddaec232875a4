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
    /// What was found, in the order of the directories: a key's file as often as it is there, and each revocation.
    public private(set) var entries: [Entry] = []
    /// Why files that look like keys are not used.
    public private(set) var ignored: [String] = []

    /// A file that says something about a key.
    public struct Entry: Sendable, Equatable {
        /// The key.
        public let id: KeyID
        /// The file's path.
        public let file: String
        /// Whether the key is trusted, all files taken together.
        public internal(set) var isTrusted: Bool

        /// An entry from its parts.
        public init(id: KeyID, file: String, isTrusted: Bool) {
            self.id = id
            self.file = file
            self.isTrusted = isTrusted
        }
    }

    /// How many bytes of a manifest are read.
    public static let manifestLimit = 1 << 20
    /// How many bytes of a file of signatures are read.
    public static let signaturesLimit = 64 << 10

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
                    entries.append(Entry(id: id, file: "\(path)/\(name)", isTrusted: false))
                } else if name.hasSuffix(".pem") {
                    read("\(path)/\(name)")
                }
            }
        }
        keys = keys.filter { !revoked.contains($0.key) }
        for index in entries.indices { entries[index].isTrusted = keys[entries[index].id] != nil }
    }

    private mutating func read(_ path: String) {
        do {
            let key = try Ed25519PublicKey(pem: Descriptor.open(path).readToEnd(limit: 64 << 10), file: path)
            keys[KeyID(key)] = key
            entries.append(Entry(id: KeyID(key), file: path, isTrusted: true))
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
        let (signer, foreign) = try find(signatures, of: manifest)
        if let signer { return signer }
        throw ControllerError(
            .trust, "signature",
            foreign.isEmpty
                ? "the manifest is not signed: sign it where the key is, by pisces key sign MANIFEST --key KEY"
                : "nobody whom this machine trusts has signed the manifest, but: \(foreign.joined(separator: ", ")); "
                    + "if that is a key of yours, pisces key trust KEY.pem takes what it signs")
    }

    /// Finds the first trusted signature; where there is none, the names of the keys that have signed.
    /// - Throws: ``ControllerError`` of kind `trust` if a trusted key has signed something else.
    func find(
        _ signatures: [UInt8], of manifest: [UInt8]
    ) throws(ControllerError) -> (signer: KeyID?, foreign: [String]) {
        var foreign: [String] = []
        for line in signatures.prefix(Self.signaturesLimit).split(separator: UInt8(ascii: "\n")) {
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
            return (id, [])
        }
        return (nil, foreign)
    }

    /// A line of the file of signatures.
    public static func signature(of manifest: [UInt8], by key: Ed25519PrivateKey) throws(KeyError) -> String {
        "\(KeyID(key.publicKey)) \(try key.sign(manifest).hex)\n"
    }

    /// The file of signatures with one more; a line of the same key is replaced.
    /// - Throws: ``ControllerError`` if what is there is no file of signatures, or it would be too large to be read.
    public static func signatures(
        _ old: [UInt8], adding key: Ed25519PrivateKey, to manifest: [UInt8], file: String
    ) throws(ControllerError) -> [UInt8] {
        let own = "\(KeyID(key.publicKey)) "
        var text = ""
        for line in old.split(separator: UInt8(ascii: "\n")) {
            let line = String(decoding: line, as: UTF8.self)
            guard line.utf8.count > 17, KeyID(line.prefix(16)) != nil else {
                throw ControllerError(
                    .trust, file, "it is there already and holds no signatures: move it away, then sign again")
            }
            if !line.hasPrefix(own) { text += "\(line)\n" }
        }
        do throws(KeyError) { text += try signature(of: manifest, by: key) } catch {
            throw ControllerError(.trust, file, "\(error)")
        }
        guard text.utf8.count <= signaturesLimit else {
            throw ControllerError(
                .trust, file, "it would have \(text.utf8.count) bytes, of which machines read \(signaturesLimit)")
        }
        return Array(text.utf8)
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
