import BlueprintModel
import Glibc
import LinuxSystem

extension Customization {
    /// Writes the blueprint's own files; parents first, since directories come before what they hold in path order.
    func makeFiles() throws {
        let accounts = try Accounts(root: root)
        for (path, file) in blueprint.files.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            let isSecret = if case .secret = file.content { true } else { false }
            for place in volatilePlaces where (path + "/").hasPrefix(place + "/") && !(isSecret && place == "/run") {
                throw ConstructorError(
                    "files: \(path): \(place) is empty in every image and filled at boot",
                    hint: "write a tmpfiles.d(5) file that makes it")
            }
            guard let uid = accounts.uid(of: file.owner), let gid = accounts.gid(of: file.group) else {
                throw ConstructorError(
                    "files: \(path): no user \(file.owner) or no group \(file.group) in the image",
                    hint: "declare it under `users` or `groups`, or install the package that makes it")
            }
            switch file.content {
            case .regular(let bytes):
                try root.write(bytes, to: path, mode: UInt32(file.mode), uid: uid, gid: gid)
            case .stored(let contents):
                do {
                    try root.write(contents, to: path, mode: UInt32(file.mode), uid: uid, gid: gid)
                } catch let error as ContentsChanged {
                    throw ConstructorError("files: \(path): \(error)")
                }
            case .secret: try makeWay(for: path)
            case .symlink(let target): try root.symlink(path, to: target)
            case .directory: try root.makeDirectory(path, mode: UInt32(file.mode), uid: uid, gid: gid)
            case .packaged:
                guard root.exists(String(path.dropFirst())) else {
                    throw ConstructorError(
                        "files: \(path): packaged, but no package has it",
                        hint: "install the package that has it, or write what is in the file")
                }
            case .absent: try remove(path)
            }
        }
        try write(Blueprint.SecretFiles.registers(of: blueprint.files, on: blueprint.distribution.debian))
    }

    /// Makes the directories of a file that the machine makes at boot. A file that a package has at its path stays until
    /// then; in the place of a link none could be made.
    private func makeWay(for path: String) throws {
        let parent = parentDirectory(of: path)
        if (parent + "/").hasPrefix("/run/") { return }
        if !root.exists(parent) { try root.makeDirectory(parent) }
        let place = try root.parent(of: path)
        switch (try? place.directory.status(of: place.name))?.type {
        case nil, S_IFREG: break
        case S_IFLNK: try root.remove(path)
        default:
            throw ConstructorError(
                "files: \(path): no file can be made here at boot, since a package has something else there",
                hint: "name another path")
        }
    }
}

extension Customization {
    /// Removes a file of a package; dpkg does not make a conffile again that is gone (dpkg(1), --force-confmiss).
    private func remove(_ path: String) throws {
        do throws(SystemError) {
            try root.remove(path)
        } catch {
            guard error.code == EISDIR else { throw error }
            throw ConstructorError(
                "files: \(path): absent takes files away, and this is a directory", hint: "name the files in it")
        }
    }
}

/// What is empty in every image: what is put there would be lost.
let volatilePlaces = ["/dev", "/proc", "/run", "/sys", "/tmp"]

/// The accounts of the staged root (passwd(5), group(5)).
struct Accounts {
    /// One line: name and number.
    private(set) var users: [String: UInt32]
    private(set) var groups: [String: UInt32]
    private var homes: [String: String]
    private var primaryGroups: [String: UInt32]

    init(root: StagedRoot) throws {
        self.init(passwd: try root.readText("etc/passwd"), group: try root.readText("etc/group"))
    }

    init(passwd: String, group: String) {
        func lines(_ text: String) -> [[String]] {
            text.split(separator: "\n").map {
                $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            }
        }
        (users, groups, homes, primaryGroups) = ([:], [:], [:], [:])
        for fields in lines(passwd) where fields.count >= 7 {
            users[fields[0]] = UInt32(fields[2])
            primaryGroups[fields[0]] = UInt32(fields[3])
            homes[fields[0]] = fields[5]
        }
        for fields in lines(group) where fields.count >= 4 { groups[fields[0]] = UInt32(fields[2]) }
    }

    /// The number of a user; a number stands for itself.
    func uid(of user: String) -> UInt32? { users[user] ?? UInt32(user) }
    /// The number of a group; a number stands for itself.
    func gid(of group: String) -> UInt32? { groups[group] ?? UInt32(group) }
    /// The home directory of a user.
    func home(of user: String) -> String? { homes[user] }
    /// The number of a user's own group.
    func primaryGroup(of user: String) -> UInt32? { primaryGroups[user] }
}
