import Debian
import Filesystems
import LinuxSystem

/// The numbers of the users and groups that nobody chose, held fixed by the lock.
///
/// Maintainer scripts and useradd(8) take the next free number, so that the order of their calls decides which; from one
/// lock to the next a number could come to mean another user, and files on the data partition would change hands. So the
/// numbers of the first build are written into the lock, and later builds are renumbered to it.
struct Identities: Equatable {
    var users: [String: UInt32]
    var groups: [String: UInt32]

    /// What adduser(8), useradd(8) and systemd-sysusers(8) allocate: first for the system, then for people.
    /// base-passwd's numbers below never change.
    static let dynamic: [ClosedRange<UInt32>] = [100...999, 1000...59999]

    /// The accounts with dynamic numbers, but for those whose number the blueprint gives.
    init(accounts: Accounts, chosen: (users: Set<String>, groups: Set<String>)) {
        let isDynamic = { (number: UInt32) in Self.dynamic.contains { $0.contains(number) } }
        users = accounts.users.filter { isDynamic($0.value) && !chosen.users.contains($0.key) }
        groups = accounts.groups.filter { isDynamic($0.value) && !chosen.groups.contains($0.key) }
    }

    init(users: [String: UInt32], groups: [String: UInt32]) {
        self.users = users
        self.groups = groups
    }

    /// The numbers to use: the locked one of every name that has one, its own for a new name where that is free, else
    /// another of its range. `chosen` numbers are taken.
    func settled(by lock: Identities, chosen: Identities = Identities(users: [:], groups: [:])) throws -> Identities {
        Identities(
            users: try Self.settle(users, lock.users, taken: Set(chosen.users.values)),
            groups: try Self.settle(groups, lock.groups, taken: Set(chosen.groups.values)))
    }

    private static func settle(
        _ own: [String: UInt32], _ locked: [String: UInt32], taken chosen: Set<UInt32>
    ) throws -> [String: UInt32] {
        // A locked number stays reserved though its user is not in this build: it may come back.
        var taken = chosen.union(locked.values)
        var result: [String: UInt32] = [:]
        for (name, number) in own.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            if let number = locked[name] {
                guard !chosen.contains(number) else {
                    throw ConstructorError(
                        "the lock gives \(name) the number \(number), which the blueprint gives to another",
                        hint: "choose another uid or gid in the blueprint")
                }
                result[name] = number
                continue
            }
            let range = dynamic.first { $0.contains(number) } ?? number...number
            let isFree = { (number: UInt32) in !taken.contains(number) && !own.values.contains(number) }
            // As the tools do it: downwards for the system, upwards for people.
            let candidates = range.lowerBound < 1000 ? Array(range.reversed()) : Array(range)
            guard let free = taken.contains(number) ? candidates.first(where: isFree) : number else {
                throw ConstructorError("no number from \(range) is left for \(name)")
            }
            result[name] = free
            taken.insert(free)
        }
        return result
    }

    /// Renumbers a tree from these numbers to others: every owner, and the numbers in passwd(5) and group(5), whose
    /// texts are given.
    func renumber(_ tree: inout FileTree, to other: Identities, passwd: String, group: String) {
        let uids = Self.changes(users, other.users)
        let gids = Self.changes(groups, other.groups)
        if uids.isEmpty && gids.isEmpty { return }
        tree.updateAll { _, node in
            node.uid = uids[node.uid] ?? node.uid
            node.gid = gids[node.gid] ?? node.gid
            for name in FileAttributes.lists {
                guard let list = node.xattrs[name] else { continue }
                node.xattrs[name] = FileAttributes.renumbered(list, users: uids, groups: gids)
            }
        }
        Self.replace("/etc/passwd", in: &tree, Self.rewrite(passwd, [2: uids, 3: gids]))
        Self.replace("/etc/group", in: &tree, Self.rewrite(group, [2: gids]))
    }

    private static func changes(_ from: [String: UInt32], _ to: [String: UInt32]) -> [UInt32: UInt32] {
        from.reduce(into: [:]) { changes, item in
            if let new = to[item.key], new != item.value { changes[item.value] = new }
        }
    }

    private static func rewrite(_ text: String, _ columns: [Int: [UInt32: UInt32]]) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            var fields = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            for (column, changes) in columns where column < fields.count {
                if let old = UInt32(fields[column]), let new = changes[old] { fields[column] = String(new) }
            }
            return fields.joined(separator: ":")
        }.joined(separator: "\n")
    }

    private static func replace(_ path: String, in tree: inout FileTree, _ text: String) {
        guard var node = tree[path] else { return }
        node.kind = .file(.bytes(Array(text.utf8)))
        tree[path] = node
    }
}
