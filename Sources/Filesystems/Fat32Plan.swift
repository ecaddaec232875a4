/// What goes into which clusters, decided before a byte is written: a pure function of tree, layout and options.
struct Fat32Plan {
    /// A directory or file and its run of clusters.
    struct Item {
        enum Data {
            case directory([UInt8])
            case file(Node.Content)
        }
        var path: String
        var data: Data
        /// 0 where there are none.
        var firstCluster: Int
        var clusters: Int
    }

    /// In the order of their clusters, which is path order.
    private(set) var items: [Item] = []
    private(set) var usedClusters = 0

    /// `label` is the volume's name: the first entry of the root directory.
    init(_ tree: FileTree, layout: Fat32Layout, label: [UInt8], epoch: Int64) throws(FilesystemError) {
        let time = FatTime(epoch: epoch)
        var indices: [String: Int] = [:]
        var names: [String: [Fat32Names.ShortName]] = [:]
        // Sizes first: a directory's entries tell where their files will be.
        for path in try tree.validatedPaths() {
            var size = 0
            var data = Item.Data.directory([])
            switch tree[path]?.kind {
            case .directory:
                let short = try Fat32Names.shortNames(for: tree.children(of: path), in: path)
                names[path] = short
                size = 32 * (path == "/" ? 1 : 2)
                for (name, short) in zip(tree.children(of: path), short) { size += Self.entrySize(name, short) }
                if size > 65536 * 32 { throw .tree(path: path, problem: "a FAT directory has at most 65536 entries") }
            case .file(let content):
                data = .file(content)
                size = content.size
                if size > UInt32.max { throw .tree(path: path, problem: "a FAT file has at most 4 GiB - 1 bytes") }
            default: throw .tree(path: path, problem: "FAT holds directories and files only")
            }
            let clusters = size.roundedUp(to: layout.clusterSize) / layout.clusterSize
            indices[path] = items.count
            items.append(
                Item(path: path, data: data, firstCluster: clusters == 0 ? 0 : usedClusters + 2, clusters: clusters))
            usedClusters += clusters
            if usedClusters > layout.clusters {
                throw .tree(
                    path: path,
                    problem: "the tree does not fit into \(layout.clusters) clusters of \(layout.clusterSize) bytes")
            }
        }
        for (index, item) in items.enumerated() {
            guard case .directory = item.data else { continue }
            var bytes = heading(of: item, indices: indices, label: label, time: time)
            for (name, short) in zip(tree.children(of: item.path), names[item.path] ?? []) {
                guard let child = indices[FileTree.join(item.path, name)] else { continue }
                if short.needsLongName { bytes += Fat32Names.longNameEntries(name, short: short.bytes) }
                bytes += Self.entry(short.bytes, items[child], time)
            }
            items[index].data = .directory(bytes)
        }
    }

    private static func entrySize(_ name: String, _ short: Fat32Names.ShortName) -> Int {
        32 * (1 + (short.needsLongName ? name.utf16.count.roundedUp(to: 13) / 13 : 0))
    }

    /// The first entries of a directory: the volume's name in the root, `.` and `..` in the others.
    private func heading(of item: Item, indices: [String: Int], label: [UInt8], time: FatTime) -> [UInt8] {
        if item.path == "/" { return Self.entry(label, attributes: 0x08, cluster: 0, size: 0, time) }
        let dot = UInt8(ascii: ".")
        let space = UInt8(ascii: " ")
        let parent = FileTree.split(item.path).parent
        // The root as a parent is written as 0.
        let parentCluster = parent == "/" ? 0 : indices[parent].map { items[$0].firstCluster } ?? 0
        return Self.entry(
            [dot] + [UInt8](repeating: space, count: 10), attributes: 0x10, cluster: item.firstCluster, size: 0, time)
            + Self.entry(
                [dot, dot] + [UInt8](repeating: space, count: 9), attributes: 0x10, cluster: parentCluster, size: 0,
                time)
    }

    private static func entry(_ name: [UInt8], _ item: Item, _ time: FatTime) -> [UInt8] {
        switch item.data {
        case .directory: entry(name, attributes: 0x10, cluster: item.firstCluster, size: 0, time)
        case .file(let content):
            entry(name, attributes: 0x20, cluster: item.firstCluster, size: UInt32(content.size), time)
        }
    }

    private static func entry(
        _ name: [UInt8], attributes: UInt8, cluster: Int, size: UInt32, _ time: FatTime
    ) -> [UInt8] {
        var bytes = name + [attributes, 0, 0]
        bytes.append(littleEndian: time.time)
        bytes.append(littleEndian: time.date)
        bytes.append(littleEndian: time.date)
        bytes.append(littleEndian: UInt16(cluster >> 16))
        bytes.append(littleEndian: time.time)
        bytes.append(littleEndian: time.date)
        bytes.append(littleEndian: UInt16(cluster & 0xFFFF))
        bytes.append(littleEndian: size)
        return bytes
    }
}

/// A time as FAT has it: two seconds fine, from 1980 to 2107.
struct FatTime: Equatable {
    var date: UInt16
    var time: UInt16

    /// The time of an epoch in UTC, moved into FAT's range.
    init(epoch: Int64) {
        // 1980-01-01 and 2107-12-31 23:59:58.
        let seconds = Int(min(max(epoch, 315_532_800), 4_354_819_198))
        var days = seconds / 86400 - 3652
        var year = 1980
        func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
        while days >= (isLeap(year) ? 366 : 365) {
            days -= isLeap(year) ? 366 : 365
            year += 1
        }
        var month = 1
        for length in [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if days < length { break }
            days -= length
            month += 1
        }
        date = UInt16((year - 1980) << 9 | month << 5 | (days + 1))
        let second = seconds % 86400
        time = UInt16((second / 3600) << 11 | (second / 60 % 60) << 5 | second % 60 / 2)
    }
}
