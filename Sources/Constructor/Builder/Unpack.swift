import Archive
import Debian
internal import Glibc
import LinuxSystem

/// A package whose payload is in the staged root, as dpkg needs to know it.
struct UnpackedPackage: Sendable {
    var locked: LockedPackage
    /// The control members: `control`, `md5sums`, `postinst` and so on.
    var members: [ControlMember]
    /// The control file.
    var control: Deb822.Stanza
    /// The paths of its list file in the payload's order: `/.`, `/usr`, `/usr/bin`.
    var paths: [String] = []
    /// The sums of its files, if it brings none itself.
    var generatedSums: String?
    /// Its payload is not there yet: dpkg itself is to unpack it.
    var isDeferred = false

    /// As its place in the order of installation is found.
    var forOrder: InstallationOrder.Package { .init(control: control, hasPreinst: member("preinst") != nil) }

    /// As dpkg(1) takes it; with the architecture, for those of which several can be installed need it.
    var qualifiedName: String {
        locked.architecture == "all" ? locked.name : "\(locked.name):\(locked.architecture)"
    }

    /// Whether its preinst changes where files go, which must be before its own get there.
    var diverts: Bool { String(decoding: member("preinst") ?? [], as: UTF8.self).contains("dpkg-divert") }

    init(_ package: LockedPackage, from deb: borrowing DebFile) throws {
        locked = package
        members = try deb.controlFiles()
        guard let text = members.first(where: { $0.name == "control" })?.content,
            let control = try Deb822.parse(text, file: "\(package.name) control").first
        else { throw ConstructorError("package \(package.name) has no control file") }
        self.control = control
    }

    /// A control member.
    func member(_ name: String) -> [UInt8]? { members.first { $0.name == name }?.content }
}

/// Unpacks packages into the staged root, several at once, straight from the mapped .debs.
///
/// The result does not depend on the order in which they finish: every file has one owner, a path that two packages
/// ship is settled by Replaces afterwards, and a directory's metadata comes from the first package in the lock that
/// ships it (dpkg leaves a directory that exists as it is).
struct Unpack: Sendable {
    let root: StagedRoot
    /// Opens the verified .deb of a package.
    let open: @Sendable (LockedPackage) throws -> DebFile
    private var outcomes: [Outcome] = []

    private struct Directory: Sendable {
        let path: String
        let entry: ArchiveEntry
    }

    private struct Outcome: Sendable {
        var package: UnpackedPackage
        var directories: [Directory] = []
        var collisions: [String] = []
    }

    init(root: StagedRoot, open: @escaping @Sendable (LockedPackage) throws -> DebFile) {
        self.root = root
        self.open = open
    }

    /// Reads the control archives of packages, opened by `open`.
    static func read(
        _ packages: [LockedPackage], open: @Sendable (LockedPackage) throws -> DebFile
    ) throws -> [UnpackedPackage] {
        try parallelMap(count: packages.count) { try UnpackedPackage(packages[$0], from: open(packages[$0])) }
    }

    /// All that was unpacked so far.
    var unpacked: [UnpackedPackage] { outcomes.map(\.package) }

    /// Unpacks packages, and returns them, and those of earlier runs that lost files to them.
    mutating func run(
        _ packages: [UnpackedPackage], progress: @Sendable () -> Void
    ) throws -> (unpacked: [UnpackedPackage], changed: [UnpackedPackage]) {
        // base-files carries the top-level symlinks (/lib -> usr/lib) that the others' paths lead through.
        let first = packages.filter { $0.locked.name == "base-files" }
        let others = packages.filter { $0.locked.name != "base-files" }.sorted { $0.locked.size > $1.locked.size }
        var new = try first.map { package in try unpack(package) }
        new += try parallelMap(count: others.count) { [self] index in
            let outcome = try unpack(others[index])
            progress()
            return outcome
        }
        // The lock's order from here on, whatever the threads did, after base-files.
        let (base, rest) = (new.prefix(first.count), new.dropFirst(first.count))
        new = base + rest.sorted { LockedPackage.precedes($0.package.locked, $1.package.locked) }
        let count = outcomes.count
        let before = outcomes.map(\.package.paths.count)
        outcomes += new
        try settleDirectories(new)
        try settleCollisions(Set(new.flatMap(\.collisions)))
        let changed = (0..<count).filter { outcomes[$0].package.paths.count != before[$0] }
        return (outcomes[count...].map(\.package), changed.map { outcomes[$0].package })
    }

    private func unpack(_ package: UnpackedPackage) throws -> Outcome {
        let name = package.locked.name
        var outcome = Outcome(package: package)
        let declared = package.member("conffiles") ?? []
        let conffiles = Set(
            try DpkgDatabase.conffiles(declared, file: "\(name) conffiles")
                .filter { !$0.isRemovedOnUpgrade }.map(\.path))
        // dpkg makes the sums of a package that brings none (dpkg-deb's are usual, not required).
        let lacksSums = package.member("md5sums") == nil
        var sums: [(name: String, md5: String)] = []
        let payload = try open(package.locked).payload()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
        defer { buffer.deallocate() }
        while let entry = try payload.next() {
            let path = try Self.normalized(entry.path, package: name)
            outcome.package.paths.append(path.isEmpty ? "/." : "/" + path)
            if path.isEmpty { continue }
            let isConffile = conffiles.contains("/" + path)
            do {
                let sum = try place(
                    entry, at: isConffile ? path + ".dpkg-new" : path, from: payload, buffer: buffer,
                    hashing: lacksSums && !isConffile)
                if entry.kind == .directory { outcome.directories.append(Directory(path: path, entry: entry)) }
                if let sum { sums.append((path, sum)) }
            } catch let error as SystemError where error.isExisting {
                if try !isSymlinkOverDirectory(entry, path) { outcome.collisions.append(path) }
            }
        }
        if !sums.isEmpty {
            outcome.package.generatedSums = DpkgDatabase.checksums(sums)
        }
        return outcome
    }

    /// dpkg leaves a directory, or a link to one, where a package ships a symlink.
    private func isSymlinkOverDirectory(_ entry: ArchiveEntry, _ path: String) throws -> Bool {
        guard case .symlink = entry.kind else { return false }
        return (try? root.directory.openInRoot(path, Descriptor.pathOnly | O_DIRECTORY)) != nil
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

    /// Makes one member; returns the MD5 of a regular file, if asked for.
    @discardableResult
    private func place(
        _ entry: ArchiveEntry, at path: String, from payload: borrowing ArchiveReader,
        buffer: UnsafeMutableRawBufferPointer, hashing: Bool = false
    ) throws -> String? {
        let place = try root.parent(of: path)
        switch entry.kind {
        case .directory:
            try place.directory.makeDirectory(place.name)
            // A symlink to a directory may stand for it (merged /usr); anything else may not.
            _ = try root.directory.openInRoot(path, Descriptor.pathOnly | O_DIRECTORY)
        case .file:
            let file = try place.directory.openBeneath(place.name, O_WRONLY | O_CREAT | O_EXCL)
            var sum = hashing ? MD5() : nil
            while true {
                let count = try payload.read(into: buffer)
                if count == 0 { break }
                let part = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                sum?.update(part)
                try file.writeAll(part)
            }
            try file.setOwner(uid: entry.uid, gid: entry.gid)
            try file.setMode(entry.mode)
            try file.setModified(entry.modified)
            return sum?.finish()
        case .symlink(let target):
            try place.directory.makeSymlink(place.name, target: target)
            try place.directory.setLinkOwner(place.name, uid: entry.uid, gid: entry.gid, modified: entry.modified)
        case .hardlink(let target):
            let source = try root.parent(of: try Self.normalized(target, package: path))
            try source.directory.makeLink(source.name, in: place.directory, place.name)
        case .characterDevice, .blockDevice, .fifo:
            throw ConstructorError("\(path) is a device or pipe; no Debian package ships one")
        }
        return nil
    }

    private func settleDirectories(_ new: [Outcome]) throws {
        var seen = Set(outcomes.dropLast(new.count).flatMap(\.directories).map(\.path))
        for directory in new.flatMap(\.directories) where seen.insert(directory.path).inserted {
            let made = try root.directory.openInRoot(directory.path, O_RDONLY | O_DIRECTORY)
            try made.setOwner(uid: directory.entry.uid, gid: directory.entry.gid)
            try made.setMode(directory.entry.mode)
            // The time of any other is that of the last change in it, here as with dpkg.
            if try made.entries().isEmpty { try made.setModified(directory.entry.modified) }
        }
    }

    /// Decides who owns each path that more than one package ships (deb-control(5), Replaces): pairwise in the lock's
    /// order, so that it does not matter whose file was there first.
    private mutating func settleCollisions(_ paths: Set<String>) throws {
        for path in paths.sorted(by: bytesPrecede) {
            let claimants = outcomes.indices.filter { outcomes[$0].package.paths.contains("/" + path) }
            guard var owner = claimants.first else { continue }
            guard outcomes[owner].package.paths.count(where: { $0 == "/" + path }) == 1 else {
                throw ConstructorError("/\(path) is shipped twice by one package")
            }
            for next in claimants.dropFirst() {
                let (present, other) = (outcomes[owner].package, outcomes[next].package)
                if try replaces(other, present) {
                    owner = next
                } else if try !replaces(present, other) {
                    throw ConstructorError(
                        "/\(path) is shipped by both \(present.locked.name) and \(other.locked.name), and neither "
                            + "replaces the other",
                        hint: "leave one of them out under `packages: without`")
                }
            }
            // A single claimant replaces what a script made.
            try root.remove(path)
            try extract(path, of: outcomes[owner].package)
            for loser in claimants where loser != owner {
                outcomes[loser].package.paths.removeAll { $0 == "/" + path }
            }
        }
    }

    private func replaces(_ package: UnpackedPackage, _ other: UnpackedPackage) throws -> Bool {
        try DpkgDatabase.replaces(
            control: package.control, package: other.locked.name, version: other.locked.version)
    }

    /// Places the one member `path` of a package.
    private func extract(_ path: String, of package: UnpackedPackage) throws {
        let payload = try open(package.locked).payload()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
        defer { buffer.deallocate() }
        while let entry = try payload.next() {
            if try Self.normalized(entry.path, package: package.locked.name) == path {
                try place(entry, at: path, from: payload, buffer: buffer)
                return
            }
        }
    }
}
