extension Blueprint {
    /// One line of a POSIX access control list (acl(5)), as setfacl(1) takes it: `user:www-data:r-x`.
    public struct AccessEntry: Sendable, Hashable {
        /// Of whom an entry speaks.
        public enum Tag: Sendable, Hashable {
            /// The file's owner.
            case owner
            /// A user by name or number.
            case user(String)
            /// The file's group.
            case owningGroup
            /// A group by name or number.
            case group(String)
            /// The most that all but the owner and others get.
            case mask
            /// Everybody else.
            case other
        }

        /// Whether it is for what is made in this directory later.
        public var isDefault = false
        /// Of whom it speaks.
        public var tag: Tag
        /// Read 4, write 2, execute 1.
        public var permissions: UInt8

        /// An entry of its parts.
        public init(_ tag: Tag, _ permissions: UInt8, isDefault: Bool = false) {
            (self.tag, self.permissions, self.isDefault) = (tag, permissions, isDefault)
        }
    }
}

extension Blueprint.AccessEntry {
    /// Reads an entry with the words written out: `user`, `group`, `mask` or `other`, `default` before them.
    public init?(_ text: String) {
        var fields = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)[...]
        isDefault = fields.first == "default"
        if isDefault { fields = fields.dropFirst() }
        guard fields.count == 3, let word = fields.popFirst(), let name = fields.popFirst(),
            let letters = fields.popFirst(), letters.utf8.count == 3
        else { return nil }
        permissions = 0
        for (letter, (wanted, bit)) in zip(letters, [("r", 4), ("w", 2), ("x", 1)] as [(Character, UInt8)]) {
            if letter == wanted { permissions |= bit } else if letter != "-" { return nil }
        }
        let isAccount = TextRule.accountName.isValid(name) || UInt32(name).map { String($0) == name } == true
        switch (word, name.isEmpty) {
        case ("user", true): tag = .owner
        case ("group", true): tag = .owningGroup
        case ("mask", true): tag = .mask
        case ("other", true): tag = .other
        case ("user", false) where isAccount: tag = .user(name)
        case ("group", false) where isAccount: tag = .group(name)
        default: return nil
        }
    }

    /// The entry as setfacl(1) takes it.
    public var text: String {
        let who =
            switch tag {
            case .owner: "user:"
            case .user(let name): "user:\(name)"
            case .owningGroup: "group:"
            case .group(let name): "group:\(name)"
            case .mask: "mask:"
            case .other: "other:"
            }
        let letters = [("r", 4), ("w", 2), ("x", 1)].map { permissions & $0.1 != 0 ? $0.0 : "-" }.joined()
        return "\(isDefault ? "default:" : "")\(who):\(letters)"
    }

    static let codec = Codec<String>.text(.accessEntry).converted(to: { text, _, _ in Self(text) }, from: \.text)
}

extension TextRule {
    // acl(5), setfacl(1).
    static let accessEntry = TextRule(
        article: "an entry of an access control list",
        form: "\"user:NAME:rwx\", \"group:NAME:r-x\", \"group::r--\" or \"mask::rw-\", with \"default:\" before it "
            + "for what is made in a directory later"
    ) { Blueprint.AccessEntry($0) != nil }
}

extension [Blueprint.AccessEntry] {
    /// The entries in the order of acl(5), accounts by name: no other order means anything else.
    public var inOrder: Self {
        func rank(_ entry: Element) -> (Int, Int, String) {
            let (rank, name) =
                switch entry.tag {
                case .owner: (0, "")
                case .user(let name): (1, name)
                case .owningGroup: (2, "")
                case .group(let name): (3, name)
                case .mask: (4, "")
                case .other: (5, "")
                }
            return (entry.isDefault ? 1 : 0, rank, name)
        }
        return sorted { rank($0) < rank($1) }
    }
}

// MARK: - As the kernel keeps it

extension [Blueprint.AccessEntry] {
    /// The form of the attributes `system.posix_acl_access` and `system.posix_acl_default` (linux/posix_acl_xattr.h).
    private static let version: [UInt8] = [2, 0, 0, 0]
    private static let nobody = UInt32.max

    /// Reads an attribute; nil where it is none.
    ///
    /// - Parameters:
    ///   - user: the name of a user by number; one without a name keeps the number.
    ///   - group: the same of a group.
    public init?(
        attribute: [UInt8], isDefault: Bool, user: (UInt32) -> String?, group: (UInt32) -> String?
    ) {
        guard attribute.starts(with: Self.version), attribute.count % 8 == 4, attribute.count > 4 else { return nil }
        self = []
        for start in stride(from: 4, to: attribute.count, by: 8) {
            let number = (0..<4).reduce(UInt32(0)) { $0 | UInt32(attribute[start + 4 + $1]) << UInt32($1 * 8) }
            let tag: Blueprint.AccessEntry.Tag
            switch (attribute[start], attribute[start + 1]) {
            case (0x01, 0): tag = .owner
            case (0x02, 0): tag = .user(user(number) ?? "\(number)")
            case (0x04, 0): tag = .owningGroup
            case (0x08, 0): tag = .group(group(number) ?? "\(number)")
            case (0x10, 0): tag = .mask
            case (0x20, 0): tag = .other
            default: return nil
            }
            guard attribute[start + 2] < 8, attribute[start + 3] == 0 else { return nil }
            append(Blueprint.AccessEntry(tag, attribute[start + 2], isDefault: isDefault))
        }
        guard Set(map(\.tag)).count == count else { return nil }
    }

    /// The attribute of these entries, which speak of a file or all of what is made in a directory; the kernel wants
    /// them in this order.
    ///
    /// - Returns: the attribute, or the name of an account that has no number.
    public func attribute(
        user: (String) -> UInt32?, group: (String) -> UInt32?
    ) -> Result<[UInt8], Blueprint.UnknownAccount> {
        var rows: [(tag: UInt8, number: UInt32, permissions: UInt8)] = []
        for entry in self {
            switch entry.tag {
            case .owner: rows.append((0x01, Self.nobody, entry.permissions))
            case .user(let name):
                guard let number = user(name) else { return .failure(.init(name: name)) }
                rows.append((0x02, number, entry.permissions))
            case .owningGroup: rows.append((0x04, Self.nobody, entry.permissions))
            case .group(let name):
                guard let number = group(name) else { return .failure(.init(name: name)) }
                rows.append((0x08, number, entry.permissions))
            case .mask: rows.append((0x10, Self.nobody, entry.permissions))
            case .other: rows.append((0x20, Self.nobody, entry.permissions))
            }
        }
        rows.sort { ($0.tag, $0.number) < ($1.tag, $1.number) }
        return .success(
            rows.reduce(into: Self.version) { bytes, row in
                bytes += [row.tag, 0, row.permissions, 0]
                bytes += (0..<4).map { UInt8(truncatingIfNeeded: row.number >> UInt32($0 * 8)) }
            })
    }

    /// The entries with those that acl(5) wants and nobody wrote: owner, group and others by a mode, and the mask that
    /// lets everything through that an entry gives.
    ///
    /// - Parameters:
    ///   - mode: the permission bits of the file, or of the directory whose default it is.
    ///   - isMaskInMode: whether the mode's bits for the group are the mask, as stat(2) shows them of a file with a list.
    public func completed(mode: UInt16, isMaskInMode: Bool) -> Self {
        guard let isDefault = first?.isDefault else { return self }
        var result = self
        func complete(_ tag: Blueprint.AccessEntry.Tag, _ permissions: UInt8) {
            if result.contains(where: { $0.tag == tag }) { return }
            result.append(Blueprint.AccessEntry(tag, permissions, isDefault: isDefault))
        }
        let bits = { (shift: UInt16) in UInt8(mode >> shift & 7) }
        complete(.owner, bits(6))
        complete(.owningGroup, bits(3))
        complete(.other, bits(0))
        complete(.mask, isMaskInMode ? bits(3) : result.usualMask)
        return result
    }

    /// The entries without those that ``completed(mode:isMaskInMode:)`` puts back.
    public func reduced(mode: UInt16, isMaskInMode: Bool) -> Self {
        var result = self
        for tag in [.mask, .owner, .owningGroup, .other] as [Blueprint.AccessEntry.Tag] {
            guard result.count > 1, let index = result.firstIndex(where: { $0.tag == tag }) else { continue }
            var shorter = result
            shorter.remove(at: index)
            let isSame =
                Set(shorter.completed(mode: mode, isMaskInMode: isMaskInMode))
                == Set(result.completed(mode: mode, isMaskInMode: isMaskInMode))
            if isSame { result = shorter }
        }
        return result
    }

    /// What setfacl(1) calculates: all that a user, a group or the owning group gets.
    private var usualMask: UInt8 {
        reduce(0) { mask, entry in
            switch entry.tag {
            case .user, .group, .owningGroup: mask | entry.permissions
            case .owner, .mask, .other: mask
            }
        }
    }
}

extension Blueprint {
    /// An account that has no number.
    public struct UnknownAccount: Error, Equatable {
        /// Its name.
        public let name: String

        /// The error of a name.
        public init(name: String) { self.name = name }
    }
}
