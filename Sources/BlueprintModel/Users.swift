extension Blueprint {
    /// A user account.
    public struct User: Sendable, Equatable {
        /// The numeric id; nil lets the lock choose one and keep it.
        public var uid: Int?
        /// The primary group; nil means one of the user's own name.
        public var group: String?
        /// Supplementary groups.
        public var groups: [String] = []
        /// The login shell; nil means `/bin/bash`, for a system user `/usr/sbin/nologin`.
        public var shell: String?
        /// The home directory; nil means `/home/NAME`, for a system user `/nonexistent`.
        public var home: String?
        /// Public keys that may log in, as lines of authorized_keys(5) without options.
        public var sshKeys: [String] = []
        /// The full name (GECOS).
        public var comment = ""
        /// Whether this is an account of a service, not of a person.
        public var system = false
        /// Ranges of ids that the user's containers may take, as subuid(5) has them: `START:COUNT`. Without any, useradd(8)
        /// chooses the next ones for a person.
        public var subuids: [String] = []
        /// The same for groups (subgid(5)).
        public var subgids: [String] = []
        /// Where the password hash comes from at run time; nil locks password login.
        public var password: Secret?

        /// A person's account with a locked password.
        public init() {}
    }

    /// A group of users.
    public struct Group: Sendable, Equatable {
        /// The numeric id; nil lets the lock choose one and keep it.
        public var gid: Int?
        /// Whether the id comes from the range of services.
        public var system = false

        /// A group of persons.
        public init() {}
    }
}

/// Every id but root's and the two that mean none.
private let ids = 1...0xFFFF_FFFE

extension Blueprint.User {
    static let codec = Codec<Self>.record(
        "user", Self(),
        [
            Key("uid", \.uid, .integer(ids), "The numeric id; by default the lock chooses one and keeps it."),
            Key("group", \.group, .text(.accountName), "The primary group; by default one of the user's own name."),
            Key("groups", \.groups, .list(.text(.accountName)), "Supplementary groups."),
            Key(
                "shell", \.shell, .text(.absolutePath),
                "The login shell; by default /bin/bash, for a system user /usr/sbin/nologin."),
            Key(
                "home", \.home, .text(.absolutePath),
                "The home directory; by default /home/NAME, for a system user /nonexistent."),
            Key("ssh-keys", \.sshKeys, .list(.text(.sshKey)), "Public keys that may log in by SSH."),
            Key("comment", \.comment, .text(.comment), "The full name."),
            Key("system", \.system, .bool, "Whether this is the account of a service."),
            Key(
                "subuids", \.subuids, .list(.text(.idRange)),
                "Ranges of user ids for the user's containers (subuid(5)); by default useradd chooses for persons."),
            Key("subgids", \.subgids, .list(.text(.idRange)), "The same for groups (subgid(5))."),
            Key(
                "password", \.password, Blueprint.Secret.codec,
                "The credential that holds the password's hash at run time; by default no password logs in."),
        ])
}

extension TextRule {
    /// subuid(5): the first id and how many there are.
    static let idRange = TextRule(
        article: "a range of ids", form: "\"START:COUNT\" within 32 bits, as in \"100000:65536\"",
        pattern: "^[1-9][0-9]{0,9}:[1-9][0-9]{0,9}$"
    ) { text in Blueprint.User.idRange(text) != nil }
}

extension Blueprint.User {
    /// The ids of a range as text; nil where it is none.
    public static func idRange(_ text: String) -> Range<Int>? {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        let numbers = parts.compactMap { part -> Int? in
            guard let first = part.first, (0x31...0x39).contains(first), part.count <= 10,
                part.allSatisfy({ (0x30...0x39).contains($0) })
            else { return nil }
            return Int(String(decoding: part, as: UTF8.self))
        }
        guard parts.count == 2, numbers.count == 2, numbers[0] + numbers[1] - 1 <= ids.upperBound else { return nil }
        return numbers[0]..<numbers[0] + numbers[1]
    }
}

extension Blueprint {
    /// Refuses ranges that two users would share: each could change what the other's containers own.
    static func checkIDRanges(_ blueprint: Blueprint, _ node: YAMLNode, _ decoding: inout Decoding) {
        for key in ["subuids", "subgids"] {
            var taken: [(range: Range<Int>, user: String)] = []
            for entry in node["users"]?.entries ?? [] {
                for element in entry.value[key]?.elements ?? [] {
                    guard let range = element.text.flatMap(User.idRange) else { continue }
                    if let other = taken.first(where: { $0.range.overlaps(range) }) {
                        decoding.report(
                            element.mark,
                            "users.\(entry.key).\(key): \(other.user) has some of these ids; give each user its own")
                    }
                    taken.append((range, entry.key))
                }
            }
        }
    }
}

extension Blueprint.Group {
    static let codec = Codec<Self>.record(
        "group", Self(),
        [
            Key("gid", \.gid, .integer(ids), "The numeric id; by default the lock chooses one and keeps it."),
            Key("system", \.system, .bool, "Whether the id comes from the range of services."),
        ])
}
