import BlueprintModel
import Constructor
import ContentStore
import Copier
import Debian
import Glibc
import LinuxSystem

/// Makes the lock of a copy: the packages that the system has, in exactly these versions.
struct CopyLock {
    let copy: SystemCopy
    let root: SourceRoot
    /// Knows the blueprint as it was written.
    let resolver: Resolver
    let console: Console

    /// Finds the bytes of all packages.
    ///
    /// - Returns: the lock, and what people must know of packages that were made again.
    func make() throws -> (lock: Lock, remarks: [CopyReport.Omission]) {
        let blueprint = resolver.loaded.blueprint
        let store = try resolver.openStore()
        let epoch = blueprint.image.epoch.map(Int64.init) ?? lastChange()
        let holdings = lookUp()
        console.begin("find the packages")
        let ladder = PackageLadder(root, store: store, holdings: holdings, epoch: epoch) {
            [console] step, done, total in
            console.advance(done, of: total, "\(step), \(done) of \(total)")
        }
        let found = try ladder.climb(copy.installed)
        let parts = [(PackageLadder.Rung.store, "in the store"), (.mirror, "at a mirror"), (.repacked, "made again")]
            .compactMap { rung, place in found.counts[rung].map { "\($0) \(place)" } }
        console.end("\(found.packages.count): \(parts.joined(separator: ", "))")
        var remarks = found.remarks
        if holdings.toolPackages.isEmpty, case let tools = blueprint.image.toolPackages, !tools.isEmpty {
            remarks.append(
                .init(
                    kind: "packages", subject: tools.joined(separator: ", "),
                    reason: "only a mirror has the tools that make a disk image: copy again with a network for one"))
        }
        if holdings.releases.isEmpty {
            remarks.append(
                .init(
                    kind: "repositories", subject: "Debian's archives",
                    reason: "no mirror was asked: what is made of this lock has no sources of apt's for them"))
        }
        // Also those that no package is from any more: they are the sources of the system's next packages.
        let lock = Lock(
            blueprintName: blueprint.name, blueprint: SHA256.hash(blueprint.canonicalBytes),
            architecture: blueprint.distribution.architecture.rawValue, epoch: epoch,
            tools: ["pisces": piscesVersion], releases: holdings.releases, packages: found.packages,
            toolPackages: holdings.toolPackages,
            images: try resolver.lockImages(keeping: []), users: copy.accounts.users, groups: copy.accounts.groups)
        return (lock, remarks)
    }

    /// What repositories have; nothing where they cannot be asked.
    private func lookUp() -> Holdings {
        if resolver.options.offline { return Holdings() }
        do {
            return try resolver.holdings(of: Set(copy.installed.map(\.name)))
        } catch {
            console.warning(
                "the mirrors cannot be asked: \(error)\n  what neither the store nor apt's cache has is made again of the "
                    + "system's files")
            return Holdings()
        }
    }

    /// When packages were installed or removed last: the same system has the same lock, whenever it is copied.
    private func lastChange() -> Int64 {
        let times = ["/var/lib/dpkg/status", "/usr/lib/sysimage/dpkg/status"].compactMap { path in
            try? root.directory.openInRoot(String(path.dropFirst())).status().modified
        }
        return max(0, min(times.max() ?? 0, Int64(time(nil))))
    }
}
