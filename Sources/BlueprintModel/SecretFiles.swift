extension Blueprint {
    /// A reference to a secret: a systemd credential that the running machine has and the blueprint has not.
    public struct Secret: Sendable, Equatable {
        /// The credential's name.
        public var name: String
        /// HMAC-SHA-256 of the secret, by a key that the blueprint has not: 64 lower-case hexadecimal digits. Who holds
        /// the key can tell whether a secret is still the same one; nobody can tell which.
        public var keyedHash: String?

        /// A larger credential systemd does not take.
        public static let largest = 1 << 20

        /// Refers to the credential of this name.
        public init(name: String, keyedHash: String? = nil) {
            self.name = name
            self.keyedHash = keyedHash
        }
    }

    /// Whether a machine can make a file here when it starts: elsewhere its root is read-only.
    public func canMakeAtBoot(_ path: String) -> Bool {
        (Self.writable + mounts.keys).contains { path.utf8.starts(with: "\($0)/".utf8) }
    }

    private static let writable = ["/etc", "/var", "/home", "/root", "/srv", "/run"]
}

extension Blueprint.Secret {
    static let codec = Codec<Self>.record(
        "secret reference", Self(name: ""),
        [
            Key("secret", \.name, .text(.credential), "Name of a systemd credential.", presence: .required),
            Key("keyed-hash", \.keyedHash, .text(.keyedHash), hashDocumentation),
        ])

    static let hashDocumentation =
        "HMAC-SHA-256 of the secret by a key that only its machine has: whether it is still the same; `pisces copy` writes it."

    /// How a register that this machine keeps tells it, beside what systemd reads.
    static let hashComment = "# keyed-hash "

    /// The hash that such a line tells; nil for any other line.
    static func keyedHash(ofComment line: some StringProtocol) -> String? {
        guard line.utf8.starts(with: hashComment.utf8) else { return nil }
        let hash = String(decoding: line.utf8.dropFirst(hashComment.utf8.count), as: UTF8.self)
        return TextRule.keyedHash.isValid(hash) ? hash : nil
    }
}

extension TextRule {
    static let keyedHash = TextRule(
        article: "an HMAC-SHA-256", form: sha256.form, pattern: sha256.pattern, isValid: sha256.isValid)
}

// MARK: - Passwords

extension Blueprint.Secret {
    /// Name and text of the unit that gives a user the password whose crypt(5) hash is in the credential at run time: a
    /// password is never in the image.
    public func passwordUnit(of user: String) -> (name: String, text: String) {
        let text = """
            [Unit]
            Description=Set the password of \(user) from the credential \(name)
            ConditionCredential=\(name)
            Before=systemd-user-sessions.service

            [Service]
            Type=oneshot
            ImportCredential=\(name)
            ExecStart=/bin/sh -c 'printf "%%s:%%s\\\\n" \(user) "$$(cat "$$CREDENTIALS_DIRECTORY/\(name)")" | chpasswd -e'

            [Install]
            WantedBy=multi-user.target

            """
        let hash = keyedHash.map { "\(Self.hashComment)\($0)\n" } ?? ""
        return ("pisces-password-\(user).service", hash + text)
    }

    /// The reference that such a unit has; nil where it is no such unit, to the letter.
    public init?(ofPasswordUnit text: String, of user: String) {
        let lines = text.utf8.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        let key = "ImportCredential="
        guard let line = lines.first(where: { $0.utf8.starts(with: key.utf8) }) else { return nil }
        name = String(decoding: line.utf8.dropFirst(key.utf8.count), as: UTF8.self)
        keyedHash = lines.first.flatMap(Self.keyedHash(ofComment:))
        guard TextRule.credential.isValid(name), passwordUnit(of: user).text == text else { return nil }
    }
}

// MARK: - Files

extension Blueprint {
    /// What has systemd-tmpfiles(8) make the files that hold secrets, each of its credential, when a machine starts: lines
    /// of tmpfiles.d(5), and a drop-in that gives its service these credentials. Without its credential nothing happens to a
    /// file: what a package has there stays.
    public enum SecretFiles {
        /// The lines.
        public static let lines = "/usr/lib/tmpfiles.d/pisces-secrets.conf"
        /// The drop-in.
        public static let dropIn = "/usr/lib/systemd/system/systemd-tmpfiles-setup.service.d/pisces-secrets.conf"

        /// Both, by path; empty where no file holds a secret.
        public static func registers(of files: [String: File], on release: Release) -> [String: String] {
            let secrets = files.compactMapValues { file in
                if case .secret(let secret) = file.content { (file, secret) } else { nil }
            }.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            if secrets.isEmpty { return [:] }
            var text = "# Files that hold secrets: each is made of the credential that its line names.\n"
            for (path, (file, secret)) in secrets {
                let mode = File.modeCodec.encode(file.mode).string ?? ""
                if let hash = secret.keyedHash { text += "\(Secret.hashComment)\(hash)\n" }
                text += "f+^ \(quoted(path)) \(mode) \(file.owner) \(file.group) - \(secret.name)\n"
            }
            // systemd 252 does not know the other key, and takes a credential that is not there for no error.
            let key = release == .bookworm ? "LoadCredential" : "ImportCredential"
            let names = Set(secrets.map(\.value.1.name)).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            return [lines: text, dropIn: "[Service]\n" + names.map { "\(key)=\($0)\n" }.joined()]
        }

        /// The files that such lines make; nil where anything else is among them.
        public static func files(of text: String) -> [String: File]? {
            var files: [String: File] = [:]
            var hash: String?
            for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
                let line = String(decoding: line, as: UTF8.self)
                if let next = Secret.keyedHash(ofComment: line) {
                    hash = next
                } else if let (path, file) = file(of: line, hash) {
                    files[path] = file
                    hash = nil
                }
            }
            return registers(of: files, on: .trixie)[lines] == text ? files : nil
        }

        private static func file(of line: String, _ hash: String?) -> (path: String, file: File)? {
            let bytes = Array(line.utf8)
            let quote = UInt8(ascii: "\"")
            guard let start = bytes.firstIndex(of: quote), let end = bytes.lastIndex(of: quote), start < end else {
                return nil
            }
            let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " ")).map {
                String(decoding: $0, as: UTF8.self)
            }
            guard fields.count == 5, let mode = UInt16(fields[0], radix: 8),
                TextRule.accountName.isValid(fields[1]), TextRule.accountName.isValid(fields[2]),
                TextRule.credential.isValid(fields[4])
            else { return nil }
            let path = unquoted(String(decoding: bytes[(start + 1)..<end], as: UTF8.self))
            guard TextRule.absolutePath.isValid(path) else { return nil }
            var file = File(.secret(Secret(name: fields[4], keyedHash: hash)), mode: mode)
            (file.owner, file.group) = (fields[1], fields[2])
            return (path, file)
        }

        /// A word as tmpfiles.d(5) reads it: in quotes, C escapes, `%` doubled.
        public static func quoted(_ word: String) -> String {
            var text = "\""
            for character in word.unicodeScalars {
                switch character {
                case "\"", "\\": text += "\\\(character)"
                case "%": text += "%%"
                case "\n": text += "\\n"
                case "\t": text += "\\t"
                default: text.unicodeScalars.append(character)
                }
            }
            return text + "\""
        }

        /// What stands between the quotes, of a word without control characters.
        private static func unquoted(_ text: String) -> String {
            var word = String.UnicodeScalarView()
            var rest = text.unicodeScalars[...]
            while let character = rest.popFirst() {
                word.append(["\\", "%"].contains(character) ? rest.popFirst() ?? character : character)
            }
            return String(word)
        }
    }
}

// MARK: - Checks

extension Blueprint {
    /// What is wrong between secrets and what else is said.
    static func checkSecrets(_ blueprint: Blueprint, _ node: YAMLNode, _ decoding: inout Decoding) {
        var hashes: [String: (hash: String, place: String)] = [:]
        func check(_ secret: Secret, _ place: String, _ node: YAMLNode?) {
            guard let hash = secret.keyedHash, let mark = node?["keyed-hash"]?.mark else { return }
            let known = hashes[secret.name] ?? (hash, place)
            hashes[secret.name] = known
            if known.hash != hash {
                decoding.report(
                    mark,
                    "\(place).keyed-hash: \(known.place) has another for the same credential \(secret.name); one "
                        + "credential is one secret: give each its own name")
            }
        }
        for entry in node["users"]?.entries ?? [] {
            if let secret = blueprint.users[entry.key]?.password {
                check(secret, "users.\(entry.key).password", entry.value["password"])
            }
        }
        for entry in node["files"]?.entries ?? [] {
            guard case .secret(let secret)? = blueprint.files[entry.key]?.content else { continue }
            check(secret, "files.\(entry.key)", entry.value)
            if !blueprint.canMakeAtBoot(entry.key) {
                decoding.report(
                    entry.keyMark,
                    "files.\(entry.key): a machine cannot make this at boot; a secret goes below "
                        + "\(either(writable)), or below one of `mounts`")
            }
            if blueprint.statOverrides[entry.key] != nil {
                decoding.report(
                    entry.keyMark,
                    "files.\(entry.key): of a secret `files` says owner and mode: take it out of stat-overrides")
            }
        }
    }
}
