internal import BlueprintModel
internal import Disk
internal import Glibc
internal import LinuxSystem

/// A disk image whose system is to be copied.
///
/// Its file systems are mounted read-only, in mounts that end with this process; no journal is replayed. Of a machine
/// that Pisces constructed, `/var` and `/etc` are as its next boot would make them: in memory, above what is there.
public struct DiskImage: Sendable {
    /// The image's path.
    let path: String
    private let filesystems: [Filesystem]

    /// A system that is mounted.
    public struct Mounted: Sendable {
        /// The path of its root, for the thread that mounted it and what it starts.
        public var root: String
        /// The command line of its kernel; nil where the image does not tell.
        public var commandLine: String?
    }

    /// A file system in the image.
    private struct Filesystem: Sendable {
        /// Nil where the image is one file system, without a partition table.
        var partition: PlannedPartition?
        var type: String
        var offset: UInt64
        var size: UInt64
    }

    private static let place = "/run/pisces/image"
    private static var root: String { "\(place)/root" }

    private static let roots = ["amd64", "arm64"].compactMap(GUID.root)
    /// What is mounted by its type beside the root and `/var`.
    private static let others = [(type: GUID.extendedBoot, path: "/boot"), (.home, "/home"), (.serverData, "/srv")]

    /// Reads what an image has.
    ///
    /// - Throws: ``CopyError`` if it cannot be read, or has neither a GPT nor a file system.
    public init(_ path: String) throws {
        self.path = path
        do {
            let file = try Descriptor.open(path)
            let size = UInt64(try file.status().size)
            if let whole = try? Superblock.probe(file, offset: 0, size: size), whole.usage == "filesystem" {
                filesystems = [Filesystem(partition: nil, type: whole.type, offset: 0, size: size)]
                return
            }
            filesystems = try PartitionTable.read(path: path).plan.partitions.compactMap { partition in
                let (offset, size) = (partition.startBytes, partition.sizeBytes)
                guard let found = try Superblock.probe(file, offset: offset, size: size), found.usage == "filesystem"
                else { return nil }
                return Filesystem(partition: partition, type: found.type, offset: offset, size: size)
            }
        } catch {
            throw CopyError(
                "the image cannot be read: \(error)",
                hint: "name a raw image; `qemu-img convert -O raw IMAGE disk.raw` makes one of another form")
        }
    }

    /// Mounts the system; only root may.
    ///
    /// - Parameter number: the partition of the root; nil where there is only one that can be.
    public func mount(partition number: Int? = nil) throws -> Mounted {
        let system = try root(number)
        do throws(SystemError) {
            try takeOwnMounts()
            try makeDirectories(Self.place)
        } catch {
            throw CopyError("\(path): only root can mount an image: \(error)", hint: "run this as root")
        }
        try mount("tmpfs", "tmpfs", ["mode=0700"], at: Self.place)
        try makeDirectories(Self.root)
        try mount(system, at: Self.root)
        let data = filesystems.first { $0.partition?.type == .variableData }
        var mounted = Mounted(root: Self.root)
        if access("\(Self.root)/usr/lib/pisces/system/var.conf", F_OK) == 0 {
            mounted.commandLine = try boot(system, data)
        } else if let data {
            try mount(data, at: "\(Self.root)/var")
        }
        for (type, path) in Self.others {
            guard let found = filesystems.first(where: { $0.partition?.type == type }) else { continue }
            // Where the root has a symlink, its target is elsewhere.
            if try SourceRoot(path: Self.root).statusOfLink(path)?.type == S_IFDIR {
                try mount(found, at: Self.root + path)
            }
        }
        return mounted
    }

    private func root(_ number: Int?) throws(CopyError) -> Filesystem {
        func list(_ found: [Filesystem]) -> String {
            found.map { "\($0.partition?.number ?? 0) (\($0.partition?.name ?? ""), \($0.type))" }
                .joined(separator: ", ")
        }
        if let number {
            if let found = filesystems.first(where: { $0.partition?.number == number }) { return found }
            throw CopyError(
                "\(path): partition \(number) holds no file system", hint: "take one of these: \(list(filesystems))")
        }
        let typed = filesystems.filter { found in
            found.partition.map { Self.roots.contains($0.type) } ?? true
        }
        let candidates = typed.isEmpty ? filesystems.filter { $0.partition?.type == .linuxGeneric } : typed
        guard let first = candidates.first else {
            throw CopyError(
                "\(path): no partition is a root by its type", hint: "name it by --partition: \(list(filesystems))")
        }
        guard candidates.count == 1 else {
            throw CopyError(
                "\(path): there is more than one system in it", hint: "name one by --partition: \(list(candidates))")
        }
        return first
    }

    /// Puts `/var` and `/etc` where the machine's next boot would.
    ///
    /// - Returns: the command line of that boot's kernel, if the generation's manifest has it.
    private func boot(_ system: Filesystem, _ data: Filesystem?) throws -> String? {
        let (root, place) = (Self.root, Self.place)
        for name in ["data", "var", "work"] { try makeDirectories("\(place)/\(name)") }
        if let data { try mount(data, at: "\(place)/data") }
        let layers = "lowerdir=\(place)/data,upperdir=\(place)/var,workdir=\(place)/work"
        try mount("overlay", "overlay", [layers], at: "\(root)/var")
        // What an initial /var has; of one that was used it changes nothing.
        let configuration = "\(root)/usr/lib/pisces/system/var.conf"
        try Command("systemd-tmpfiles", ["--root=\(root)", "--create", configuration], package: "systemd")
            .run(accepting: 0...255)
        try Command("mount", ["-o", "remount,ro", "\(root)/var"], package: "mount").run()
        let kept = "\(place)/data/lib/pisces"
        let generation = try generation(of: system, below: "\(kept)/generations")
        let upper = generation.map { "\(kept)/generations/\($0.name)/etc" }
        let lower = [upper, "\(kept)/identity/etc", "\(root)/etc"].compactMap(\.self).filter { access($0, F_OK) == 0 }
        if lower.count > 1 {
            try mount("overlay", "overlay", ["ro", "lowerdir=\(lower.joined(separator: ":"))"], at: "\(root)/etc")
        }
        return generation?.commandLine
    }

    /// The generation whose root this partition is: its GUID is the first half of the root hash.
    private func generation(of system: Filesystem, below path: String) throws -> (name: String, commandLine: String)? {
        guard let guid = system.partition?.guid, let folder = try? SourceRoot(path: path) else { return nil }
        let hash = "roothash=" + String(describing: guid).lowercased().replacing("-", with: "")
        for name in DpkgState.names(in: "/.", folder) {
            let place = "/\(name)/manifest.json"
            guard let bytes = try folder.read(place), let manifest = try? JSONValue(parsing: bytes, file: place),
                let commandLine = manifest["command-line"]?.string
            else { continue }
            if words(of: commandLine).contains(where: { $0.hasPrefix(hash) }) { return (name, commandLine) }
        }
        return nil
    }

    private func mount(_ filesystem: Filesystem, at point: String) throws {
        let options = ["ro", "loop", "offset=\(filesystem.offset)", "sizelimit=\(filesystem.size)"]
        // A journal is replayed even on a read-only mount.
        let quiet =
            ["ext3", "ext4"].contains(filesystem.type) ? ["noload"] : filesystem.type == "xfs" ? ["norecovery"] : []
        try mount(filesystem.type, path, options + quiet, at: point)
    }

    private func mount(_ type: String, _ source: String, _ options: [String], at point: String) throws {
        let options = options + ["nosuid", "nodev", "noexec"]
        do {
            try Command("mount", ["-t", type, "-o", options.joined(separator: ","), source, point], package: "mount")
                .run()
        } catch {
            throw CopyError("\(path): its \(type) cannot be mounted: \(error)")
        }
    }
}
