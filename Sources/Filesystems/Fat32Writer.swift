internal import Glibc
public import LinuxSystem

/// Writes FAT32 file systems, for EFI system partitions.
public enum Fat32Writer {
    /// Writes a file system with the directories and files of `tree` to `image` from byte `offset` on.
    ///
    /// Modes, owners and extended attributes have no place in FAT and are left out; other kinds of nodes are errors, as
    /// are names that FAT cannot hold or tell apart. Names keep their case. The bytes depend on the arguments alone.
    /// Boot sectors, FATs and used clusters are written; free clusters are left as they are.
    ///
    /// - Parameters:
    ///   - source: where staged data is read; a size other than the tree's is an error. nil where nothing is staged.
    ///   - offset: also recorded as the number of sectors before the file system.
    ///   - sizeBytes: a multiple of 512 that makes enough clusters for FAT32: 33 MiB and up.
    ///   - label: at most 11 upper-case letters, digits and `-_` or spaces inside.
    ///   - volumeID: what `blkid` shows as UUID.
    ///   - epoch: the time of all files in seconds since 1970, UTC; FAT begins with 1980.
    public static func write(
        _ tree: FileTree, source: borrowing Descriptor?, to image: borrowing Descriptor, at offset: Int, sizeBytes: Int,
        label: String, volumeID: UInt32, epoch: Int64
    ) throws(FilesystemError) {
        var stream = try ImageStream(to: image, at: offset)
        try write(
            tree, source: source, to: &stream, at: offset, sizeBytes: sizeBytes, label: label, volumeID: volumeID,
            epoch: epoch)
        try lifting { () throws(SystemError) in
            let status = try image.status()
            let end = offset + sizeBytes
            if status.type == S_IFREG && status.size < end { try image.truncate(to: end) }
        }
    }

    /// Compares what ``write(_:source:to:at:sizeBytes:label:volumeID:epoch:)`` would write over empty bytes with the
    /// bytes that are there.
    ///
    /// - Parameter tree: has no staged data.
    /// - Returns: the first runs of bytes that are different, counted from `offset`; empty if all are equal.
    public static func differences(
        _ tree: FileTree, in image: borrowing Descriptor, at offset: Int, sizeBytes: Int, label: String,
        volumeID: UInt32, epoch: Int64
    ) throws(FilesystemError) -> [Range<Int>] {
        let comparison = try ImageComparison(image, at: offset)
        var stream = ImageStream { (bytes) throws(FilesystemError) in try comparison.compare(bytes) }
        try write(
            tree, source: nil, to: &stream, at: offset, sizeBytes: sizeBytes, label: label, volumeID: volumeID,
            epoch: epoch)
        let rest = offset + stream.position..<offset + sizeBytes
        let filled = try lifting { () throws(SystemError) in try image.firstNonzero(in: rest) }
        return comparison.differences + (filled.map { [$0.lowerBound - offset..<$0.upperBound - offset] } ?? [])
    }

    private static func write(
        _ tree: FileTree, source: borrowing Descriptor?, to stream: inout ImageStream, at offset: Int, sizeBytes: Int,
        label: String, volumeID: UInt32, epoch: Int64
    ) throws(FilesystemError) {
        let layout = try Fat32Layout(sizeBytes: sizeBytes)
        let labelBytes = try Self.labelBytes(label)
        let plan = try Fat32Plan(tree, layout: layout, label: labelBytes, epoch: epoch)
        guard offset >= 0, offset % Fat32Layout.sectorSize == 0,
            let hidden = UInt32(exactly: offset / Fat32Layout.sectorSize)
        else { throw .parameter("a FAT32 file system at byte \(offset): need a multiple of 512 below 2 TiB") }

        let boot = bootSector(layout, hidden: hidden, label: labelBytes, volumeID: volumeID)
        let info = infoSector(free: layout.clusters - plan.usedClusters, next: plan.usedClusters + 2)
        // The boot sector names sector 1 for FSInfo and 6 for the copy of both.
        for start in [0, 6] {
            try stream.pad(to: start * Fat32Layout.sectorSize)
            try stream.append(boot)
            try stream.append(info)
        }
        for copy in 0..<2 {
            try stream.pad(to: (layout.reservedSectors + copy * layout.fatSectors) * Fat32Layout.sectorSize)
            try writeTable(plan, to: &stream)
        }
        try stream.pad(to: layout.dataSector * Fat32Layout.sectorSize)
        for item in plan.items {
            try writeData(of: item, source: source, to: &stream)
            if item.clusters == 0 { continue }
            let clusters = item.firstCluster + item.clusters - 2
            try stream.pad(to: layout.dataSector * Fat32Layout.sectorSize + clusters * layout.clusterSize)
        }
        try stream.flush()
    }

    private static func writeData(
        of item: Fat32Plan.Item, source: borrowing Descriptor?, to stream: inout ImageStream
    ) throws(FilesystemError) {
        switch item.data {
        case .directory(let bytes), .file(.bytes(let bytes)): try stream.append(bytes)
        case .file(let content):
            switch source {
            case .some(let source): try stream.append(content, source: source, path: item.path)
            case .none: throw .tree(path: item.path, problem: "its data is staged and no source was given")
            }
        }
    }

    /// The chains of all files and directories, each in one run, then free entries to the end.
    private static func writeTable(_ plan: Fat32Plan, to stream: inout ImageStream) throws(FilesystemError) {
        let endOfChain: UInt32 = 0x0FFF_FFFF
        var entries: [UInt8] = []
        entries.append(littleEndian: UInt32(0x0FFF_FFF8))
        entries.append(littleEndian: endOfChain)
        for item in plan.items where item.clusters > 0 {
            for cluster in item.firstCluster + 1..<item.firstCluster + item.clusters {
                entries.append(littleEndian: UInt32(cluster))
            }
            entries.append(littleEndian: endOfChain)
        }
        try stream.append(entries)
    }

    private static func labelBytes(_ label: String) throws(FilesystemError) -> [UInt8] {
        let bytes = Array(label.utf8)
        let allowed = bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "-_ ".utf8.contains(byte)
            }
        }
        let space = UInt8(ascii: " ")
        if bytes.isEmpty || bytes.count > 11 || !allowed || bytes.first == space || bytes.last == space {
            throw .parameter("FAT label \"\(label)\": need 1 to 11 of A-Z, 0-9, - and _, and spaces only inside")
        }
        return bytes + [UInt8](repeating: space, count: 11 - bytes.count)
    }

    private static func bootSector(_ layout: Fat32Layout, hidden: UInt32, label: [UInt8], volumeID: UInt32) -> [UInt8] {
        var sector = [UInt8](repeating: 0, count: Fat32Layout.sectorSize)
        // A jump over the parameters to an endless loop: nothing boots from here but by the firmware's own reader.
        sector.store([0xEB, 0x58, 0x90], at: 0)
        sector.store([0xEB, 0xFE], at: 0x5A)
        sector.store(Array("PISCES  ".utf8), at: 3)
        sector.store(UInt16(Fat32Layout.sectorSize), at: 11)
        sector[13] = UInt8(layout.sectorsPerCluster)
        sector.store(UInt16(layout.reservedSectors), at: 14)
        sector[16] = 2
        // Medium: a fixed disk; the geometry is the usual fiction.
        sector[21] = 0xF8
        sector.store(UInt16(63), at: 24)
        sector.store(UInt16(255), at: 26)
        sector.store(hidden, at: 28)
        sector.store(UInt32(layout.sectors), at: 32)
        sector.store(UInt32(layout.fatSectors), at: 36)
        // First cluster of the root directory, sectors of FSInfo and of the copy.
        sector.store(UInt32(2), at: 44)
        sector.store(UInt16(1), at: 48)
        sector.store(UInt16(6), at: 50)
        sector[64] = 0x80
        sector[66] = 0x29
        sector.store(volumeID, at: 67)
        sector.store(label, at: 71)
        sector.store(Array("FAT32   ".utf8), at: 82)
        sector.store([0x55, 0xAA], at: 510)
        return sector
    }

    private static func infoSector(free: Int, next: Int) -> [UInt8] {
        var sector = [UInt8](repeating: 0, count: Fat32Layout.sectorSize)
        sector.store(Array("RRaA".utf8), at: 0)
        sector.store(Array("rrAa".utf8), at: 484)
        sector.store(UInt32(free), at: 488)
        sector.store(UInt32(next), at: 492)
        sector.store([0x55, 0xAA], at: 510)
        return sector
    }
}
