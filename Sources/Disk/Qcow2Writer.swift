internal import Glibc
public import LinuxSystem

/// Writes disks as qcow2 images, version 3, as QEMU's docs/interop/qcow2.rst describes them.
///
/// Clusters of 64 KiB, neither compressed nor encrypted, without snapshots or a backing file. A cluster is in the image
/// exactly if it holds a byte that is not zero, so the bits depend on the disk's bytes alone and not on its holes. The
/// header comes first, then the data in the disk's order, then the tables that find it.
public enum Qcow2Writer {
    private static let clusterBits = 16
    private static let clusterSize = 1 << clusterBits
    /// Entries of 8 bytes in one cluster of an L1, L2 or refcount table.
    private static let entriesPerCluster = clusterSize / 8
    /// Refcounts have 16 bits.
    private static let refcountsPerCluster = clusterSize / 2
    /// Set in L1 and L2 entries whose cluster has one user (QCOW_OFLAG_COPIED).
    private static let copied: UInt64 = 1 << 63

    /// Writes the first `size` bytes of `disk` into the empty file `image`; `size` is a multiple of 512.
    public static func write(
        _ disk: borrowing Descriptor, size: Int, to image: borrowing Descriptor
    ) throws(SystemError) {
        var clusters = (size + clusterSize - 1) / clusterSize
        clusters = (clusters + entriesPerCluster - 1) / entriesPerCluster * entriesPerCluster
        // What the guest sees at each cluster: its place in the image, or 0 for zeros.
        var map = [UInt64](repeating: 0, count: clusters)
        var end = try copyData(of: disk, size: size, to: image, map: &map)
        let tables = try writeMap(map, to: image, at: &end)
        let refcounts = try writeRefcounts(to: image, at: &end)
        try image.writeAll(
            header(size: size, map: tables.offset, mapEntries: tables.count, refcounts: refcounts), at: 0)
        try image.truncate(to: end)
    }

    /// Copies the clusters that are not zero one after another behind the header; returns where the next one goes.
    private static func copyData(
        of disk: borrowing Descriptor, size: Int, to image: borrowing Descriptor, map: inout [UInt64]
    ) throws(SystemError) -> Int {
        var end = clusterSize
        let cluster = UnsafeMutableRawBufferPointer.allocate(byteCount: clusterSize, alignment: 4096)
        defer { cluster.deallocate() }
        var position = 0
        while let data = try disk.nextData(from: position), data < size {
            position = data / clusterSize * clusterSize
            let count = min(clusterSize, size - position)
            if count < clusterSize { cluster.initializeMemory(as: UInt8.self, repeating: 0) }
            try disk.readAll(into: UnsafeMutableRawBufferPointer(rebasing: cluster[..<count]), at: position)
            if !isZero(cluster) {
                map[position / clusterSize] = UInt64(end) | copied
                try image.writeAll(UnsafeRawBufferPointer(cluster), at: end)
                end += clusterSize
            }
            position += clusterSize
        }
        return end
    }

    private static func isZero(_ bytes: UnsafeMutableRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress else { return true }
        return bytes[0] == 0 && memcmp(start, start + 1, bytes.count - 1) == 0
    }

    /// Writes the L2 tables that have entries and the L1 table that finds them.
    private static func writeMap(
        _ map: [UInt64], to image: borrowing Descriptor, at end: inout Int
    ) throws(SystemError) -> (offset: Int, count: Int) {
        var first: [UInt64] = []
        for start in stride(from: 0, to: map.count, by: entriesPerCluster) {
            let table = map[start..<start + entriesPerCluster]
            if table.allSatisfy({ $0 == 0 }) {
                first.append(0)
            } else {
                first.append(UInt64(end) | copied)
                try append(bigEndian(table), to: image, at: &end)
            }
        }
        let offset = end
        try append(bigEndian(first), to: image, at: &end)
        return (offset, first.count)
    }

    /// Writes the refcounts of all clusters, which are 1, and the table that finds their blocks; both count themselves.
    private static func writeRefcounts(
        to image: borrowing Descriptor, at end: inout Int
    ) throws(SystemError) -> (offset: Int, clusters: Int) {
        let others = end / clusterSize
        var blocks = 0
        var tableClusters = 0
        while true {
            let needed = (others + blocks + tableClusters + refcountsPerCluster - 1) / refcountsPerCluster
            if needed == blocks { break }
            blocks = needed
            tableClusters = (blocks + entriesPerCluster - 1) / entriesPerCluster
        }
        let table = (0..<blocks).map { UInt64(end + $0 * clusterSize) }
        var counts = [UInt8](repeating: 0, count: blocks * clusterSize)
        for cluster in 0..<(others + blocks + tableClusters) { counts[2 * cluster + 1] = 1 }
        try append(counts, to: image, at: &end)
        let offset = end
        try append(bigEndian(table), to: image, at: &end)
        return (offset, tableClusters)
    }

    /// Appends whole clusters.
    private static func append(
        _ bytes: [UInt8], to image: borrowing Descriptor, at end: inout Int
    ) throws(SystemError) {
        try image.writeAll(bytes, at: end)
        end += (bytes.count + clusterSize - 1) / clusterSize * clusterSize
    }

    private static func header(
        size: Int, map: Int, mapEntries: Int, refcounts: (offset: Int, clusters: Int)
    ) -> [UInt8] {
        var bytes = Array("QFI".utf8) + [0xfb]
        bytes.append(bigEndian: UInt32(3))
        // Backing file: none.
        bytes.append(bigEndian: UInt64(0))
        bytes.append(bigEndian: UInt32(0))
        bytes.append(bigEndian: UInt32(clusterBits))
        bytes.append(bigEndian: UInt64(size))
        // Encryption: none.
        bytes.append(bigEndian: UInt32(0))
        bytes.append(bigEndian: UInt32(mapEntries))
        bytes.append(bigEndian: UInt64(map))
        bytes.append(bigEndian: UInt64(refcounts.offset))
        bytes.append(bigEndian: UInt32(refcounts.clusters))
        // Snapshots: none.
        bytes.append(bigEndian: UInt32(0))
        bytes.append(bigEndian: UInt64(0))
        // Features: incompatible, compatible, autoclear.
        for _ in 0..<3 { bytes.append(bigEndian: UInt64(0)) }
        // Refcounts of 1 << 4 bits.
        bytes.append(bigEndian: UInt32(4))
        // The header's own length, then the end of its extensions.
        bytes.append(bigEndian: UInt32(104))
        bytes.append(bigEndian: UInt64(0))
        return bytes
    }

    private static func bigEndian(_ values: some Collection<UInt64>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * 8)
        for value in values { bytes.append(bigEndian: value) }
        return bytes
    }
}

extension [UInt8] {
    /// Appends the bytes of an integer, highest first.
    fileprivate mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}
