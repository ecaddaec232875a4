internal import BlueprintModel
internal import LinuxSystem

extension Reading {
    private static let kind = "users"
    private static let groupKind = "groups"

    /// Reads passwd(5), group(5), shadow(5) and the keys of users. Accounts that packages make come with the packages.
    ///
    /// - Returns: the numbers that the blueprint does not give, of all accounts.
    mutating func readUsers(into blueprint: inout Blueprint) throws -> AccountNumbers {
        let accounts = Accounts(
            passwd: lines(of: "/etc/passwd", Self.kind), group: lines(of: "/etc/group", Self.groupKind),
            shadow: lines(of: "/etc/shadow", Self.kind))
        for (place, problem) in accounts.problems { leaveOut(Self.kind, place, problem) }
        for name in ["passwd", "group", "shadow", "gshadow", "subuid", "subgid"] {
            for suffix in ["", "-"] { explain("/etc/\(name)\(suffix)") }
        }
        let made = packageAccounts()
        let persons = accounts.users.filter { isOwn($0.name, $0.uid, made, Self.kind) }
        let names = Set(persons.map(\.name))
        let groups = accounts.groups.filter { group in
            // A user's own comes with the user.
            !persons.contains { $0.name == group.name && $0.gid == group.gid }
                && isOwn(group.name, group.gid, made, Self.groupKind)
        }
        let numbers = Numbering(accounts, users: names, groups: Set(groups.map(\.name)))
        for group in groups {
            var result = Blueprint.Group()
            result.gid = numbers.isChosen(group) ? Int(group.gid) : nil
            result.system = group.gid < 1000
            blueprint.groups[group.name] = result
        }
        for person in persons {
            var user = try self.user(person, accounts)
            user.uid = numbers.isChosen(person) ? Int(person.uid) : nil
            blueprint.users[person.name] = user
        }
        readIDRanges(of: persons, \.subuids, "/etc/subuid", into: &blueprint)
        readIDRanges(of: persons, \.subgids, "/etc/subgid", into: &blueprint)
        if let root = accounts.users.first(where: { $0.uid == 0 && $0.name == "root" }) {
            var user = Blueprint.User()
            user.sshKeys = sshKeys(of: root)
            user.password = try password(of: root, accounts)
            if user != Blueprint.User() { blueprint.users["root"] = user }
            if root.shell != "/bin/bash" {
                leaveOut(Self.kind, "root", "its shell \(root.shell): the copy has /bin/bash")
            }
        }
        readMembers(accounts, persons: names, made, into: &blueprint)
        return numbers.unchosen
    }

    /// Reads subuid(5) or subgid(5): nothing where useradd(8) would choose the same, else the ranges of all, since the one
    /// that is free for a user depends on those of the others.
    private mutating func readIDRanges(
        of persons: [Accounts.User], _ ranges: WritableKeyPath<Blueprint.User, [String]>, _ path: String,
        into blueprint: inout Blueprint
    ) {
        var found: [String: [String]] = [:]
        for line in lines(of: path, Self.kind) {
            guard let text = line.content else { continue }
            let fields = parts(of: text, at: ":")
            let owner = persons.first { $0.name == fields[0] || "\($0.uid)" == fields[0] }
            let range = fields.dropFirst().joined(separator: ":")
            if Blueprint.User.idRange(range) == nil {
                leaveOut(Self.kind, "\(path):\(line.number)", "it is no line of NAME:START:COUNT")
            } else if let owner {
                found[owner.name, default: []].append(range)
            } else if fields[0] == "root" {
                leaveOut(Self.kind, "\(path):\(line.number)", "root's range: give it to root again where it is needed")
            }
        }
        let people = persons.filter { $0.uid >= 1000 }.map(\.name).sorted(by: bytesPrecede)
        let usual = people.enumerated().map { [$1: ["\(100_000 + 65_536 * $0):65536"]] }
        if found.isEmpty || found == usual.reduce(into: [:], { $0.merge($1) { first, _ in first } }) { return }
        for (name, own) in found { blueprint.users[name]?[keyPath: ranges] = own }
    }

    /// Whether an account is a person's wish, and such as a blueprint can have; notes it where it is not.
    private mutating func isOwn(_ name: String, _ number: UInt32, _ made: PackageAccounts, _ kind: String) -> Bool {
        // Below 100 is what base-passwd says; the last two are nobody's.
        guard number >= 100, number < 65534 || number > 65535, number < .max else { return false }
        if number < 1000, made.makes(name) { return false }
        guard TextForm.userName.allows(name) else {
            leaveOut(kind, quotedName(name), "a blueprint cannot have an account of this name")
            return false
        }
        return true
    }

    private func quotedName(_ name: String) -> String {
        "\"\(name.unicodeScalars.map { $0.escaped(asASCII: false) }.joined())\""
    }

    /// What packages say of the accounts they make.
    private mutating func packageAccounts() -> PackageAccounts {
        var made = PackageAccounts()
        for folder in ["/usr/lib/sysusers.d", "/etc/sysusers.d"] {
            for name in names(in: folder, Self.kind) where name.hasSuffix(".conf") {
                made.add(sysusers: lines(of: "\(folder)/\(name)", Self.kind))
            }
        }
        for name in ["passwd.master", "group.master"] {
            made.add(master: lines(of: "/usr/share/base-passwd/\(name)", Self.kind))
        }
        let folder = "/var/lib/dpkg/info"
        for name in names(in: folder, Self.kind)
        where [".preinst", ".postinst", ".config"].contains(where: name.hasSuffix) {
            made.add(script: bytes(of: "\(folder)/\(name)", Self.kind) ?? [])
        }
        return made
    }

    // MARK: - One user

    private mutating func user(_ person: Accounts.User, _ accounts: Accounts) throws -> Blueprint.User {
        var user = Blueprint.User()
        user.system = person.uid < 1000
        let name = person.name
        user.shell = path(person.shell, unless: user.system ? "/usr/sbin/nologin" : "/bin/bash", "\(name): shell")
        user.home = path(person.home, unless: user.system ? "/nonexistent" : "/home/\(name)", "\(name): home")
        if TextForm.comment.allows(person.comment) {
            user.comment = person.comment
        } else {
            leaveOut(Self.kind, "\(name): comment", "it has control characters, or looks like a secret")
        }
        let groups = accounts.groups.filter { $0.members.contains(name) && $0.name != name }.map(\.name)
        user.groups = groups.filter(TextForm.accountName.allows).sorted(by: bytesPrecede)
        if accounts.group(name)?.gid != person.gid {
            user.group = accounts.groups.first { $0.gid == person.gid }?.name
            if !(user.group.map(TextForm.accountName.allows) ?? false) {
                user.group = nil
                leaveOut(
                    Self.kind, name,
                    "its primary group is \(person.gid), which has no name that a blueprint can have: in the copy it "
                        + "has a group of its own name")
            }
        }
        user.sshKeys = sshKeys(of: person)
        user.password = try password(of: person, accounts)
        try explainHome(of: person)
        return user
    }

    private mutating func path(_ path: String, unless standard: String, _ subject: String) -> String? {
        if path == standard { return nil }
        if TextForm.absolutePath.allows(path) { return path }
        // An empty shell is /bin/sh (passwd(5)).
        if path.isEmpty, subject.hasSuffix("shell") { return "/bin/sh" }
        leaveOut(Self.kind, subject, "it is no absolute path: the copy has \(standard)")
        return nil
    }

    /// The keys that may log in, where the file has nothing else.
    private mutating func sshKeys(of user: Accounts.User) -> [String] {
        guard TextForm.absolutePath.allows(user.home), user.home != "/nonexistent" else { return [] }
        let path = "\(user.home)/.ssh/authorized_keys"
        let lines = lines(of: path, Self.kind)
        let keys = lines.map(\.text).filter(TextForm.sshKey.allows).unique
        for line in lines where line.content != nil && !TextForm.sshKey.allows(line.text) {
            leaveOut(Self.kind, "\(path):\(line.number)", "it is no plain key; a blueprint has keys without options")
        }
        if !keys.isEmpty {
            explain(path)
            explain("\(user.home)/.ssh")
        }
        return keys
    }

    /// Where the password comes from: the hash stays on the machine.
    private mutating func password(of user: Accounts.User, _ accounts: Accounts) throws -> Blueprint.Secret? {
        let folder = "/etc/systemd/system"
        let path = "\(folder)/pisces-password-\(user.name).service"
        let text = String(decoding: bytes(of: path, Self.kind) ?? [], as: UTF8.self)
        var secret = Blueprint.Secret(ofPasswordUnit: text, of: user.name)
        if secret != nil {
            explain(path)
            explain("\(folder)/multi-user.target.wants/pisces-password-\(user.name).service")
        }
        switch accounts.passwords[user.name] {
        case .hash(let hash):
            let name = secret?.name ?? "\(user.name)-password"
            leaveOut(Self.kind, "\(user.name): password", "its hash stays here; give the copy the credential \(name)")
            report.passwords[user.name] = name
            secret = Blueprint.Secret(name: name, keyedHash: hasher?.hash(Array(hash.utf8)) ?? secret?.keyedHash)
        case .some(.none) where secret == nil:
            leaveOut(Self.kind, "\(user.name): password", "it is empty; in the copy no password logs in")
        case .locked, .some(.none), nil: break
        }
        return secret
    }

    /// What a new home has: useradd(8) copies /etc/skel.
    private mutating func explainHome(of user: Accounts.User) throws {
        guard TextForm.absolutePath.allows(user.home), user.uid >= 1000 else { return }
        explain(user.home)
        for name in names(in: "/etc/skel", Self.kind) {
            let own = try? root.read("\(user.home)/\(name)")
            if let own, let skeleton = try? root.read("/etc/skel/\(name)"), own == skeleton {
                explain("\(user.home)/\(name)")
            }
        }
    }

    /// Reads the memberships of accounts that packages make, as far as no package makes them, too.
    private mutating func readMembers(
        _ accounts: Accounts, persons: Set<String>, _ made: PackageAccounts, into blueprint: inout Blueprint
    ) {
        for group in accounts.groups {
            for member in group.members where !persons.contains(member) && !made.makesMember(member, of: group.name) {
                guard accounts.users.contains(where: { $0.name == member }), TextForm.userName.allows(member),
                    TextForm.accountName.allows(group.name)
                else {
                    leaveOut(
                        Self.groupKind, group.name, "its member \(quotedName(member)), whom a blueprint cannot name")
                    continue
                }
                blueprint.users[member, default: Blueprint.User()].groups.append(group.name)
                blueprint.users[member]?.groups.sort(by: bytesPrecede)
            }
        }
    }
}

/// Which numbers of accounts somebody chose: those that useradd(8) and groupadd(8) would not give by themselves, to one
/// account after another in the order of their names, as the constructor calls them.
struct Numbering {
    private var chosenUsers: Set<String> = []
    private var chosenGroups: Set<String> = []
    /// Those of all other accounts, in the ranges of which such tools give numbers.
    private(set) var unchosen = AccountNumbers()

    init(_ accounts: Accounts, users: Set<String>, groups: Set<String>) {
        let used = Set(accounts.users.map(\.uid) + accounts.groups.map(\.gid))
        let persons = accounts.users.filter { users.contains($0.name) }
        let otherUsers = accounts.users.filter { !users.contains($0.name) }.map(\.uid)
        chosenUsers = Self.chosen(persons.map { ($0.name, $0.uid) }, beside: otherUsers, used)
        let own = accounts.groups.filter { groups.contains($0.name) }
        // Groups are made before users, and with them the users' own.
        let otherGroups = accounts.groups.filter { !groups.contains($0.name) && !users.contains($0.name) }.map(\.gid)
        chosenGroups = Self.chosen(own.map { ($0.name, $0.gid) }, beside: otherGroups, used)
        let isGiven = { (number: UInt32) in (100...59999).contains(number) }
        for user in accounts.users where isGiven(user.uid) && !chosenUsers.contains(user.name) {
            unchosen.users[user.name] = user.uid
        }
        for group in accounts.groups where isGiven(group.gid) && !chosenGroups.contains(group.name) {
            unchosen.groups[group.name] = group.gid
        }
    }

    func isChosen(_ user: Accounts.User) -> Bool { chosenUsers.contains(user.name) }
    func isChosen(_ group: Accounts.Group) -> Bool { chosenGroups.contains(group.name) }

    private static func chosen(
        _ accounts: [(name: String, number: UInt32)], beside others: [UInt32], _ used: Set<UInt32>
    ) -> Set<String> {
        let people: ClosedRange<UInt32> = 1000...59999
        var highest = others.filter(people.contains).max() ?? 999
        var chosen: Set<String> = []
        for (name, number) in accounts.sorted(by: { bytesPrecede($0.name, $1.name) }) {
            if number < 1000 {
                // Those of the system are given downwards from 999.
                if !(number...999).allSatisfy(used.contains) { chosen.insert(name) }
                continue
            }
            if number != highest + 1 { chosen.insert(name) }
            if people.contains(number) { highest = max(highest, number) }
        }
        return chosen
    }
}
