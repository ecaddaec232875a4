import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Copier

@Suite struct UsersTests {
    private static let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJm1eVZcTgP0qM0o6l5b2O6m0k1Qv1uX0xq3nQ2b5c8d a@b"

    private func read(_ tree: Tree) throws -> (blueprint: Blueprint, numbers: AccountNumbers, report: CopyReport) {
        var reading = Reading(root: try tree.root(), identity: .same, isRunning: false)
        var blueprint = Blueprint(name: "x")
        let numbers = try reading.readUsers(into: &blueprint)
        return (blueprint, numbers, reading.report)
    }

    /// Accounts as packages leave them.
    private func base() throws -> Tree {
        try Tree([
            "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\n"
                + "www-data:x:33:33::/var/www:/usr/sbin/nologin\nservice:x:999:999::/:/usr/sbin/nologin\n"
                + "nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n",
            "/etc/group":
                "root:x:0:\ndaemon:x:1:\nsudo:x:27:\nwww-data:x:33:\nservice:x:999:\nlogs:x:998:\nnogroup:x:65534:\n",
            "/etc/shadow": "root:*:1::::::\nservice:!:1::::::\n", "/etc/gshadow": "root:*::\n",
            "/etc/login.defs":
                "UID_MIN 1000\nUID_MAX 60000\nSYS_UID_MIN 100\nSYS_UID_MAX 999\n"
                + "GID_MIN 1000\nGID_MAX 60000\nSYS_GID_MIN 100\nSYS_GID_MAX 999\nUSERGROUPS_ENAB yes\n",
            "/usr/lib/sysusers.d/service.conf": "u service - \"A service\"\ng logs -\nm service sudo\n",
        ])
    }

    private func account(_ random: inout SeededGenerator, _ groups: [String]) -> Blueprint.User {
        var user = Blueprint.User()
        user.system = random.chance(30)
        if random.chance(40) { user.uid = Int.random(in: user.system ? 300...400 : 2000...3000, using: &random) }
        user.comment = random.pick(["", "A Person", "Ünal, room 5"])
        user.shell = random.pick([nil, "/bin/sh"])
        user.home = random.pick([nil, "/srv/x"])
        user.groups = groups.filter { _ in random.chance(30) }.sorted()
        if !user.system, random.chance(40) { user.sshKeys = [Self.key] }
        if random.chance(30) { user.password = .init(name: "secret.\(Int.random(in: 0...9, using: &random))") }
        return user
    }

    /// Made by the very tools that the constructor calls, in its order.
    @Test(.enabled(if: geteuid() == 0)) func anyAccountsComeBack() throws {
        var random = SeededGenerator(state: 6)
        var ranges = SeededGenerator(state: 7)
        for _ in 0..<12 {
            let tree = try base()
            var wanted = Blueprint(name: "x")
            for name in ["ops", "zeta", "alpha"] where random.chance(60) {
                var group = Blueprint.Group()
                group.system = random.chance(40)
                if random.chance(40) {
                    group.gid = Int.random(in: group.system ? 500...600 : 4000...5000, using: &random)
                }
                wanted.groups[name] = group
            }
            for name in ["bob", "alice", "carl", "_x-1"] where random.chance(60) {
                wanted.users[name] = account(&random, ["sudo"] + wanted.groups.keys)
                if random.chance(30) { wanted.users[name]?.group = random.pick(["sudo", "www-data"]) }
            }
            // What useradd chooses needs no words, what somebody chose does: then for all.
            let hasOwnRanges = ranges.chance(50)
            try tree.write("", to: "/etc/subgid")
            let lines = wanted.users.keys.sorted().enumerated().map { "\($1):\(500_000 + 1000 * $0):1000\n" }
            try tree.write(hasOwnRanges ? lines.joined() : "", to: "/etc/subuid")
            for (number, name) in wanted.users.keys.sorted().enumerated() where hasOwnRanges {
                wanted.users[name]?.subuids = ["\(500_000 + 1000 * number):1000"]
            }
            for (name, group) in wanted.groups.sorted(by: { $0.key < $1.key }) {
                try make(
                    "groupadd", tree,
                    (group.system ? ["--system"] : []) + (group.gid.map { ["--gid", "\($0)"] } ?? []), name)
            }
            for (name, user) in wanted.users.sorted(by: { $0.key < $1.key }) {
                var arguments = [
                    "--shell", user.shell ?? (user.system ? "/usr/sbin/nologin" : "/bin/bash"), "--no-create-home",
                ]
                arguments +=
                    (user.system ? ["--system"] : [])
                    + (user.group.map { ["--no-user-group", "--gid", $0] } ?? ["--user-group"])
                arguments += ["--comment", user.comment]
                if let home = user.home ?? (user.system ? "/nonexistent" : nil) { arguments += ["--home-dir", home] }
                arguments += user.uid.map { ["--uid", "\($0)"] } ?? []
                if !user.subuids.isEmpty { arguments += ["--key", "SUB_UID_COUNT=0"] }
                if !user.groups.isEmpty { arguments += ["--groups", user.groups.joined(separator: ",")] }
                try make("useradd", tree, arguments, name)
                let home = user.home ?? "/home/\(name)"
                if !user.sshKeys.isEmpty { try tree.write("\(Self.key)\n", to: "\(home)/.ssh/authorized_keys") }
                if let unit = user.password?.passwordUnit(of: name) {
                    try tree.write(unit.text, to: "/etc/systemd/system/\(unit.name)")
                }
            }
            // Two that share a home share its keys.
            let shared = wanted.users.values.contains { $0.home != nil && !$0.sshKeys.isEmpty }
            for (name, user) in wanted.users where shared && user.home != nil {
                wanted.users[name]?.sshKeys = [Self.key]
            }
            let read = try read(tree)
            let registers = try ["/etc/passwd", "/etc/group"].map { try tree.root().readText($0) ?? "" }.joined()
            #expect(read.blueprint.users == wanted.users, "\(registers)")
            #expect(read.blueprint.groups == wanted.groups, "\(registers)")
            #expect(read.report.omissions.isEmpty)
            for (name, user) in wanted.users { #expect((read.numbers.users[name] == nil) == (user.uid != nil)) }
            #expect(read.numbers.users["service"] == 999 && read.numbers.groups["logs"] == 998)
        }
    }

    private func make(_ tool: String, _ tree: Tree, _ arguments: [String], _ name: String) throws {
        let result = try runTool(
            [tool, "--prefix", tree.path] + arguments + [name],
            ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"], nil)
        guard result.status == 0 else {
            throw ToolFailure(message: String(decoding: result.errorOutput, as: UTF8.self))
        }
    }

    @Test func accountsOfPackagesAreNobodysWish() throws {
        let tree = try base()
        try tree.write(
            "root:x:0:0::/root:/bin/bash\nsshd:x:100:65534::/:/usr/sbin/nologin\nmessagebus:x:101:101::/:/bin/false\n"
                + "app:x:102:102::/nonexistent:/usr/sbin/nologin\n", to: "/etc/passwd")
        try tree.write("messagebus:x:101:\napp:x:102:sshd\nssl-cert:x:103:app\nsudo:x:27:ghost\n", to: "/etc/group")
        try tree.write(
            "#!/bin/sh\nBUS=messagebus\nadduser --system \\\n  --no-create-home sshd\naddgroup ssl-cert\n",
            to: "/var/lib/dpkg/info/a.postinst")
        try tree.write("echo app is fine\n", to: "/var/lib/dpkg/info/b.postinst")
        let read = try read(tree)
        #expect(read.blueprint.users.keys.sorted() == ["app", "sshd"] && read.blueprint.groups.isEmpty)
        #expect(read.blueprint.users["app"]?.groups == ["ssl-cert"])
        // A package's user is a member of what no package says.
        var member = Blueprint.User()
        member.groups = ["app"]
        #expect(read.blueprint.users["sshd"] == member)
        #expect(read.report.omissions.map(\.subject) == ["sudo"])
    }

    @Test func rootHasKeysAndAPassword() throws {
        let tree = try base()
        try tree.write("root:$y$abcdefgh$hash:1::::::\n", to: "/etc/shadow")
        try tree.write("# me\n\(Self.key)\n\(Self.key)\nfrom=\"x\" \(Self.key)\n", to: "/root/.ssh/authorized_keys")
        let read = try read(tree)
        #expect(read.blueprint.users["root"]?.sshKeys == [Self.key])
        #expect(read.blueprint.users["root"]?.password?.name == "root-password")
        #expect(read.report.omissions.map(\.subject) == ["/root/.ssh/authorized_keys:4", "root: password"])
    }

    @Test func whatABlueprintCannotSayIsTold() throws {
        let tree = try base()
        try tree.write(
            "root:x:0:0::/root:/bin/zsh\nBob:x:1000:1000::/home/Bob:/bin/bash\nann:x:1001:100:a\u{1}b:home:\n"
                + "ann:x:1002:1002::/:/bin/sh\n+nis::::::\nshort:x\nneg:x:-1:0:::\nbig:x:99999999999:0:::\n",
            to: "/etc/passwd")
        try tree.write("users:x:100:ann\nodd\nx:x:y:\nusers:x:5:\n", to: "/etc/group")
        try tree.write("ann::1::::::\n", to: "/etc/shadow")
        let read = try read(tree)
        #expect(read.blueprint.users.keys.sorted() == ["ann"])
        #expect(read.blueprint.users["ann"]?.group == "users")
        #expect(read.blueprint.users["ann"]?.shell == "/bin/sh" && read.blueprint.users["ann"]?.password == nil)
        #expect(
            read.report.omissions.map(\.subject) == [
                "/etc/passwd:4", "/etc/passwd:5", "/etc/passwd:6", "/etc/passwd:7", "/etc/passwd:8", "/etc/group:2",
                "/etc/group:3", "/etc/group:4", "\"Bob\"", "ann: home", "ann: comment", "ann: password", "root",
            ])
    }

    @Test func arbitraryBytesAreNoReasonToTrap() throws {
        var random = SeededGenerator(state: 8)
        for _ in 0..<1000 {
            let alphabet = Array("ab:,x0123456789\n\\=@ug-\"' \u{0}".utf8) + [0xFF, 0xC3]
            let bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in random.pick(alphabet) }
            let lines = TextLine.lines(of: bytes).lines
            let accounts = Accounts(passwd: lines, group: lines, shadow: lines)
            let names = Set(accounts.users.map(\.name))
            _ = Numbering(accounts, users: names, groups: names)
            var made = PackageAccounts()
            made.add(sysusers: lines)
            made.add(script: Array("adduser ".utf8) + bytes)
            _ = UnitFile(lines, name: String(decoding: bytes, as: UTF8.self))
            _ = NetworkFile(lines)
            _ = AptSources(lines: lines, "/x.list")
            _ = AptSources(deb822: bytes, "/x.sources")
        }
    }
}
