/// What a disk's partition table says.
public struct DiskLayout: Sendable, Equatable {
    /// The table as a plan: creating it again gives the same table. `sizeBytes` is the size that the disk has now.
    public var plan: DiskPlan
    /// What libfdisk had to mend to read it, in its words: a broken primary or backup, a backup that is not at the end
    /// of a disk that has grown. Empty when both copies are whole and in place. Any write of the table mends them all.
    public var warnings: [String]

    /// The partition with that number; nil if there is none.
    public func partition(_ number: Int) -> PlannedPartition? { plan.partitions.first { $0.number == number } }
    /// The partition with that label; nil if there is none or more than one.
    public func partition(named name: String) -> PlannedPartition? {
        let found = plan.partitions.filter { $0.name == name }
        return found.count == 1 ? found[0] : nil
    }
}
