internal import Debian
internal import LinuxSystem

/// What the registers of one root say of single paths: from these a tool can make each of them again.
struct Registers {
    /// Why a path is there, by its node.
    private(set) var exact: [Int32: (cause: Finding.Cause, reason: String)] = [:]
    /// The MD5 of what ucf last brought, by the node of the file.
    private(set) var ucf: [Int32: MD5Digest] = [:]

    /// Reads them.
    init(_ root: SourceRoot, _ dpkg: DpkgState, _ tree: inout PathTree) {
        addAlternatives(dpkg.alternatives, &tree)
        addDiversions(dpkg.diversions, &tree)
        addUnitLinks(root, &tree)
        addUcf(root, &tree)
        addTemplates(root, &tree)
        addKernels(&tree)
    }

    /// What depmod and update-initramfs make for the kernels that packages have installed.
    private mutating func addKernels(_ tree: inout PathTree) {
        guard let boot = tree.find("/boot") else { return }
        for kernel in tree.children(boot) where tree[kernel].ownership >= 0 && tree.has(kernel, .isOnDisk) {
            guard let version = tree.name(kernel).split(separator: "vmlinuz-", maxSplits: 1).first,
                tree.name(kernel).hasPrefix("vmlinuz-")
            else { continue }
            for suffix in ["", ".old-dkms", ".dpkg-bak"] {
                add(
                    "/boot/initrd.img-\(version)\(suffix)", .derived, "update-initramfs: for the kernel \(version)",
                    &tree)
            }
        }
        guard let modules = tree.find("/usr/lib/modules") else { return }
        for kernel in tree.children(modules) where tree[kernel].ownership >= 0 && tree.has(kernel, .isOnDisk) {
            for file in tree.children(kernel) where tree.name(file).hasPrefix("modules.") {
                exact[file] = (.derived, "depmod: for the kernel \(tree.name(kernel))")
            }
        }
    }

    private mutating func add(_ path: String, _ cause: Finding.Cause, _ reason: String, _ tree: inout PathTree) {
        guard path.utf8.first == UInt8(ascii: "/") else { return }
        exact[tree.makePath(path)] = (cause, reason)
    }

    private mutating func addAlternatives(_ alternatives: [DpkgDatabase.Alternative], _ tree: inout PathTree) {
        add("/etc/alternatives", .register, "update-alternatives: its links", &tree)
        for alternative in alternatives {
            guard let name = alternative.links.first?.name else { continue }
            let mode = alternative.isAutomatic ? "automatic" : "chosen by hand"
            for (number, link) in alternative.links.enumerated() {
                add(link.path, .register, "update-alternatives: \(name) (\(mode))", &tree)
                let place = "/etc/alternatives/\(link.name)"
                guard let node = tree.find(place), tree.has(node, .isOnDisk) else { continue }
                let target = tree.target(node)
                let isKnown = alternative.choices.contains { choice in
                    let path = number == 0 ? choice.path : choice.others[number - 1]
                    return path.utf8.elementsEqual(target)
                }
                // A link that leads to no choice was made by hand, and the next run of the tool unmakes it.
                exact[node] =
                    isKnown
                    ? (.register, "update-alternatives: \(name) (\(mode))")
                    : (.payload, "update-alternatives knows the name \(name), but not this target")
            }
        }
    }

    private mutating func addDiversions(_ diversions: [DpkgDatabase.Diversion], _ tree: inout PathTree) {
        for diversion in diversions {
            let who = diversion.package ?? "a person"
            add(diversion.to, .register, "dpkg-divert: where \(who) has moved \(diversion.from)", &tree)
            // What a person has put in place of the file stays a person's.
            if diversion.package == nil {
                add(diversion.from, .payload, "put in place of the file that a local diversion moved away", &tree)
            }
        }
    }

    /// The links that deb-systemd-helper made for packages.
    private mutating func addUnitLinks(_ root: SourceRoot, _ tree: inout PathTree) {
        for directory in ["deb-systemd-helper-enabled", "deb-systemd-user-helper-enabled"] {
            let directory = "/var/lib/systemd/\(directory)"
            for name in DpkgState.names(in: directory, root) where name.utf8.suffix(9).elementsEqual(".dsh-also".utf8) {
                guard let text = try? root.readText("\(directory)/\(name)") else { continue }
                let unit = name.utf8.dropLast(9)
                for line in text.split(separator: "\n") {
                    guard let node = tree.find(String(line)), tree.has(node, .isOnDisk), tree[node].facts.isSymlink
                    else {
                        continue
                    }
                    exact[node] = (.register, "deb-systemd-helper: \(Substring(unit)) is enabled by its package")
                }
            }
        }
    }

    /// ucf's list of files that packages keep by its help: `MD5  PATH`, and `PACKAGE PATH`.
    private mutating func addUcf(_ root: SourceRoot, _ tree: inout PathTree) {
        var packages: [Int32: String] = [:]
        for line in ((try? root.readText("/var/lib/ucf/registry")) ?? "").split(separator: "\n") {
            let parts = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            if parts.count == 2 { packages[tree.makePath(String(parts[1]))] = String(parts[0]) }
        }
        for line in ((try? root.readText("/var/lib/ucf/hashfile")) ?? "").split(separator: "\n") {
            let path = line.dropFirst(32).drop { $0 == " " }
            guard let digest = MD5Digest(hex: Array(line.utf8.prefix(32))), path.utf8.first == UInt8(ascii: "/") else {
                continue
            }
            let node = tree.makePath(String(path))
            ucf[node] = digest
            let package = packages[node].map { " of \($0)" } ?? ""
            exact[node] = (.register, "ucf: a configuration file\(package)")
        }
    }

    /// Files that a package's script copies once from a place of its own: where they are still equal nobody changed them.
    private mutating func addTemplates(_ root: SourceRoot, _ tree: inout PathTree) {
        for (path, template) in Self.templates {
            guard let node = tree.find(path), tree.has(node, .isOnDisk), tree[node].facts.isFile,
                let content = try? root.read(path, limit: 1 << 20)
            else { continue }
            if let original = try? root.read(template, limit: 1 << 20), original == content {
                exact[node] = (.derived, "a copy of \(template)")
            }
        }
        for (pattern, prefix, suffix) in Self.copiedProfiles {
            guard let node = tree.find(pattern) else { continue }
            for child in tree.children(node) where tree.has(child, .isOnDisk) && tree[child].facts.isFile {
                let name = tree.name(child)
                guard let content = try? root.read("\(pattern)/\(name)", limit: 1 << 20),
                    let original = try? root.read("\(prefix)\(name)\(suffix)", limit: 1 << 20), original == content
                else { continue }
                exact[child] = (.derived, "a copy of \(prefix)\(name)\(suffix)")
            }
        }
    }

    private static let templates = [
        ("/etc/profile", "/usr/share/base-files/profile"), ("/etc/motd", "/usr/share/base-files/motd"),
        ("/etc/nsswitch.conf", "/usr/share/libc-bin/nsswitch.conf"),
        ("/etc/nsswitch.conf", "/usr/share/base-files/nsswitch.conf"),
        ("/etc/inputrc", "/usr/share/readline/inputrc"), ("/root/.bashrc", "/usr/share/base-files/dot.bashrc"),
        ("/root/.profile", "/usr/share/base-files/dot.profile"),
        ("/var/log/README", "/usr/share/doc/systemd/README.logs"),
    ]

    /// Directories whose files are copies of those with a prefix and a suffix.
    private static let copiedProfiles = [("/etc/profile.d", "/usr/share/base-files/profile.d/", "")]
}
