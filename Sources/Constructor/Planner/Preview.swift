internal import Archive
public import BlueprintModel
internal import ContentStore
internal import Debian
internal import LinuxSystem

/// What a construction will make, told before anything is fetched or made.
public struct ConstructionPreview: Sendable {
    /// A place on the disk, in bytes.
    public struct Partition: Sendable, Equatable {
        /// Place in the table, from 1 on.
        public var number: Int
        /// What it is for.
        public var role: ImageLayout.Role
        /// Its slot; nil for what both slots share.
        public var slot: ImageLayout.Slot?
        /// First byte.
        public var start: Int
        /// Bytes.
        public var size: Int
    }

    /// The disk of the images.
    public struct Disk: Sendable {
        /// The layout's name.
        public var layout: String
        /// The partitions, by number.
        public var partitions: [Partition]
        /// Bytes of the whole disk.
        public var size: Int
        /// The bytes that a slot has for the root file system.
        public var slotSize: Int
    }

    /// The disk; nil where no output is one.
    public var disk: Disk?
    /// How many packages the lock names, and the bytes of their files.
    public var packages: (count: Int, size: Int)
    /// How many of them and of the tools the store lacks, and their bytes.
    public var missing: (count: Int, size: Int)
    /// About how many bytes the root file system will have: what the packages say of themselves, give or take a
    /// tenth, and what is usual for the layers of container images.
    public var rootEstimate: Int
}

extension Constructor {
    /// Plans the construction and checks all that can be checked beforehand; writes and fetches nothing.
    public func preview() throws -> ConstructionPreview {
        try check()
        let lock = request.lock
        var seen: Set<Digest> = []
        let missing = (lock.packages + lock.toolPackages).filter {
            !request.store.contains($0.digest) && seen.insert($0.digest).inserted
        }
        let layers = lock.images.flatMap(\.layers).reduce(0) { $0 + Int($1.size) }
        let sizes = try parallelMap(count: lock.packages.count) { index in
            try installedSize(lock.packages[index])
        }
        return ConstructionPreview(
            disk: wantsDisk ? try disk(try imagePlan()) : nil,
            packages: (lock.packages.count, lock.packages.reduce(0) { $0 + Int($1.size) }),
            missing: (missing.count, missing.reduce(0) { $0 + Int($1.size) }),
            // What the blueprint adds, and what blocks of files lose at their ends; layers are compressed, mostly.
            rootEstimate: sizes.reduce(0, +) / 16 * 17 + layers / 4 * 9)
    }

    private func disk(_ plan: ImagePlan) throws -> ConstructionPreview.Disk {
        ConstructionPreview.Disk(
            layout: request.blueprint.image.layout,
            partitions: plan.places.map {
                .init(number: $0.number, role: $0.role, slot: $0.slot, start: $0.start, size: $0.size)
            },
            size: plan.size, slotSize: try plan.place(.root).size)
    }

    /// What a package takes when it is installed, as its maintainers say; of one that is not in the store, as most
    /// packages are compressed.
    private func installedSize(_ package: LockedPackage) throws -> Int {
        guard let file = try request.store.open(package.digest) else { return Int(package.size) / 4 * 9 }
        let control = try DebFile(file, name: package.name).controlFiles().first { $0.name == "control" }
        let stanza = try Deb822.parseOne(control?.content ?? [], file: "\(package.name): control")
        // KiB, Debian Policy 5.6.20.
        let kibibytes = stanza["Installed-Size"].flatMap { Int($0) } ?? 0
        return min(max(0, kibibytes), 1 << 40) * 1024
    }
}
