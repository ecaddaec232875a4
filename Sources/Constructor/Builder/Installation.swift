import ContentStore
import Debian
import LinuxSystem

/// Installs the locked packages into the staged root in the order of ``InstallationOrder``, as a bootstrap does: the
/// essential packages are unpacked and configured before any other is there, so that their scripts see what they see
/// on every Debian system; then all others are unpacked at once.
struct Installation: Sendable {
    private let root: StagedRoot
    private let packages: [UnpackedPackage]
    private let steps: [InstallationOrder.Step]
    /// The indices of those that are there before all others.
    private let essential: Set<Int>
    private let configure: Configure
    private let preseed: Preseed
    private let sources: PackageSource
    private var unpack: Unpack

    init(
        root: StagedRoot, scratch: StagedRoot, packages: [LockedPackage], answers: [String: [String: String]],
        epoch: Int64, inRoot: @escaping ToolRunner, sources: PackageSource
    ) throws {
        self.root = root
        self.sources = sources
        unpack = Unpack(root: root, open: sources.open)
        var read = try Unpack.read(packages, open: sources.openAsIs)
        preseed = try Preseed(answers, packages: read)
        steps = try InstallationOrder(read.map(\.forOrder)).steps
        essential = Set(steps.first?.configured ?? [])
        for index in read.indices where !essential.contains(index) { read[index].isDeferred = read[index].diverts }
        self.packages = read
        configure = Configure(
            root: root, scratch: scratch, packages: read, epoch: epoch, inRoot: inRoot, open: sources.open)
    }

    /// Unpacks everything, and configures the essential packages before the others come.
    mutating func unpackAll(progress: @Sendable () -> Void) throws {
        try unpackSome(packages.indices.filter(essential.contains), progress: progress)
        for (path, mode) in [("dev", 0o755), ("proc", 0o755), ("run", 0o755), ("sys", 0o755), ("tmp", 0o1777)]
            as [(String, UInt32)] where !root.exists(path)
        {
            try root.makeDirectory(path, mode: mode)
        }
        try configure.forbidServices()
        try StandIns.write(to: configure.scratch)
        try PerlServer(root: root, scratch: configure.scratch).prepare()
        let others = packages.indices.filter { !essential.contains($0) }
        try configureEssential(whileDecompressing: others.map { packages[$0].locked })
        let unpacked = try unpackSome(others, progress: progress)
        try configure.activateTriggers(of: essential.sorted().map { packages[$0] }, by: unpacked)
        try configure.markAutomatic()
    }

    /// Scripts keep one processor busy. The others decompress meanwhile, for which there must be a place outside the root:
    /// the cache.
    private func configureEssential(whileDecompressing others: [LockedPackage]) throws {
        let others = sources.cache == nil ? [] : others.sorted { $0.size > $1.size }
        _ = try parallelMap(count: 1 + others.count) { index in
            if index == 0 { return try configure.run(steps.prefix(1), isLast: steps.count == 1) }
            _ = try sources.open(others[index - 1])
        }
    }

    @discardableResult
    private mutating func unpackSome(
        _ indices: [Int], progress: @Sendable () -> Void
    ) throws -> [UnpackedPackage] {
        let some = indices.map { packages[$0] }
        let (unpacked, changed) = try unpack.run(some.filter { !$0.isDeferred }, progress: progress)
        for package in some where package.isDeferred { progress() }
        try configure.record(unpacked)
        for package in changed { try configure.recordFiles(of: package) }
        return unpacked
    }

    /// Configures the rest.
    func configureAll() throws {
        // debconf is there by now, and of what asks something most is not configured yet.
        try preseed.run(in: root, epoch: configure.epoch, inRoot: configure.inRoot)
        let early = EarlyTools(
            root: root, scratch: configure.scratch, packages: unpack.unpacked, epoch: configure.epoch,
            inRoot: configure.inRoot, cache: sources.cache)
        let calls = early.calls
        try early.prepare(calls)
        _ = try parallelMap(count: 2) { index in
            if index == 0 { return early.run(calls) }
            try configure.run(steps.dropFirst(), isLast: true)
        }
        try PerlServer(root: root, scratch: configure.scratch).remove()
        try configure.allowServices()
        try configure.recordPristine()
    }
}
