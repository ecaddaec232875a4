import Glibc
import LinuxSystem

/// A way in which two trees differ.
struct Difference: Hashable, CustomStringConvertible {
    /// What differs.
    enum Aspect: String {
        /// One tree has nothing at the path.
        case presence
        case type, mode, owner, group, time, target, names, xattrs, content
        /// An entry of a register, in which the order of entries means nothing.
        case record
    }

    var path: String
    var aspect: Aspect
    var ours: String
    var theirs: String

    var description: String { "\(path): \(aspect.rawValue): ours \(ours), theirs \(theirs)" }
}

/// Compares two trees of an operating system.
///
/// Owners are compared by name: scripts take the next free number, so the numbers tell in which order they ran. So are
/// the numbers in the registers of users. What is a set of entries by its meaning is compared as one. The time of a
/// directory with something in it is that of the last change in it, not a package's, and is not compared.
struct TreeComparison {
    private let ours: Side
    private let theirs: Side

    init(ours: TarTree, theirs: TarTree) {
        self.ours = Side(ours)
        self.theirs = Side(theirs)
    }

    /// All differences, by path.
    func differences() -> [Difference] {
        let paths = Set(ours.tree.members.keys).union(theirs.tree.members.keys)
        let full = ours.tree.parents.union(theirs.tree.parents)
        return paths.sorted(by: bytesPrecede).flatMap { path -> [Difference] in
            switch (ours.tree.members[path], theirs.tree.members[path]) {
            case (let our?, let their?): return differences(path, our, their, hasEntries: full.contains(path))
            case (let our?, nil):
                return [Difference(path: path, aspect: .presence, ours: ours.summary(our), theirs: "nothing")]
            case (nil, let their?):
                return [Difference(path: path, aspect: .presence, ours: "nothing", theirs: theirs.summary(their))]
            case (nil, nil): return []
            }
        }
    }

    private func differences(
        _ path: String, _ our: TarTree.Member, _ their: TarTree.Member, hasEntries: Bool
    ) -> [Difference] {
        var found: [Difference] = []
        func compare(_ aspect: Difference.Aspect, _ our: String, _ their: String) {
            if our != their { found.append(Difference(path: path, aspect: aspect, ours: our, theirs: their)) }
        }
        compare(.type, String(our.type), String(their.type))
        if our.type != their.type { return found }
        compare(.mode, String(our.mode, radix: 8), String(their.mode, radix: 8))
        compare(.owner, ours.user(our.uid), theirs.user(their.uid))
        compare(.group, ours.group(our.gid), theirs.group(their.gid))
        if !hasEntries { compare(.time, String(our.modified), String(their.modified)) }
        compare(.target, our.target, their.target)
        compare(.names, our.names.joined(separator: " "), their.names.joined(separator: " "))
        compare(.xattrs, Self.text(our.xattrs), Self.text(their.xattrs))
        let (ourBytes, theirBytes) = (ours.tree.bytes(of: our), theirs.tree.bytes(of: their))
        let isSame = Self.areEqual(ourBytes, theirBytes)
        // Where users have other numbers, the same number is another user.
        if isSame && path != "/etc/passwd" { return found }
        guard let ourRecords = ours.records(path), let theirRecords = theirs.records(path) else {
            compare(.content, "\(ourBytes.count) bytes", "other \(theirBytes.count) bytes")
            return found
        }
        let (more, less) = (ourRecords.subtracting(theirRecords), theirRecords.subtracting(ourRecords))
        for record in more.sorted(by: bytesPrecede) { compare(.record, record, "no such entry") }
        for record in less.sorted(by: bytesPrecede) { compare(.record, "no such entry", record) }
        return found
    }

    private static func areEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        guard let start = left.baseAddress, let other = right.baseAddress else { return true }
        return memcmp(start, other, left.count) == 0
    }

    private static func text(_ xattrs: [String: [UInt8]]) -> String {
        xattrs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }
}

/// A tree with the names of its users and groups.
private struct Side {
    let tree: TarTree
    private let users: [UInt32: String]
    private let groups: [UInt32: String]

    init(_ tree: TarTree) {
        self.tree = tree
        users = Self.names(tree.text("/etc/passwd"))
        groups = Self.names(tree.text("/etc/group"))
    }

    private static func names(_ text: String) -> [UInt32: String] {
        text.split(separator: "\n").reduce(into: [:]) { names, line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            // Of two names, the first is the one that getpwuid(3) finds.
            if fields.count > 2, let number = UInt32(fields[2]), names[number] == nil {
                names[number] = String(fields[0])
            }
        }
    }

    func user(_ number: UInt32) -> String { users[number] ?? String(number) }
    func group(_ number: UInt32) -> String { groups[number] ?? String(number) }

    func summary(_ member: TarTree.Member) -> String {
        "\(member.type) \(String(member.mode, radix: 8)) \(user(member.uid)) \(group(member.gid)) \(member.target)"
    }

    /// The entries of a register in which order means nothing; nil for any other file.
    func records(_ path: String) -> Set<String>? {
        let lines = { Set(tree.text(path).split(separator: "\n").map(String.init)) }
        switch path {
        case "/etc/passwd": return Set(lines().map { replacingNumbers($0, users: 2, groups: 3) })
        case "/etc/group": return Set(lines().map { replacingNumbers($0, users: nil, groups: 2) })
        case "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid", "/var/lib/dpkg/statoverride": return lines()
        case "/var/lib/dpkg/status", "/var/lib/apt/extended_states": return Self.fields(tree.text(path))
        case "/var/lib/dpkg/diversions":
            let all = tree.text(path).split(separator: "\n")
            return Set(
                stride(from: 0, to: all.count, by: 3).map { all[$0..<min($0 + 3, all.count)].joined(separator: " ") })
        default:
            return path.hasPrefix("/var/lib/dpkg/triggers/") ? lines() : nil
        }
    }

    /// A dynamic number is that of its name, whatever it is.
    private func replacingNumbers(_ line: String, users: Int?, groups: Int) -> String {
        var fields = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let isDynamic = { (index: Int) in
            index < fields.count && UInt32(fields[index]).map { (100...999).contains($0) } == true
        }
        if let users, isDynamic(users) { fields[users] = "dynamic" }
        if isDynamic(groups) { fields[groups] = users == nil ? "dynamic" : group(UInt32(fields[groups]) ?? 0) }
        return fields.joined(separator: ":")
    }

    /// Every field of every paragraph, after the paragraph's package and the field before it: the order of fields is
    /// dpkg's own, that of packages is not compared.
    private static func fields(_ text: String) -> Set<String> {
        var fields: Set<String> = []
        for stanza in text.split(separator: "\n\n") {
            var (package, before, number) = ("", "", 0)
            for line in stanza.split(separator: "\n") {
                number += 1
                if line.hasPrefix(" ") {
                    fields.insert("\(package): \(before): line \(number):\(line)")
                    continue
                }
                let name = line.prefix { $0 != ":" }
                if name == "Package" { package = String(line.dropFirst("Package: ".count)) }
                fields.insert("\(package): \(line) (after \(before))")
                (before, number) = (String(name), 0)
            }
        }
        return fields
    }
}
