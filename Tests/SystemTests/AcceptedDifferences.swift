/// A difference between two trees that is as it should be.
struct AcceptedDifference<Kind: CaseIterable & Equatable & Sendable>: Sendable {
    /// A path; a `*` stands for any part of one name, a last component `**` for everything below.
    var path: String
    /// What may differ there; nil: everything.
    var aspects: Set<Difference.Aspect>?
    /// In which kinds of trees it differs: in these it must.
    var kinds: [Kind]
    /// Why it is right.
    var reason: String

    init(
        _ path: String, _ aspects: Set<Difference.Aspect>? = nil, in kinds: [Kind] = Array(Kind.allCases),
        reason: String
    ) {
        self.path = path
        self.aspects = aspects
        self.kinds = kinds
        self.reason = reason
    }

    func accepts(_ difference: Difference) -> Bool {
        aspects?.contains(difference.aspect) != false
            && Self.matches(
                path.split(separator: "/")[...], difference.path.split(separator: "/")[...])
    }

    private static func matches(_ pattern: ArraySlice<Substring>, _ path: ArraySlice<Substring>) -> Bool {
        guard let first = pattern.first else { return path.isEmpty }
        guard let name = path.first else { return false }
        if first == "**" { return true }
        let parts = first.split(separator: "*", maxSplits: 1, omittingEmptySubsequences: false)
        let isMatch =
            parts.count == 1
            ? first == name : name.count >= first.count - 1 && name.hasPrefix(parts[0]) && name.hasSuffix(parts[1])
        return isMatch && matches(pattern.dropFirst(), path.dropFirst())
    }
}

/// Those between our tree and mmdebstrap's: keep this list short. An entry that no difference needs any more fails the tests.
let acceptedDifferences: [AcceptedDifference<OracleSet>] =
    [
        // What every blueprint says, if only by its defaults.
        .init("/etc/apt/sources.list.d/debian.sources", reason: "the archives of the lock"),
        .init("/etc/hostname", reason: "the blueprint's name"),
        .init("/etc/hosts", reason: "the blueprint's name"),
        .init("/etc/locale.conf", reason: "the blueprint's default"),
        .init("/usr/lib/pisces/system", reason: "what the machine is made of"),
        .init("/usr/lib/pisces/system/**", reason: "what the machine is made of"),
        // What is each machine's own.
        .init("/etc/machine-id", [.mode], reason: "empty in both; read-only as systemd leaves it"),
        .init("/etc/ssh/ssh_host_*", in: [.minimal, .server], reason: "a key; made at the first boot"),
        .init(
            "/etc/ssh/sshd_config.d/10-pisces-identity.conf", in: [.minimal, .server], reason: "where keys are made"),
        .init(
            "/etc/systemd/system/*.wants/pisces-ssh-keys.service", in: [.minimal, .server], reason: "makes the keys"),
        .init(
            "/usr/lib/systemd/system/pisces-*.service", in: [.minimal, .server], reason: "makes what is a machine's own"
        ),
        .init("/etc/ssl/certs/ce275665.0", in: [.server], reason: "leads to the certificate of a key"),
        .init("/etc/ssl/certs/ssl-cert-snakeoil.pem", in: [.server], reason: "the certificate of a key"),
        .init("/etc/ssl/private/ssl-cert-snakeoil.key", in: [.server], reason: "a key; made at the first boot"),
        .init("/var/lib/postgresql/17/main", in: [.server], reason: "has an identity; made at the first boot"),
        .init("/var/lib/postgresql/17/main/**", in: [.server], reason: "has an identity; made at the first boot"),
        .init("/etc/bind/rndc.key", in: [.server], reason: "a key; made at the first boot"),
        .init("/etc/aliases.db", in: [.server], reason: "has a random identity; made at the first boot"),
        .init("/usr/lib/pisces/first-boot", in: [.server], reason: "makes what is a machine's own"),
        .init("/usr/lib/pisces/first-boot/**", in: [.server], reason: "makes what is a machine's own"),
        .init("/usr/lib/systemd/system/*.d", [.presence], in: [.server], reason: "holds what waits for the above"),
        .init("/usr/lib/systemd/system/*.d/pisces-*.conf", in: [.server], reason: "waits for the above"),
        // What the build leaves behind, and outputs leave out.
        .init("/etc/.pwd.lock", [.presence], reason: "a lock"),
        .init("/etc/group-", [.presence], reason: "a backup"),
        .init("/etc/gshadow-", [.presence], reason: "a backup"),
        .init("/etc/passwd-", [.presence], reason: "a backup"),
        .init("/etc/shadow-", [.presence], reason: "a backup"),
        .init("/var/cache/debconf/*-old", [.presence], reason: "a backup"),
        .init("/var/lib/dpkg/*-old", [.presence], reason: "a backup"),
        .init("/var/lib/dpkg/triggers/Lock", [.presence], reason: "a lock"),
        .init("/run/**", [.presence], reason: "empty when a machine starts"),
        .init("/var/log/alternatives.log", [.presence], reason: "mmdebstrap removes it; here it is empty"),
        .init(
            "/var/log/fontconfig.log", [.content], in: [.server], reason: "what happened at the build; here it is empty"
        ),
        .init("/var/log/dpkg.log", [.presence], reason: "mmdebstrap removes it; here it is empty"),
        // What mmdebstrap and its apt leave behind.
        .init("/dev/**", [.presence], reason: "a static /dev, which no system uses"),
        .init("/etc/apt/sources.list", reason: "the repository of this test"),
        .init("/etc/fstab", reason: "a comment that nothing is configured"),
        .init("/var/cache/apt/archives/**", reason: "apt's downloads"),
        .init("/var/lib/apt/lists/**", reason: "apt's downloads"),
        .init("/var/lib/dpkg/arch", reason: "dpkg's own architecture, which it knows without"),
        .init("/tmp", [.time], reason: "mmdebstrap's scripts have written here"),
        .init("/var/log/apt", [.time], reason: "apt has written here"),
        // Packages that share an empty directory: the first one that is unpacked gives it its time.
        .init("/etc/apparmor.d/force-complain", [.time], in: [.server], reason: "an empty directory of two packages"),
    ]
