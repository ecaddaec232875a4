import BlueprintModel
import LinuxSystem

extension Customization {
    /// Makes groups and users by the root's own groupadd(8) and useradd(8), then their keys and password units.
    func makeUsers() throws {
        for (name, group) in blueprint.groups.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            try tool(groupadd(name, group), making: "group \(name)")
        }
        try writeIDRanges()
        let existing = try Accounts(root: root)
        for (name, user) in blueprint.users.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            if existing.uid(of: name) == nil {
                try tool(useradd(name, user), making: "user \(name)")
            } else if !user.groups.isEmpty {
                // A user that a package (or base-passwd: root) makes only gets what is added here.
                let groups = user.groups.joined(separator: ",")
                try tool(["usermod", "--append", "--groups", groups, name], making: "groups of user \(name)")
            }
            try makeKeys(name, user)
            if let unit = user.password?.passwordUnit(of: name) {
                try root.write(unit.text, to: "etc/systemd/system/\(unit.name)")
                try tool(["systemctl", "enable", unit.name], making: "password of \(name)")
            }
        }
    }

    /// Writes the ranges that the blueprint has before useradd(8) chooses others for the rest.
    private func writeIDRanges() throws {
        for (path, ranges) in [("etc/subuid", \Blueprint.User.subuids), ("etc/subgid", \.subgids)] {
            let lines = blueprint.users.sorted { bytesPrecede($0.key, $1.key) }.flatMap { name, user in
                user[keyPath: ranges].map { "\(name):\($0)\n" }
            }
            if lines.isEmpty { continue }
            // Those that a package gave its user are replaced.
            let names = Set(blueprint.users.filter { !$0.value[keyPath: ranges].isEmpty }.keys)
            let kept = (root.exists(path) ? try root.readText(path) : "").split(separator: "\n").filter { line in
                !names.contains(String(line.prefix { $0 != ":" }))
            }
            try root.write(kept.map { "\($0)\n" }.joined() + lines.joined(), to: path)
        }
    }

    private func groupadd(_ name: String, _ group: Blueprint.Group) -> [String] {
        ["groupadd"] + (group.system ? ["--system"] : []) + (group.gid.map { ["--gid", "\($0)"] } ?? []) + [name]
    }

    private func useradd(_ name: String, _ user: Blueprint.User) -> [String] {
        var arguments = ["useradd", "--shell", user.shell ?? (user.system ? "/usr/sbin/nologin" : "/bin/bash")]
        arguments += user.system ? ["--system", "--no-create-home"] : ["--create-home"]
        arguments += user.group.map { ["--no-user-group", "--gid", $0] } ?? ["--user-group"]
        arguments += ["--comment", user.comment]
        if let home = user.home ?? (user.system ? "/nonexistent" : nil) { arguments += ["--home-dir", home] }
        if !user.subuids.isEmpty { arguments += ["--key", "SUB_UID_COUNT=0"] }
        if !user.subgids.isEmpty { arguments += ["--key", "SUB_GID_COUNT=0"] }
        if let uid = user.uid { arguments += ["--uid", "\(uid)"] }
        if !user.groups.isEmpty { arguments += ["--groups", user.groups.joined(separator: ",")] }
        return arguments + [name]
    }

    private func makeKeys(_ name: String, _ user: Blueprint.User) throws {
        guard !user.sshKeys.isEmpty else { return }
        let accounts = try Accounts(root: root)
        guard let home = accounts.home(of: name), let uid = accounts.uid(of: name),
            let gid = accounts.primaryGroup(of: name)
        else { throw ConstructorError("user \(name) has no home for its ssh-keys") }
        try root.makeDirectory("\(home)/.ssh", mode: 0o700, uid: uid, gid: gid)
        let text = user.sshKeys.map { "\($0)\n" }.joined()
        try root.write(Array(text.utf8), to: "\(home)/.ssh/authorized_keys", mode: 0o600, uid: uid, gid: gid)
    }
}
