/// The lines of passwd(5), group(5) and shadow(5).
struct Accounts {
    /// A line of passwd(5).
    struct User: Equatable {
        var name: String
        var uid: UInt32
        var gid: UInt32
        var comment: String
        var home: String
        var shell: String
    }

    /// A line of group(5).
    struct Group: Equatable {
        var name: String
        var gid: UInt32
        var members: [String]
    }

    /// What shadow(5) says of a password. Of the hash nothing is told but a keyed hash.
    enum Password: Equatable {
        case locked
        case none
        case hash(String)
    }

    private(set) var users: [User] = []
    private(set) var groups: [Group] = []
    private(set) var passwords: [String: Password] = [:]
    /// File and line, and what is wrong with it.
    private(set) var problems: [(place: String, problem: String)] = []

    init(passwd: [TextLine], group: [TextLine], shadow: [TextLine]) {
        for line in passwd where !line.text.isEmpty {
            let fields = parts(of: line.text, at: ":")
            guard fields.count == 7, let uid = UInt32(fields[2]), let gid = UInt32(fields[3]), !fields[0].isEmpty else {
                problems.append(("/etc/passwd:\(line.number)", "it is not of passwd(5)'s form, and left out"))
                continue
            }
            if users.contains(where: { $0.name == fields[0] }) {
                problems.append(("/etc/passwd:\(line.number)", "a second user of that name, left out"))
                continue
            }
            users.append(
                User(name: fields[0], uid: uid, gid: gid, comment: fields[4], home: fields[5], shell: fields[6]))
        }
        for line in group where !line.text.isEmpty {
            let fields = parts(of: line.text, at: ":")
            guard fields.count == 4, let gid = UInt32(fields[2]), !fields[0].isEmpty else {
                problems.append(("/etc/group:\(line.number)", "it is not of group(5)'s form, and left out"))
                continue
            }
            if groups.contains(where: { $0.name == fields[0] }) {
                problems.append(("/etc/group:\(line.number)", "a second group of that name, left out"))
                continue
            }
            groups.append(
                Group(name: fields[0], gid: gid, members: parts(of: fields[3], at: ",").filter { !$0.isEmpty }))
        }
        for line in shadow {
            let fields = parts(of: line.text, at: ":")
            guard fields.count >= 2 else { continue }
            let isLocked = fields[1].hasPrefix("!") || fields[1].hasPrefix("*")
            passwords[fields[0]] = fields[1].isEmpty ? Password.none : isLocked ? .locked : .hash(fields[1])
        }
    }

    /// The group of that name.
    func group(_ name: String) -> Group? { groups.first { $0.name == name } }
}

/// The accounts that packages make, as their files tell: such are not a person's wish.
struct PackageAccounts {
    private var names: Set<String> = []
    /// Words that stand in one script: `adduser www-data ssl-cert`.
    private var pairs: [Set<String>] = []

    /// Whether a package makes a user or group of this name.
    func makes(_ name: String) -> Bool { names.contains(name) }

    /// Whether a package makes the user a member of the group.
    func makesMember(_ user: String, of group: String) -> Bool {
        pairs.contains { $0.contains(user) && $0.contains(group) }
    }

    /// Reads a file of sysusers.d(5).
    mutating func add(sysusers lines: [TextLine]) {
        for line in lines.compactMap(\.content) {
            let words = words(of: line)
            guard words.count >= 2, let type = words[0].first, "ugm".contains(type) else { continue }
            names.insert(words[1])
            if type == "m", words.count >= 3 { pairs.append([words[1], words[2]]) }
        }
    }

    /// Reads base-passwd's own passwd(5) or group(5).
    mutating func add(master lines: [TextLine]) { names.formUnion(lines.map { parts(of: $0.text, at: ":")[0] }) }

    private static let tools = ["adduser", "addgroup", "useradd", "groupadd", "usermod", "gpasswd"]

    /// Reads a maintainer script: every word in a call of a tool that makes accounts, and every value that a variable
    /// of such a script gets. A word too many is a user too few, and noted with its reason.
    mutating func add(script bytes: [UInt8]) {
        guard Self.tools.contains(where: { holds(bytes, $0) }) else { return }
        let text = String(decoding: bytes, as: UTF8.self)
        var found: Set<String> = []
        // A call may go on behind a backslash.
        for line in parts(of: text.replacing("\\\n", with: " "), at: "\n") {
            let isCall = Self.tools.contains { line.contains($0) }
            for (index, word) in Self.names(in: line).enumerated() where !word.hasPrefix("-") {
                if isCall || (index == 1 && line.contains("=")) { found.insert(word) }
            }
        }
        names.formUnion(found)
        pairs.append(found)
    }

    /// Runs of what names have.
    private static func names(in line: String) -> [String] {
        line.utf8.split { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                false
            default: true
            }
        }.map { String(decoding: $0, as: UTF8.self) }
    }
}
