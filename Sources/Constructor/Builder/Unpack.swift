import Archive
import Debian
internal import Glibc
import LinuxSystem
internal import Synchronization

/// A package whose payload is in the staged root, as dpkg needs to know it.
struct UnpackedPackage: Sendable {
    var locked: LockedPackage
    /// The control members: `control`, `md5sums`, `postinst` and so on.
    var members: [(name: String, mode: UInt32, content: [UInt8])]
    /// The paths of its list file in the payload's order: `/.`, `/usr`, `/usr/bin`.
    var paths: [String]
}

/// Unpacks the locked packages into the staged root, several at once, straight from the mapped .debs.
///
/// The result does not depend on the order in which they finish: every file has one owner, a path that two packages
/// ship is settled by Replaces afterwards, and a directory's metadata comes from the first package in `packages` that
/// ships it (dpkg leaves a directory that exists as it is).
struct Unpack: Sendable {
    let root: StagedRoot
    let packages: [LockedPackage]
    /// Opens the verified .deb of a package.
    let open: @Sendable (LockedPackage) throws -> DebFile

    private struct Directory: Sendable {
        let path: String
        let entry: ArchiveEntry
    }

    private struct Outcome: Sendable {
        var package: UnpackedPackage
        var directories: [Directory] = []
        var collisions: [String] = []
    }

    func run(progress: @Sendable (LockedPackage) -> Void) throws -> [UnpackedPackage] {
        // base-files carries the top-level symlinks (/lib -> usr/lib) that the others' paths lead through.
        let first = packages.filter { $0.name == "base-files" }
        let others = packages.filter { $0.name != "base-files" }.sorted { $0.size > $1.size }
        var outcomes = try first.map { package in try unpack(package) }
        outcomes += try parallelMap(count: others.count) { index in
            let outcome = try unpack(others[index])
            progress(others[index])
            return outcome
        }
        let rank = Dictionary(uniqueKeysWithValues: packages.enumerated().map { ($1.name, $0) })
        outcomes.sort { (rank[$0.package.locked.name] ?? 0) < (rank[$1.package.locked.name] ?? 0) }
        outcomes.sort { $0.package.locked.name == "base-files" && $1.package.locked.name != "base-files" }
        try settleDirectories(outcomes)
        try settleCollisions(&outcomes)
        return outcomes.map(\.package)
    }

    private func unpack(_ package: LockedPackage) throws -> Outcome {
        let deb = try open(package)
        let members = try deb.controlFiles()
        let conffiles = Set(Self.conffiles(members))
        var outcome = Outcome(package: UnpackedPackage(locked: package, members: members, paths: []))
        let payload = try deb.payload()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
        defer { buffer.deallocate() }
        while let entry = try payload.next() {
            let path = try Self.normalized(entry.path, package: package.name)
            outcome.package.paths.append(path.isEmpty ? "/." : "/" + path)
            if path.isEmpty { continue }
            let target = conffiles.contains("/" + path) ? path + ".dpkg-new" : path
            do {
                try place(entry, at: target, from: payload, buffer: buffer)
                if entry.kind == .directory { outcome.directories.append(Directory(path: path, entry: entry)) }
            } catch let error as SystemError where error.isExisting {
                outcome.collisions.append(path)
            }
        }
        return outcome
    }

    /// The conffiles a package declares, without the lines that ask to remove one.
    static func conffiles(_ members: [(name: String, mode: UInt32, content: [UInt8])]) -> [String] {
        guard let text = members.first(where: { $0.name == "conffiles" })?.content else { return [] }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
            .filter { $0.hasPrefix("/") }
    }

    /// `./usr/bin/` becomes `usr/bin`; a name that could leave the root is refused.
    static func normalized(_ path: String, package: String) throws -> String {
        // By bytes: to a String, a slash before a combining mark is another character.
        let parts = path.utf8.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }
        guard !parts.contains(where: { $0.elementsEqual("..".utf8) }) else {
            throw ConstructorError("package \(package) ships \(path), which leaves the root")
        }
        return String(decoding: Array(parts.joined(separator: "/".utf8)), as: UTF8.self)
    }

    private func place(
        _ entry: ArchiveEntry, at path: String, from payload: borrowing ArchiveReader,
        buffer: UnsafeMutableRawBufferPointer
    ) throws {
        let place = try root.parent(of: path)
        switch entry.kind {
        case .directory:
            try place.directory.makeDirectory(place.name)
            // A symlink to a directory may stand for it (merged /usr); anything else may not.
            _ = try root.directory.openInRoot(path, Descriptor.pathOnly | O_DIRECTORY)
        case .file:
            let file = try place.directory.openBeneath(place.name, O_WRONLY | O_CREAT | O_EXCL)
            while true {
                let count = try payload.read(into: buffer)
                if count == 0 { break }
                try file.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
            try file.setOwner(uid: entry.uid, gid: entry.gid)
            try file.setMode(entry.mode)
            try file.setModified(entry.modified)
        case .symlink(let target):
            try place.directory.makeSymlink(place.name, target: target)
            try place.directory.setLinkOwner(place.name, uid: entry.uid, gid: entry.gid, modified: entry.modified)
        case .hardlink(let target):
            let source = try root.parent(of: try Self.normalized(target, package: path))
            try source.directory.makeLink(source.name, in: place.directory, place.name)
        case .characterDevice, .blockDevice, .fifo:
            throw ConstructorError("\(path) is a device or pipe; no Debian package ships one")
        }
    }

    private func settleDirectories(_ outcomes: [Outcome]) throws {
        var seen: Set<String> = []
        for directory in outcomes.flatMap(\.directories) where seen.insert(directory.path).inserted {
            let made = try root.directory.openInRoot(directory.path, O_RDONLY | O_DIRECTORY)
            try made.setOwner(uid: directory.entry.uid, gid: directory.entry.gid)
            try made.setMode(directory.entry.mode)
        }
    }

    /// Decides who owns each path that more than one package ships (deb-control(5), Replaces).
    private func settleCollisions(_ outcomes: inout [Outcome]) throws {
        for loser in outcomes.indices {
            for path in outcomes[loser].collisions {
                guard
                    let other = outcomes.indices.first(where: { index in
                        index != loser && outcomes[index].package.paths.contains("/" + path)
                            && !outcomes[index].collisions.contains(path)
                    })
                else { throw ConstructorError("\(outcomes[loser].package.locked.name) ships /\(path) twice") }
                let late = outcomes[loser].package
                let early = outcomes[other].package
                if late.replaces(early.locked.name) {
                    try root.remove(path)
                    try extract(path, of: late)
                    outcomes[other].package.paths.removeAll { $0 == "/" + path }
                } else if early.replaces(late.locked.name) {
                    outcomes[loser].package.paths.removeAll { $0 == "/" + path }
                } else {
                    throw ConstructorError(
                        "/\(path) is shipped by both \(early.locked.name) and \(late.locked.name)",
                        hint: "leave one of them out under `packages: without`")
                }
            }
        }
    }

    /// Places the one member `path` of a package.
    private func extract(_ path: String, of package: UnpackedPackage) throws {
        let payload = try open(package.locked).payload()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
        defer { buffer.deallocate() }
        while let entry = try payload.next() {
            if try Self.normalized(entry.path, package: package.locked.name) == path {
                return try place(entry, at: path, from: payload, buffer: buffer)
            }
        }
    }
}

extension UnpackedPackage {
    /// The content of a control member as text.
    func text(of member: String) -> String? {
        members.first { $0.name == member }.map { String(decoding: $0.content, as: UTF8.self) }
    }

    /// Whether the control file's Replaces names `package`, in any version.
    func replaces(_ package: String) -> Bool {
        guard let control = text(of: "control") else { return false }
        let field = control.split(separator: "\n").first { $0.lowercased().hasPrefix("replaces:") }
        return field?.dropFirst("replaces:".count).split(separator: ",").contains { item in
            item.split(whereSeparator: { " (:".contains($0) }).first.map(String.init) == package
        } ?? false
    }
}
