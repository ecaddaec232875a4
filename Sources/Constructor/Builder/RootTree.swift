import BlueprintModel
import Filesystems
import LinuxSystem

/// Turns the staged root's tree into the one that outputs hold: a pure function.
///
/// For a read-only root, a package's files stay where dpkg put them. What cannot stay read-only is laid out at boot:
/// `/var` from its factory copy, homes on the data partition. What belongs to a generation but lives in `/var` by
/// tradition (dpkg's and apt's databases) moves to `/usr/lib/sysimage`, so that it flips and rolls back with the
/// packages it describes.
struct RootTree {
    /// The tree so far.
    private(set) var tree: FileTree
    let epoch: Int64

    init(scanned tree: FileTree, epoch: Int64) {
        self.tree = tree
        self.epoch = epoch
    }

    /// The whole transformation.
    static func readOnly(from tree: FileTree, epoch: Int64) throws(ConstructorError) -> FileTree {
        var root = RootTree(scanned: tree, epoch: epoch)
        root.dropVolatile()
        root.dropMachineState()
        root.emptyMountPoints()
        // The EFI system partition; not /boot, where the kernel's package keeps its files.
        if root.tree["/efi"] == nil { root.tree["/efi"] = .directory(modified: epoch) }
        root.moveDatabases()
        root.moveHomes()
        try root.layOutVar()
        root.clampTimes()
        return root.tree
    }

    /// The tree as packages and blueprint make it, for a root that is written to: a container's, a chroot's.
    static func plain(from tree: FileTree, epoch: Int64) -> FileTree {
        var root = RootTree(scanned: tree, epoch: epoch)
        root.dropVolatile()
        root.dropMachineState()
        root.emptyMountPoints()
        root.clampTimes()
        return root.tree
    }

    // MARK: - What does not belong in an image

    /// Paths that differ on every machine or at every build. A `*` stands for any part of one name.
    static let volatile: [(pattern: String, reason: String)] = [
        ("/etc/ssh/ssh_host_*", "a machine's identity; made at its first boot"),
        ("/etc/.pwd.lock", "a lock"),
        ("/etc/passwd-", "a backup of the tools that edit it"),
        ("/etc/group-", "a backup"),
        ("/etc/shadow-", "a backup"),
        ("/etc/gshadow-", "a backup"),
        ("/etc/subuid-", "a backup"),
        ("/etc/subgid-", "a backup"),
        ("/var/cache/ldconfig/aux-cache", "inode numbers and times of the build"),
        ("/var/cache/apt/*", "remade by apt when it is used"),
        ("/var/cache/debconf/*-old", "a backup"),
        ("/var/lib/dpkg/*-old", "a backup"),
        ("/var/lib/dpkg/triggers/Lock", "a lock"),
        ("/var/lib/apt/lists/*", "remade by apt when it is used"),
        ("/var/lib/dbus/machine-id", "a machine's identity"),
        ("/var/lib/systemd/random-seed", "a secret of one machine"),
    ]

    private mutating func dropVolatile() {
        for (pattern, _) in Self.volatile {
            for path in paths(matching: pattern) { dropFiles(path) }
        }
        // What happened at the build is not the machine's history, but who may write a log is a package's choice.
        for path in tree.paths(where: { Self.isBelow("/var/log", $0) }) {
            guard var node = tree[path], case .file = node.kind else { continue }
            node.kind = .file(.bytes([]))
            tree[path] = node
        }
        // Empty, not missing: the machine's own comes from the identity layer (machine-id(5)).
        tree["/etc/machine-id"] = .file("", mode: 0o444, modified: epoch)
    }

    /// Leaves out what each machine is to make for itself, and has it made.
    private mutating func dropMachineState() {
        for state in MachineState.all {
            let found = state.patterns.flatMap(paths(matching:))
            if found.isEmpty { continue }
            for path in found {
                tree.removeSubtree(path)
                dropLinks(to: path)
            }
            for (path, node) in state.nodes(epoch: epoch) {
                makeParents(of: path)
                tree[path] = node
            }
        }
    }

    /// Removes the links beside a path that lead to it, as c_rehash(1) makes them.
    private mutating func dropLinks(to path: String) {
        let directory = parentDirectory(of: path)
        let target = Node.Kind.symlink(String(path.dropFirst(directory.utf8.count + 1)))
        for child in tree.children(of: directory) where tree["\(directory)/\(child)"]?.kind == target {
            tree["\(directory)/\(child)"] = nil
        }
    }

    /// The paths that match a pattern, a component for a component.
    private func paths(matching pattern: String) -> [String] {
        pattern.split(separator: "/").map(String.init).reduce([""]) { directories, component in
            directories.flatMap { directory in
                tree.children(of: directory).filter { Self.matches($0, component) }.map { "\(directory)/\($0)" }
            }
        }
    }

    static func matches(_ name: String, _ pattern: String) -> Bool {
        guard let star = pattern.firstIndex(of: "*") else { return name == pattern }
        let suffix = pattern[pattern.index(after: star)...]
        return name.hasPrefix(pattern[..<star]) && name.hasSuffix(suffix)
            && name.utf8.count >= pattern.utf8.count - 1
    }

    /// Removes a file, or all files below a directory: a directory is a package's, and dpkg looks for it.
    private mutating func dropFiles(_ path: String) {
        guard tree[path]?.isDirectory == true else {
            tree[path] = nil
            return
        }
        for child in tree.children(of: path) { dropFiles("\(path)/\(child)") }
    }

    // MARK: - Places

    private mutating func emptyMountPoints() {
        for (path, mode) in [("/dev", 0o755), ("/proc", 0o755), ("/sys", 0o755), ("/run", 0o755), ("/tmp", 0o1777)]
            as [(String, UInt32)]
        {
            for child in tree.children(of: path) { tree.removeSubtree("\(path)/\(child)") }
            if tree[path]?.isDirectory != true { tree[path] = .directory(mode: mode, modified: epoch) }
        }
    }

    /// Where what belongs to a generation is kept.
    private static let sysimage = "/usr/lib/sysimage"

    private mutating func moveDatabases() {
        tree[Self.sysimage] = .directory(modified: epoch)
        move("/var/lib/dpkg", to: "\(Self.sysimage)/dpkg")
        // apt takes a read-only database without locking, but only where its lock files can be opened for reading.
        for lock in ["lock", "lock-frontend"] {
            tree["\(Self.sysimage)/dpkg/\(lock)"] = .file("", mode: 0o640, modified: epoch)
        }
        guard tree["/var/lib/apt/extended_states"] != nil else { return }
        tree["\(Self.sysimage)/apt"] = .directory(modified: epoch)
        move("/var/lib/apt/extended_states", to: "\(Self.sysimage)/apt/extended_states")
    }

    private mutating func moveHomes() {
        for (path, place) in [("/home", "/var/home"), ("/root", "/var/roothome"), ("/srv", "/var/srv")] {
            if tree[path] == nil { tree[path] = .directory(modified: epoch) }
            move(path, to: place)
        }
    }

    /// Moves a subtree and leaves a relative symlink.
    private mutating func move(_ path: String, to place: String) {
        guard tree[path] != nil else { return }
        tree.moveSubtree(path, to: place)
        let up = String(repeating: "../", count: path.split(separator: "/").count - 1)
        tree[path] = .symlink(up + place.dropFirst(), modified: epoch)
    }

    // MARK: - /var

    private static let factory = "/usr/share/factory"
    /// The tmpfiles.d(5) lines, outside the folders that are applied at every boot.
    private static let layout = "/usr/lib/pisces/system/var.conf"

    /// Moves the content of `/var` to its factory place, and has it laid out at a generation's first boot where it is
    /// missing. Only then: what an administrator removes or locks up later stays as it is.
    private mutating func layOutVar() throws(ConstructorError) {
        var lines = ["# The initial content of /var, laid out by pisces-var.service."]
        for path in tree.paths(where: { Self.isBelow("/var", $0) }) {
            guard let node = tree[path] else { continue }
            switch node.kind {
            case .directory:
                lines.append(Self.line("d", path, node))
            case .symlink(let target):
                // The last field is taken as it is but for specifiers: quotes would be part of the target.
                lines.append("L \(Self.quoted(path)) - - - - \(target.replacing("%", with: "%%"))")
            case .file, .hardlink:
                let copy = Self.factory + path
                makeParents(of: copy)
                tree[copy] = node
                lines.append(Self.line("C", path, node))
            case .characterDevice, .blockDevice, .fifo, .socket:
                throw ConstructorError("\(path) is a device, pipe or socket, which cannot be laid out in /var")
            }
            lines += try FileAttributes.layout(of: path, node)
        }
        tree.removeSubtree("/var")
        tree["/var"] = .directory(modified: epoch)
        put(lines.map { "\($0)\n" }.joined(), at: Self.layout)
        makeLayoutUnit()
    }

    private mutating func makeLayoutUnit() {
        let units = "/usr/lib/systemd/system"
        // /run/pisces/state is what pisces-init says belongs to the booted generation.
        put(
            """
            [Unit]
            Description=Lay out /var for this generation
            DefaultDependencies=no
            ConditionPathExists=!/run/pisces/state/var-is-laid-out
            RequiresMountsFor=/var
            Before=systemd-tmpfiles-setup.service systemd-journal-flush.service sysinit.target shutdown.target
            Conflicts=shutdown.target

            [Service]
            Type=oneshot
            RemainAfterExit=yes
            ExecStart=/usr/bin/systemd-tmpfiles --create \(Self.layout)
            ExecStart=/usr/bin/touch /run/pisces/state/var-is-laid-out

            """, at: "\(units)/pisces-var.service")
        makeParents(of: "\(units)/sysinit.target.wants/x")
        tree["\(units)/sysinit.target.wants/pisces-var.service"] = .symlink(
            "../pisces-var.service", modified: epoch)
    }

    private mutating func put(_ text: String, at path: String) {
        makeParents(of: path)
        tree[path] = .file(text, modified: epoch)
    }

    /// Whether `path` is below `directory`, by bytes: to a String, a slash before a combining mark is no slash.
    private static func isBelow(_ directory: String, _ path: String) -> Bool {
        path.utf8.starts(with: directory.utf8) && path.utf8.dropFirst(directory.utf8.count).first == UInt8(ascii: "/")
    }

    private static func line(_ type: String, _ path: String, _ node: Node) -> String {
        "\(type) \(quoted(path)) \(octal(node.mode)) \(node.uid) \(node.gid)"
    }

    private static func octal(_ mode: UInt32) -> String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }

    /// A path as tmpfiles.d(5) reads it.
    static func quoted(_ path: String) -> String { Blueprint.SecretFiles.quoted(path) }

    private mutating func makeParents(of path: String) {
        let parent = parentDirectory(of: path)
        if parent == "/" || tree[parent] != nil { return }
        makeParents(of: parent)
        tree[parent] = .directory(modified: epoch)
    }

    // MARK: - Times

    /// Nothing is newer than the epoch: times of the build would make every build differ. Those of container images are
    /// the images'.
    private mutating func clampTimes() {
        tree.updateAll { path, node in
            if node.modified > epoch, !Self.isBelow(ImageStorage.path, path) { node.modified = epoch }
        }
    }
}
