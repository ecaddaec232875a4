internal import Glibc
public import LinuxSystem

/// Reads FAT32 file systems, ours and those of other writers, trusting none of their bytes.
///
/// It is stricter than firmware: what two readers could understand differently is an error, never a trap and never an
/// endless walk. Source: Microsoft's FAT specification, 1.03.
public struct Fat32Reader: ~Copyable, Sendable {
    let image: Descriptor
    let offset: Int
    let geometry: Geometry
    /// What `blkid` shows as UUID.
    public var volumeID: UInt32 { geometry.volumeID }
    /// The volume's name as the boot sector has it, without spaces at its end.
    public var label: String { geometry.label }

    static let sectorSize = Fat32Layout.sectorSize
    static let slotSize = 32

    /// A directory or a file. All ranges are bytes from the file system's start.
    public struct Entry: Sendable, Equatable {
        /// Absolute path.
        public var path: String
        /// Whether it is a directory.
        public var isDirectory: Bool
        /// Bytes of a file's content; 0 for a directory.
        public var size: Int
        /// The clusters that hold the content, in its order; the last may hold more than the content.
        public var extents: [Range<Int>]
        /// Its 32 bytes in the directory above; empty for the root.
        public var slot: Range<Int>
    }

    /// Opens the file system in `sizeBytes` bytes at `offset` of a file or block device; checks the boot sector.
    public static func open(
        _ image: borrowing Descriptor, at offset: Int, sizeBytes: Int
    ) throws(FilesystemError) -> Fat32Reader {
        guard offset >= 0, sizeBytes >= sectorSize, sizeBytes <= .max - offset else {
            throw .parameter("no FAT32 file system has \(sizeBytes) bytes at byte \(offset)")
        }
        let copy = try lifting { () throws(SystemError) in try image.duplicate() }
        let sector = try lifting { () throws(SystemError) in try image.bytes(at: offset, count: sectorSize) }
        let geometry = try Geometry(sector, name: image.name, sizeBytes: sizeBytes)
        return Fat32Reader(image: copy, offset: offset, geometry: geometry)
    }

    /// All directories and files, each directory before what it holds, siblings in byte order.
    ///
    /// Chains that end early, run on or meet are errors, as are names that cannot be told apart.
    public func entries() throws(FilesystemError) -> [Entry] {
        var walk = Walk(budget: geometry.clusters)
        let root = try chain(
            from: geometry.rootCluster, limit: Self.directoryLimit, path: "/", named: 44..<48, walk: &walk)
        var result = [Entry(path: "/", isDirectory: true, size: 0, extents: root, slot: 0..<0)]
        var pending = [(entry: result[0], cluster: geometry.rootCluster, parent: 0)]
        while let (directory, cluster, parent) = pending.popLast() {
            for item in try items(of: directory, cluster: cluster, parent: parent) {
                var entry = item.entry
                if entry.isDirectory {
                    entry.extents = try chain(
                        from: item.cluster, limit: Self.directoryLimit, path: entry.path, named: entry.slot,
                        walk: &walk)
                    pending.append((entry, item.cluster, directory.path == "/" ? 0 : cluster))
                } else {
                    entry.extents = try extents(ofFile: entry, cluster: item.cluster, walk: &walk)
                }
                result.append(entry)
            }
        }
        try requireApart(result)
        return result.sorted { FileTree.pathPrecedes($0.path, $1.path) }
    }

    /// The content of a file that ``entries()`` returned.
    public func contents(of entry: Entry) throws(FilesystemError) -> [UInt8] {
        var content: [UInt8] = []
        content.reserveCapacity(entry.size)
        for range in entry.extents {
            content += try bytes(
                range.lowerBound..<min(range.upperBound, range.lowerBound + entry.size - content.count))
        }
        return content
    }

    // MARK: - Bytes

    func broken(_ range: Range<Int>, _ problem: String) -> FilesystemError {
        .damage(name: image.name, range: range, problem: problem)
    }

    /// Bytes of the file system.
    func bytes(_ range: Range<Int>) throws(FilesystemError) -> [UInt8] {
        try lifting { () throws(SystemError) in try image.bytes(at: offset + range.lowerBound, count: range.count) }
    }
}

// MARK: - Boot sector

extension Fat32Reader {
    /// What the boot sector says, checked.
    struct Geometry {
        let volumeID: UInt32
        let label: String
        let clusterSize: Int
        /// The number of clusters; they are counted from 2.
        let clusters: Int
        let rootCluster: Int
        /// Where the first table is, and where cluster 2 begins, in bytes.
        let tableStart: Int
        let dataStart: Int

        init(_ sector: [UInt8], name: String, sizeBytes: Int) throws(FilesystemError) {
            func require(_ holds: Bool, _ problem: String) throws(FilesystemError) {
                if !holds { throw .damage(name: name, range: 0..<sectorSize, problem: "boot sector: \(problem)") }
            }
            func field<Integer: FixedWidthInteger>(_ type: Integer.Type, _ offset: Int) -> Int {
                Int(sector.load(type, at: offset) ?? 0)
            }
            try require(sector[510] == 0x55 && sector[511] == 0xAA, "its signature is missing")
            try require(field(UInt16.self, 11) == sectorSize, "sectors have \(field(UInt16.self, 11)) bytes, not 512")
            let (perCluster, reserved, tables) = (Int(sector[13]), field(UInt16.self, 14), Int(sector[16]))
            try require(perCluster.nonzeroBitCount == 1, "\(perCluster) sectors to a cluster are no power of two")
            try require(reserved > 0 && (1...2).contains(tables), "\(reserved) reserved sectors and \(tables) tables")
            let isOther = [17, 19, 22].contains { field(UInt16.self, $0) != 0 }
            try require(!isOther, "this is FAT12 or FAT16")
            let (sectors, tableSectors) = (field(UInt32.self, 32), field(UInt32.self, 36))
            try require(sectors <= sizeBytes / sectorSize, "it has \(sectors) sectors where \(sizeBytes) bytes are")
            try require(sector[40] & 0x80 == 0, "the tables are not kept alike")
            try require(field(UInt16.self, 42) == 0, "a version of FAT32 that is not known")
            let dataSector = reserved + tables * tableSectors
            try require(dataSector < sectors, "the tables leave no room for data")
            clusters = (sectors - dataSector) / perCluster
            try require((65525...Fat32Layout.maximumClusters).contains(clusters), "\(clusters) clusters are no FAT32")
            try require(tableSectors * sectorSize / 4 >= clusters + 2, "the tables are too small")
            rootCluster = field(UInt32.self, 44)
            try require((2..<clusters + 2).contains(rootCluster), "the root directory is nowhere")
            clusterSize = perCluster * sectorSize
            tableStart = reserved * sectorSize
            dataStart = dataSector * sectorSize
            volumeID = UInt32(field(UInt32.self, 67))
            let text = String(decoding: sector[71..<82], as: UTF8.self)
            label = String(text.reversed().drop { $0 == " " }.reversed())
        }
    }
}

// MARK: - Chains

extension Fat32Reader {
    /// More bytes than this no directory may have.
    static let directoryLimit = 65536 * slotSize

    /// What a walk over all files has seen of the table.
    struct Walk {
        /// Clusters that no chain has yet: a sound file system uses none twice.
        var budget: Int
        /// A part of the table.
        var window: [UInt8] = []
        var windowStart = 0
    }

    private func extents(
        ofFile entry: Entry, cluster: Int, walk: inout Walk
    ) throws(FilesystemError) -> [Range<Int>] {
        if entry.size == 0 {
            if cluster != 0 { throw broken(entry.slot, "\(entry.path) is empty and has a cluster") }
            return []
        }
        let extents = try chain(from: cluster, limit: entry.size, path: entry.path, named: entry.slot, walk: &walk)
        let held = extents.reduce(0) { $0 + $1.count }
        if held < entry.size {
            throw broken(entry.slot, "\(entry.path) has \(entry.size) bytes, its chain of clusters \(held)")
        }
        return extents
    }

    /// The clusters of a chain as runs of bytes; one longer than `limit` bytes need is an error. `place` names the first.
    private func chain(
        from first: Int, limit: Int, path: String, named place: Range<Int>, walk: inout Walk
    ) throws(FilesystemError) -> [Range<Int>] {
        var extents: [Range<Int>] = []
        var left = limit.roundedUp(to: geometry.clusterSize) / geometry.clusterSize
        var cluster = first
        var link = place
        while true {
            guard (2..<geometry.clusters + 2).contains(cluster) else {
                throw broken(link, "the chain of \(path) leads to cluster \(cluster), which there is not")
            }
            if left == 0 { throw broken(link, "the chain of \(path) is longer than it may be") }
            if walk.budget == 0 { throw broken(link, "the chains of files meet at \(path)") }
            (left, walk.budget) = (left - 1, walk.budget - 1)
            let start = geometry.dataStart + (cluster - 2) * geometry.clusterSize
            if let last = extents.last, last.upperBound == start {
                extents[extents.count - 1] = last.lowerBound..<start + geometry.clusterSize
            } else {
                extents.append(start..<start + geometry.clusterSize)
            }
            link = geometry.tableStart + 4 * cluster..<geometry.tableStart + 4 * cluster + 4
            cluster = Int(try tableEntry(cluster, &walk))
            if cluster >= 0x0FFF_FFF8 { return extents }
        }
    }

    private func tableEntry(_ cluster: Int, _ walk: inout Walk) throws(FilesystemError) -> UInt32 {
        let position = 4 * cluster
        if position < walk.windowStart || position >= walk.windowStart + walk.window.count {
            walk.windowStart = position & ~0xFFFF
            let end = min(walk.windowStart + 0x10000, 4 * (geometry.clusters + 2))
            walk.window = try bytes(geometry.tableStart + walk.windowStart..<geometry.tableStart + end)
        }
        return (walk.window.load(UInt32.self, at: position - walk.windowStart) ?? 0) & 0x0FFF_FFFF
    }

    private func requireApart(_ entries: [Entry]) throws(FilesystemError) {
        let extents = entries.flatMap { entry in entry.extents.map { (range: $0, path: entry.path) } }
            .sorted { $0.range.lowerBound < $1.range.lowerBound }
        for (left, right) in zip(extents, extents.dropFirst()) where left.range.upperBound > right.range.lowerBound {
            throw broken(right.range, "\(left.path) and \(right.path) share clusters")
        }
    }
}
