import Debian
import Filesystems
import LinuxSystem

/// The numbers of the users and groups that nobody chose a number for, held fixed by the lock.
///
/// Maintainer scripts and useradd(8) take the next free number, so that the order of installation decides which; from one lock to the
/// next a number could come to mean another user, and files on the data partition would change hands. So the numbers of
/// the first build are written into the lock, and later builds are renumbered to it.
struct Identities: Equatable {
    var users: [String: UInt32]
    var groups: [String: UInt32]

    /// The range that adduser(8) and systemd-sysusers(8) allocate from; base-passwd's numbers below it never change.
    static let system: ClosedRange<UInt32> = 100...999
    /// The range for people.
    static let people: ClosedRange<UInt32> = 1000...59999

    private static func isDynamic(_ number: UInt32) -> Bool { system.contains(number) || people.contains(number) }

    /// The dynamic users and groups among all accounts.
    init(accounts: Accounts) {
        users = accounts.users.filter { Self.isDynamic($0.value) }
        groups = accounts.groups.filter { Self.isDynamic($0.value) }
    }

    init(users: [String: UInt32], groups: [String: UInt32]) {
        self.users = users
        self.groups = groups
    }

    /// The numbers to use: the locked one of every name that has one, its own for a new name where that is free, else
    /// the next free one: downwards for the system, upwards for people.
    func settled(by lock: Identities) -> Identities {
        Identities(users: Self.settle(users, lock.users), groups: Self.settle(groups, lock.groups))
    }

    private static func settle(_ own: [String: UInt32], _ locked: [String: UInt32]) -> [String: UInt32] {
        var result: [String: UInt32] = own.filter { locked[$0.key] != nil }.reduce(into: [:]) {
            $0[$1.key] = locked[$1.key]
        }
        // A locked number stays reserved though its user is not in this build: it may come back.
        var taken = Set(locked.values)
        for (name, number) in own.sorted(by: { bytesPrecede($0.key, $1.key) }) where locked[name] == nil {
            let range = people.contains(number) ? Array(people) : system.reversed()
            let free =
                taken.contains(number)
                ? range.first { !taken.contains($0) && !own.values.contains($0) } : number
            result[name] = free ?? number
            taken.insert(free ?? number)
        }
        return result
    }

    /// Renumbers a tree from these numbers to others: every owner, and the numbers in passwd(5) and group(5), whose
    /// texts are given.
    func renumber(_ tree: inout FileTree, to other: Identities, passwd: String, group: String) {
        let uids = Self.changes(users, other.users)
        let gids = Self.changes(groups, other.groups)
        if uids.isEmpty && gids.isEmpty { return }
        for path in tree.paths {
            guard var node = tree[path] else { continue }
            guard uids[node.uid] != nil || gids[node.gid] != nil else { continue }
            node.uid = uids[node.uid] ?? node.uid
            node.gid = gids[node.gid] ?? node.gid
            tree[path] = node
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
