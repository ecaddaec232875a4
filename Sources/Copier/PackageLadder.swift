public import ContentStore
public import Debian
internal import Glibc
internal import LinuxSystem
internal import Synchronization

/// Finds the bytes of the packages that a system has, in exactly the versions that it has: in the content store and
/// apt's cache, else in the signed lists of repositories, else they are made again of the files that lie there.
public struct PackageLadder: Sendable {
    /// Where a package was found.
    public enum Rung: Sendable, CaseIterable {
        /// In the content store, or in apt's cache, from which it was taken into the store.
        case store
        /// A repository has it.
        case mirror
        /// It was made again, and is in the store.
        case repacked
    }

    /// What was found.
    public struct Result: Sendable {
        /// The packages as a lock names them.
        public var packages: [LockedPackage] = []
        /// How many were found where.
        public var counts: [Rung: Int] = [:]
        /// What people must know of packages that were made again.
        public var remarks: [CopyReport.Omission] = []
    }

    let root: SourceRoot
    let store: ObjectStore
    let holdings: Holdings
    let epoch: Int64
    let progress: @Sendable (_ step: String, _ done: Int, _ total: Int) -> Void

    /// A ladder for the packages of a system.
    ///
    /// - Parameters:
    ///   - holdings: what repositories have.
    ///   - epoch: no time in a package that is made again is later.
    public init(
        _ root: SourceRoot, store: ObjectStore, holdings: Holdings, epoch: Int64,
        progress: @escaping @Sendable (_ step: String, _ done: Int, _ total: Int) -> Void = { _, _, _ in }
    ) {
        self.root = root
        self.store = store
        self.holdings = holdings
        self.epoch = epoch
        self.progress = progress
    }

    /// A package on its way up the ladder.
    private struct Wanted: Sendable {
        let package: DpkgDatabase.InstalledPackage
        let version: DebianVersion
        let isManual: Bool
        let sums: [UInt8]?

        /// What apt calls its file.
        var filename: String {
            "\(package.name)_\(version.description.replacing(":", with: "%3a"))_\(package.architecture).deb"
        }

        func locked(_ origin: LockedPackage.Origin, _ digest: Digest, _ size: Int64) -> LockedPackage {
            LockedPackage(
                name: package.name, version: version, architecture: package.architecture,
                isEssential: package.control["Essential"] == "yes", priority: package.control["Priority"],
                source: .system(origin), filename: filename, size: size, digest: digest, isManual: isManual)
        }
    }

    /// Finds all packages.
    ///
    /// - Throws: where one can be had nowhere.
    public func climb(_ installed: [SystemCopy.Installed]) throws -> Result {
        let dpkg = try DpkgState(of: root)
        var result = Result()
        let wanted = try self.wanted(installed, dpkg)
        let archives = "/var/cache/apt/archives"
        var cached: [String: [String]] = [:]
        for name in DpkgState.names(in: archives, root) where name.hasSuffix(".deb") {
            cached[String(name.prefix { $0 != "_" }), default: []].append("\(archives)/\(name)")
        }
        var left: [Wanted] = []
        for package in wanted {
            guard let found = try listed(package, cached[package.package.name] ?? []) else {
                left.append(package)
                continue
            }
            result.add(found.package, found.rung)
        }
        let files = try left.isEmpty ? [] : packageFiles(ofNames: Set(left.map(\.package.name)), cached)
        var lost: [Wanted] = []
        for package in left {
            guard let path = files.first(where: { $0.file.isThat(of: package.package, sums: package.sums) })?.path
            else {
                lost.append(package)
                continue
            }
            let file = try Descriptor.open(path)
            let digest = try store.put(file: file)
            result.add(package.locked(.installed, digest, Int64(try file.status().size)), .store)
        }
        try repack(lost, dpkg, files.map(\.file), into: &result)
        return result
    }

    private func wanted(_ installed: [SystemCopy.Installed], _ dpkg: DpkgState) throws -> [Wanted] {
        let marks = Dictionary(installed.map { ("\($0.name):\($0.architecture)", $0.isManual) }) { first, _ in first }
        return try dpkg.packages.compactMap { package in
            guard let isManual = marks["\(package.name):\(package.architecture)"] else { return nil }
            guard let version = DebianVersion(package.version) else {
                throw CopyError(
                    "\(dpkg.directory)/status:\(package.control.line): '\(package.version)' is no version",
                    hint: "correct that line; `dpkg --audit` finds it, too")
            }
            let sums = [package.informationName, package.name].lazy.compactMap { name in
                try? root.read("\(dpkg.directory)/info/\(name).md5sums")
            }.first
            return Wanted(package: package, version: version, isManual: isManual, sums: sums)
        }
    }

    // MARK: - With a signed list

    /// The package as a repository has it; its bytes may be here already.
    private func listed(_ wanted: Wanted, _ cached: [String]) throws -> (package: LockedPackage, rung: Rung)? {
        let size = wanted.package.control["Installed-Size"]
        let files = holdings.files.filter { file in
            file.package.name == wanted.package.name && file.package.architecture == wanted.package.architecture
                && file.package.version.canonical == wanted.version.canonical
                && (size == nil || file.installedSize == nil || size == file.installedSize)
        }
        guard var found = files.first(where: { store.contains($0.package.digest) })?.package ?? files.first?.package
        else { return nil }
        found.isManual = wanted.isManual
        if store.contains(found.digest) { return (found, .store) }
        for path in cached {
            guard let file = try? root.directory.openInRoot(String(path.dropFirst())),
                (try? file.status().size) == Int(found.size), (try? SHA256.hash(file)) == found.digest
            else { continue }
            try store.put(file: file, expecting: found.digest)
            return (found, .store)
        }
        return (found, .mirror)
    }

    // MARK: - Without

    /// The package files in the store and in apt's cache that have one of these names.
    private func packageFiles(
        ofNames names: Set<String>, _ cached: [String: [String]]
    ) throws -> [(path: String, file: PackageFile)] {
        // The cache is the system's: its paths count below the root, where none can lead out of it.
        for path in names.sorted(by: bytesPrecede).flatMap({ cached[$0] ?? [] }) {
            if let file = try? root.directory.openInRoot(String(path.dropFirst())) { try store.put(file: file) }
        }
        let paths = try store.digests().map { store.path(of: $0) }
        let done = Counter()
        let found = try parallelMap(count: paths.count) { index -> PackageFile? in
            progress("look for package files", done.next(), paths.count)
            guard let file = PackageFile(path: paths[index]), names.contains(file.name) else { return nil }
            return file
        }
        return zip(paths, found).compactMap { path, file in file.map { (path, $0) } }
    }

    private func repack(
        _ lost: [Wanted], _ dpkg: DpkgState, _ files: [PackageFile], into result: inout Result
    ) throws {
        if lost.isEmpty { return }
        let others = Dictionary(grouping: files, by: \.name)
        let repacker = Repacker(root, dpkg, epoch: epoch) { package, path, md5 in
            others[package]?.lazy.compactMap { $0.conffile(path, md5: md5) }.first
        }
        let done = Counter()
        let packed = try parallelMap(count: lost.count) { index -> (LockedPackage, [String]) in
            let file = try store.temporaryFile()
            let made = try repacker.repack(lost[index].package, to: file.descriptor)
            let digest = try store.put(file: file.descriptor)
            var package = lost[index].locked(.repacked, digest, Int64(try file.descriptor.status().size))
            package.pristine = made.pristine
            progress("make packages again", done.next(), lost.count)
            return (package, made.remarks)
        }
        for (package, remarks) in packed {
            result.add(package, .repacked)
            result.remarks += remarks.map {
                .init(kind: "packages", subject: "\(package.name) \(package.version)", reason: "made again: \($0)")
            }
        }
    }
}

extension PackageLadder.Result {
    fileprivate mutating func add(_ package: LockedPackage, _ rung: PackageLadder.Rung) {
        packages.append(package)
        counts[rung, default: 0] += 1
    }
}

/// Counts what several threads have done.
private final class Counter: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}
