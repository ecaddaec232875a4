/// The sizes and places in a FAT32 file system, decided from its size alone: Microsoft's FAT specification, 1.03.
///
/// Reserved sectors (boot sector, FSInfo, their copies), two FATs, then clusters, counted from 2.
struct Fat32Layout: Equatable {
    static let sectorSize = 512
    /// Fewer clusters are FAT16, whatever the boot sector says; readers differ about numbers near the border.
    static let minimumClusters = 65525 + 16
    static let maximumClusters = 0x0FFF_FFF5

    let sectors: Int
    let reservedSectors: Int
    let fatSectors: Int
    let sectorsPerCluster: Int

    var clusterSize: Int { sectorsPerCluster * Self.sectorSize }
    /// The first sector of cluster 2.
    var dataSector: Int { reservedSectors + 2 * fatSectors }
    var clusters: Int { (sectors - dataSector) / sectorsPerCluster }

    /// Takes the largest clusters up to 4 KiB that make it FAT32.
    init(sizeBytes: Int) throws(FilesystemError) {
        guard sizeBytes % Self.sectorSize == 0, let sectors = UInt32(exactly: sizeBytes / Self.sectorSize) else {
            throw .parameter("a FAT32 file system of \(sizeBytes) bytes: need a multiple of 512 below 2 TiB")
        }
        for sectorsPerCluster in [8, 4, 2, 1] {
            let layout = Fat32Layout(sectors: Int(sectors), sectorsPerCluster: sectorsPerCluster)
            if layout.clusters >= Self.minimumClusters && layout.clusters <= Self.maximumClusters {
                self = layout
                return
            }
        }
        throw .parameter("a file system of \(sizeBytes) bytes cannot be FAT32: need between 33 MiB and 1 TiB")
    }

    private init(sectors: Int, sectorsPerCluster: Int) {
        self.sectors = sectors
        self.sectorsPerCluster = sectorsPerCluster
        // Every cluster needs 4 bytes in each FAT, and the first two entries stand for no cluster. What the FATs
        // themselves take away is not subtracted: at most a few sectors are spare.
        let entries = max(0, sectors - 32) / sectorsPerCluster + 2
        fatSectors = (entries * 4).roundedUp(to: Self.sectorSize) / Self.sectorSize
        // Clusters start at a multiple of 4 KiB, as do the pages and flash blocks they end up in.
        reservedSectors = (32 + 2 * fatSectors).roundedUp(to: 8) - 2 * fatSectors
    }
}
