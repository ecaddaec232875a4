import Filesystems
import Testing

@testable import Constructor

@Suite struct IdentitiesTests {
    @Test func lockedNumbersWinAndNewNamesKeepClear() {
        let seen = Identities(users: ["a": 100, "b": 101, "c": 102], groups: [:])
        let settled = seen.settled(by: Identities(users: ["b": 100, "gone": 102], groups: [:]))
        #expect(settled.users["b"] == 100)
        // a's own number is b's now, c's belongs to a user that may come back.
        let others = [settled.users["a"], settled.users["c"]]
        #expect(Set(others).count == 2)
        #expect(!others.contains(100) && !others.contains(102) && !others.contains(nil))
    }

    @Test func settlingTwiceChangesNothing() {
        let seen = Identities(users: ["a": 100, "b": 101], groups: ["g": 105])
        let once = seen.settled(by: Identities(users: ["b": 100], groups: [:]))
        #expect(seen.settled(by: once) == once)
    }

    @Test func ownersAndRegistersAreRenumberedTogether() {
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

    @Test func accountsOutsideTheDynamicRangeStay() {
        let accounts = Accounts(
            passwd: "root:x:0:0::/:/x\nops:x:1000:1000::/:/x\nsshd:x:101:65534::/:/x\nnobody:x:65534:65534::/:/x\n",
            group: "root:x:0:\n")
        #expect(Identities(accounts: accounts).users == ["ops": 1000, "sshd": 101])
    }

    @Test func peopleKeepTheirNumbersWhenOneComesBeforeThem() {
        let seen = Identities(users: ["aaron": 1000, "alice": 1001], groups: [:])
        let settled = seen.settled(by: Identities(users: ["alice": 1000], groups: [:]))
        #expect(settled.users == ["aaron": 1002, "alice": 1000])
    }
}
