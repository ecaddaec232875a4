internal import BlueprintModel
internal import Debian
internal import LinuxSystem

extension Reading {
    private static let kind = "stat-overrides"

    /// Reads dpkg-statoverride(1)'s register. What a package's script writes there comes with the package.
    mutating func readStatOverrides(into blueprint: inout Blueprint) {
        let file = "/var/lib/dpkg/statoverride"
        let lines = lines(of: file, Self.kind).filter { !$0.text.isEmpty }
        if lines.isEmpty { return }
        let scripts = maintainerScripts()
        let accounts = AccountNames(
            users: self.lines(of: "/etc/passwd", Self.kind), groups: self.lines(of: "/etc/group", Self.kind))
        for line in lines {
            guard let entry = try? DpkgDatabase.statOverrides(line.text, file: file).first else {
                leaveOut(Self.kind, "\(file):\(line.number)", "it is not of the form 'USER GROUP MODE PATH'")
                continue
            }
            guard let owner = accounts.user(entry.user), let group = accounts.group(entry.group) else {
                leaveOut(
                    Self.kind, entry.path,
                    "it is for \(entry.user):\(entry.group), and the system has no such user or group: remove it by "
                        + "`dpkg-statoverride --remove \(entry.path)`, or dpkg stops there")
                continue
            }
            var override = Blueprint.StatOverride(mode: UInt16(entry.mode))
            (override.owner, override.group) = (owner, group)
            guard holding.overrides.updateValue(override, forKey: entry.path) == nil else {
                leaveOut(Self.kind, "\(file):\(line.number)", "a second one of \(entry.path)")
                continue
            }
            if scripts.makes(entry) { continue }
            guard TextForm.absolutePath.allows(entry.path), TextForm.accountName.allows(owner),
                TextForm.accountName.allows(group)
            else {
                leaveOut(Self.kind, entry.path, "a blueprint cannot name this path, its owner or its group")
                continue
            }
            blueprint.statOverrides[entry.path] = override
        }
    }
}

/// The accounts that a register may name, or give the numbers of.
private struct AccountNames {
    private let users: [String: UInt32]
    private let groups: [String: UInt32]

    init(users: [TextLine], groups: [TextLine]) {
        self.users = Self.table(users)
        self.groups = Self.table(groups)
    }

    private static func table(_ lines: [TextLine]) -> [String: UInt32] {
        let pairs = lines.compactMap { line -> (String, UInt32)? in
            let fields = parts(of: line.text, at: ":")
            return fields.count > 2 ? UInt32(fields[2]).map { (fields[0], $0) } : nil
        }
        // Every system has this one, whether its files say so or not.
        return Dictionary([("root", 0)] + pairs) { first, _ in first }
    }

    func user(_ word: String) -> String? { Self.name(word, users) }
    func group(_ word: String) -> String? { Self.name(word, groups) }

    /// The name that a word stands for; nil for one that nobody has.
    private static func name(_ word: String, _ table: [String: UInt32]) -> String? {
        guard word.utf8.first == UInt8(ascii: "#") else { return table[word] == nil ? nil : word }
        guard let number = UInt32(word.dropFirst()) else { return nil }
        return table.filter { $0.value == number }.keys.min(by: bytesPrecede)
    }
}
