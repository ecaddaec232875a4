extension Blueprint {
    /// What a program may do though an ordinary user starts it (capabilities(7), "File capabilities").
    public struct Capabilities: Sendable, Equatable {
        /// One bit for each capability, by its number.
        public var permitted: UInt64
        /// As ``permitted``: what a program keeps of its caller's.
        public var inheritable: UInt64
        /// Whether the program has them from its start: one bit for all.
        public var isEffective: Bool
    }
}

extension Blueprint.Capabilities {
    /// Names by number (linux/capability.h).
    private static let names = [
        "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
        "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
        "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
        "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
        "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
        "checkpoint_restore",
    ].map { "cap_\($0)" }

    /// Reads the text form of setcap(8): clauses such as `cap_net_raw,cap_net_admin=ep`, with spaces between them.
    public init?(_ text: String) {
        self.init(permitted: 0, inheritable: 0, isEffective: false)
        var effective: Set<Bool> = []
        for clause in text.split(separator: " ") {
            guard let sign = clause.firstIndex(where: { "=+".contains($0) }) else { return nil }
            let flags = clause[clause.index(after: sign)...]
            guard flags.contains(where: { "ip".contains($0) }), flags.allSatisfy({ "eip".contains($0) }),
                Set(flags).count == flags.count
            else { return nil }
            var bits: UInt64 = 0
            for name in clause[..<sign].split(separator: ",", omittingEmptySubsequences: false) {
                guard let number = Self.names.firstIndex(of: String(name)) else { return nil }
                bits |= 1 << UInt64(number)
            }
            // Twice the same would leave it to the order which counts.
            if bits & (permitted | inheritable) != 0 { return nil }
            if flags.contains("p") { permitted |= bits }
            if flags.contains("i") { inheritable |= bits }
            effective.insert(flags.contains("e"))
        }
        // The kernel has one bit for all.
        guard effective.count == 1 else { return nil }
        isEffective = effective == [true]
    }

    /// The text form: each capability once, in the order of their numbers, first those of the program itself.
    public var text: String {
        let both = permitted & inheritable
        let clauses = [(permitted & ~both, "p"), (both, "ip"), (inheritable & ~both, "i")]
        return clauses.filter { $0.0 != 0 }.map { bits, flags in
            let names = Self.names.enumerated().filter { bits >> UInt64($0.offset) & 1 == 1 }.map(\.element)
            return "\(names.joined(separator: ","))=\(isEffective ? "e" : "")\(flags)"
        }.joined(separator: " ")
    }

    private static let revision: UInt32 = 0x0200_0000
    private static let effectiveFlag: UInt32 = 1

    /// Reads the attribute `security.capability` (struct vfs_ns_cap_data); nil for revisions that bind it to a user
    /// namespace, and for capabilities without a name.
    public init?(attribute: [UInt8]) {
        guard attribute.count == 20 else { return nil }
        let words = stride(from: 0, to: 20, by: 4).map { start in
            (0..<4).reduce(UInt32(0)) { $0 | UInt32(attribute[start + $1]) << UInt32($1 * 8) }
        }
        guard words[0] & ~Self.effectiveFlag == Self.revision else { return nil }
        permitted = UInt64(words[1]) | UInt64(words[3]) << 32
        inheritable = UInt64(words[2]) | UInt64(words[4]) << 32
        isEffective = words[0] & Self.effectiveFlag != 0
        let all = permitted | inheritable
        guard all != 0, all >> UInt64(Self.names.count) == 0 else { return nil }
    }

    /// The attribute `security.capability`: revision 2, in little endian.
    public var attribute: [UInt8] {
        let words = [
            Self.revision | (isEffective ? Self.effectiveFlag : 0),
            UInt32(truncatingIfNeeded: permitted), UInt32(truncatingIfNeeded: inheritable),
            UInt32(truncatingIfNeeded: permitted >> 32), UInt32(truncatingIfNeeded: inheritable >> 32),
        ]
        return words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32($0 * 8)) } }
    }

    static let codec = Codec<String>.text(.capabilities).converted(to: { text, _, _ in Self(text) }, from: \.text)
}

extension TextRule {
    // setcap(8), cap_from_text(3).
    static let capabilities = TextRule(
        article: "a set of file capabilities",
        form: "clauses such as \"cap_net_raw,cap_net_admin=ep\", each capability once, \"e\" in all of them or in none"
    ) { Blueprint.Capabilities($0) != nil }
}
