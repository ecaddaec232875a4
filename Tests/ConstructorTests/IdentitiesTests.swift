import Filesystems
import Testing

@testable import Constructor

@Suite struct IdentitiesTests {
    @Test func lockedNumbersWinAndNewNamesKeepClear() throws {
        let seen = Identities(users: ["a": 100, "b": 101, "c": 102], groups: [:])
        let settled = try seen.settled(by: Identities(users: ["b": 100, "gone": 102], groups: [:]))
        #expect(settled.users["b"] == 100)
        // a's own number is b's now, c's belongs to a user that may come back.
        let others = [settled.users["a"], settled.users["c"]]
        #expect(Set(others).count == 2)
        #expect(!others.contains(100) && !others.contains(102) && !others.contains(nil))
    }

    @Test func settlingTwiceChangesNothing() throws {
        let seen = Identities(users: ["a": 100, "b": 101], groups: ["g": 105])
        let once = try seen.settled(by: Identities(users: ["b": 100], groups: [:]))
        #expect(try seen.settled(by: once) == once)
    }

    @Test func ownersAndRegistersAreRenumberedTogether() throws {
        var tree = FileTree()
        tree["/etc"] = .directory()
        let passwd = "root:x:0:0::/root:/bin/sh\nmail:x:8:8::/:/x\ndaemon:x:100:200::/:/x\n"
        let group = "root:x:0:\ndaemon:x:200:\n"
        tree["/etc/passwd"] = .file(passwd)
        tree["/etc/group"] = .file(group)
        tree["/etc/secret"] = .file("", uid: 100, gid: 200)
        let seen = Identities(users: ["daemon": 100], groups: ["daemon": 200])
        seen.renumber(
            &tree, to: Identities(users: ["daemon": 300], groups: ["daemon": 301]), passwd: passwd, group: group)
        #expect(tree["/etc/secret"]?.uid == 300)
        #expect(tree["/etc/secret"]?.gid == 301)
        #expect(tree["/etc/passwd"]?.kind == .file(.bytes(Array(passwd.replacing("100:200", with: "300:301").utf8))))
        #expect(tree["/etc/group"]?.kind == .file(.bytes(Array(group.replacing("200", with: "301").utf8))))
    }

    @Test func chosenAndFixedNumbersAreLeftAlone() throws {
        let accounts = Accounts(
            passwd: "root:x:0:0::/:/x\nops:x:1000:1000::/:/x\nsshd:x:101:65534::/:/x\nme:x:1001:1001::/:/x\n",
            group: "root:x:0:\n")
        let seen = Identities(accounts: accounts, chosen: (users: ["me"], groups: []))
        #expect(seen.users == ["sshd": 101, "ops": 1000])
        // A number that the blueprint gives is nobody else's.
        let settled = try seen.settled(
            by: Identities(users: [:], groups: [:]), chosen: Identities(users: ["me": 1000], groups: [:]))
        #expect(settled.users["ops"] != 1000 && settled.users["ops"] != nil)
        #expect(throws: ConstructorError.self) {
            _ = try seen.settled(
                by: Identities(users: ["ops": 1000], groups: [:]),
                chosen: Identities(users: ["me": 1000], groups: [:]))
        }
    }
}
