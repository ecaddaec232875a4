internal import BlueprintModel
internal import LinuxSystem

/// What a file has beside contents, owner and mode, in a blueprint's words.
struct FileAttributes {
    var capabilities: Blueprint.Capabilities?
    var acl: [Blueprint.AccessEntry] = []
    var xattrs: [String: [UInt8]] = [:]
    /// What a blueprint cannot say of it, each with its reason.
    var omissions: [String] = []

    /// Reads the attributes of an inode.
    ///
    /// - Parameters:
    ///   - isPackaged: whether the mode that comes before the list is a package's.
    ///   - user: the name of a user by number.
    ///   - group: the same of a group.
    init(
        _ node: Finding.Node, isPackaged: Bool, user: (UInt32) -> String?, group: (UInt32) -> String?
    ) {
        let mode = UInt16(node.mode & 0o777)
        for (name, value) in node.xattrs.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            switch name {
            case "security.capability":
                capabilities = Blueprint.Capabilities(attribute: value)
                if capabilities == nil { omissions.append("without its capabilities, which this system does not know") }
            case "system.posix_acl_access", "system.posix_acl_default":
                let isDefault = name.hasSuffix("default")
                let list = [Blueprint.AccessEntry](attribute: value, isDefault: isDefault, user: user, group: group)
                guard let list else {
                    omissions.append("without its \(name), which acl(5) does not allow")
                    continue
                }
                acl += Self.reduced(list, mode: mode, isPackaged: isPackaged)
            default:
                if !TextForm.userAttribute.allows(name) {
                    omissions.append("without an attribute that a blueprint cannot name")
                } else if let kind = SecretFiles.kind(in: value) {
                    omissions.append("without its \(name), which holds \(kind)")
                } else {
                    xattrs[name] = value
                }
            }
        }
        acl = acl.inOrder
    }

    /// Whether there are none.
    var isEmpty: Bool { capabilities == nil && acl.isEmpty && xattrs.isEmpty }

    private static func reduced(
        _ list: [Blueprint.AccessEntry], mode: UInt16, isPackaged: Bool
    ) -> [Blueprint.AccessEntry] {
        guard list.first?.isDefault == false else { return list.reduced(mode: mode, isMaskInMode: false) }
        if !isPackaged { return list.reduced(mode: mode, isMaskInMode: true) }
        // The package's mode is not known: what its group may do is written.
        let owningGroup = UInt16(list.first { $0.tag == .owningGroup }?.permissions ?? 0)
        return list.reduced(mode: mode & 0o707 | (~owningGroup & 7) << 3, isMaskInMode: false)
    }
}
