internal import BlueprintModel
internal import Glibc
internal import LinuxSystem

/// Makes the keyed hashes by which somebody can tell later whether a secret is still the same.
///
/// The key stays on its machine: without it a hash tells nothing, not even to who guesses the secret.
public struct SecretHasher: Sendable {
    /// Where systemd keeps the key of a machine's own credentials (systemd-creds(1)).
    public static let systemKey = "/var/lib/systemd/credential.secret"
    /// Bytes without which a key could be guessed.
    private static let least = 16

    private let key: [UInt8]
    /// Whether nobody named the key: hashes that somebody else made may be of another.
    let isAssumed: Bool

    /// Takes a key; nil where it is too short to be one.
    public init?(key: [UInt8]) { self.init(key: key, isAssumed: false) }

    private init?(key: [UInt8], isAssumed: Bool) {
        if key.count < Self.least { return nil }
        (self.key, self.isAssumed) = (key, isAssumed)
    }

    /// Takes the key that a system has; nil where there is none, or none that only root can read.
    public init?(of root: SourceRoot) {
        guard let status = (try? root.statusOfLink(Self.systemKey)) ?? nil, status.mode & 0o077 == 0,
            let key = (try? root.read(Self.systemKey, limit: Self.largest)) ?? nil
        else { return nil }
        self.init(key: key, isAssumed: true)
    }

    /// Takes the bytes of a file.
    ///
    /// - Throws: ``CopyError`` for a file that is no key, and errors of the system where it cannot be read.
    public init(file path: String) throws {
        let file = try Descriptor.open(path, O_RDONLY | O_NONBLOCK)
        let status = try file.status()
        guard status.type == S_IFREG else {
            throw CopyError("\(path) is no regular file", hint: "name a file whose bytes are the key")
        }
        guard status.mode & 0o077 == 0 else {
            throw CopyError(
                "\(path) is a key that others can read: with it they could guess secrets",
                hint: "make another, with the mode 0600: (umask 077; head -c 32 /dev/urandom > KEY)")
        }
        guard status.size <= Self.largest, let own = Self(key: try file.readToEnd(limit: Self.largest)) else {
            throw CopyError(
                "\(path) is no key: wanted \(Self.least) to \(Self.largest) bytes",
                hint: "make one: (umask 077; head -c 32 /dev/urandom > KEY)")
        }
        self = own
    }

    private static let largest = 1 << 20

    func hash(_ secret: [UInt8]) -> String { SHA256.keyed(secret, key: key).hex }
}

/// The names of the credentials that a copy asks for.
enum CredentialName {
    /// Names by path: the path with `-` for every `/`; those that would be called alike, or too long, have a digest of
    /// their path, too.
    static func names(for paths: some Collection<String>, besides taken: Set<String>) -> [String: String] {
        let plain = Dictionary(uniqueKeysWithValues: paths.map { ($0, plainName(of: $0)) })
        let counts = Dictionary(plain.values.map { ($0, 1) }, uniquingKeysWith: +)
        return Dictionary(
            uniqueKeysWithValues: plain.map { path, name in
                if counts[name] == 1, !taken.contains(name), TextForm.credential.allows(name) { return (path, name) }
                let digest = String(decoding: SHA256.hash(path.utf8).hex.utf8.prefix(16), as: UTF8.self)
                let start = String(decoding: name.utf8.prefix(longest - 1 - digest.utf8.count), as: UTF8.self)
                let unique = "\(start)-\(digest)"
                return (path, TextForm.credential.allows(unique) ? unique : "file-\(digest)")
            })
    }

    private static let longest = 128

    private static func plainName(of path: String) -> String {
        let bytes = path.utf8.dropFirst().map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                byte
            case UInt8(ascii: "/"): UInt8(ascii: "-")
            default: UInt8(ascii: "_")
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Blueprint {
    /// The blueprint without any keyed hash.
    var withoutKeyedHashes: Blueprint { with(PlacedHashes()) }

    /// Keyed hashes by the user whose password, and by the path of the file that they are of.
    struct PlacedHashes: Equatable {
        var users: [String: String] = [:]
        var files: [String: String] = [:]
    }

    /// All that there are.
    var keyedHashes: PlacedHashes {
        PlacedHashes(
            users: users.compactMapValues(\.password?.keyedHash),
            files: files.compactMapValues { file in
                if case .secret(let secret) = file.content { secret.keyedHash } else { nil }
            })
    }

    /// The same with these keyed hashes and no others.
    func with(_ hashes: PlacedHashes) -> Blueprint {
        var result = self
        for name in users.keys { result.users[name]?.password?.keyedHash = hashes.users[name] }
        for (path, file) in files {
            if case .secret(let secret) = file.content {
                result.files[path]?.content = .secret(Secret(name: secret.name, keyedHash: hashes.files[path]))
            }
        }
        return result
    }
}

extension Copier {
    /// What was found, with such keyed hashes as can be compared with the wanted ones: as a blueprint without one says
    /// nothing of a secret, nothing does a hash by another key.
    func comparable(_ found: Blueprint, with wanted: Blueprint, _ report: CopyReport) -> Blueprint {
        let wanted = wanted.keyedHashes
        var hashes = found.keyedHashes
        hashes.users = hashes.users.filter { wanted.users[$0.key] != nil }
        hashes.files = hashes.files.filter { wanted.files[$0.key] != nil }
        let isMadeNow = { (path: String) in report.secretReferences[path] != nil }
        let agree =
            hashes.users.contains { wanted.users[$0.key] == $0.value }
            || hashes.files.contains { isMadeNow($0.key) && wanted.files[$0.key] == $0.value }
        if hasher == nil || hasher?.isAssumed == true && !agree {
            hashes.users.merge(wanted.users.filter { report.passwords[$0.key] != nil }) { $1 }
            hashes.files.merge(wanted.files.filter { isMadeNow($0.key) }) { $1 }
        }
        return found.with(hashes)
    }
}
