extension PartitionTable {
    /// The bytes that ``create(path:plan:)`` gives a disk: all from the first sector to the last entry of the primary
    /// table, and the backup table from ``DiskPlan/usableEndBytes`` on. Between them it writes zeros up to
    /// ``DiskPlan/firstUsableByte``.
    /// - Throws: ``DiskError`` if the plan is impossible.
    public static func bytes(of plan: DiskPlan) throws(DiskError) -> (head: [UInt8], tail: [UInt8]) {
        try plan.check()
        let (tail, head) = try compose(plan, name: "disk plan")
        return (head, tail)
    }
}
