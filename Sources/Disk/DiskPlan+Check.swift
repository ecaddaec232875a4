extension DiskPlan {
    /// Finds out whether this plan can become a partition table of ours.
    ///
    /// Sizes, alignment, numbers, names, GUIDs that occur twice and overlaps are looked at; `subject` is what errors call
    /// the disk.
    /// - Throws: ``DiskError`` with the partition and the figure that is wrong.
    public func check(_ subject: String = "disk plan") throws(DiskError) {
        try checkStructure(subject)
        for partition in partitions {
            guard partition.startBytes.isMultiple(of: Self.grain) else {
                throw partition.error(subject, "starts at byte \(partition.startBytes), no multiple of \(Self.grain)")
            }
            guard partition.sizeBytes.isMultiple(of: Self.blockSize) else {
                throw partition.error(subject, "has \(partition.sizeBytes) bytes, no multiple of \(Self.blockSize)")
            }
        }
    }

    /// What every table must hold to, also one that others have laid out less well aligned.
    func checkStructure(_ subject: String) throws(DiskError) {
        guard sizeBytes.isMultiple(of: Self.sectorSize), sizeBytes <= UInt64(Int64.max) else {
            throw DiskError(
                .plan, subject, "a disk cannot have \(sizeBytes) bytes: give whole sectors of \(Self.sectorSize)")
        }
        guard usableEndBytes > Self.firstUsableByte else {
            throw DiskError(.plan, subject, "\(sizeBytes) bytes are too few for a partition table and its backup")
        }
        var numbers: Set<Int> = []
        var guids: Set<GUID> = [diskGUID]
        for partition in partitions {
            try partition.check(subject, usableEndBytes: usableEndBytes)
            guard numbers.insert(partition.number).inserted else {
                throw partition.error(subject, "has a number that occurs twice")
            }
            guard guids.insert(partition.guid).inserted else {
                throw partition.error(subject, "has the GUID \(partition.guid), which occurs twice")
            }
        }
        let ordered = partitions.sorted { $0.startBytes < $1.startBytes }
        for (left, right) in zip(ordered, ordered.dropFirst()) where left.endBytes > right.startBytes {
            throw right.error(
                subject, "starts at byte \(right.startBytes), inside \(left.title), which ends at \(left.endBytes)")
        }
    }
}

extension PlannedPartition {
    /// What errors call it.
    var title: String { "partition \(number) \"\(name)\"" }

    func error(_ subject: String, _ message: String) -> DiskError { DiskError(.plan, subject, "\(title) \(message)") }

    func check(_ subject: String, usableEndBytes: UInt64) throws(DiskError) {
        guard (1...DiskPlan.entryCount).contains(number) else {
            throw error(subject, "needs a number from 1 to \(DiskPlan.entryCount)")
        }
        // libfdisk writes UCS-2 and would silently drop or cut anything else.
        guard name.utf16.count <= 36 else {
            throw error(subject, "has a name of \(name.utf16.count) UTF-16 units: the table has room for 36")
        }
        guard name.unicodeScalars.allSatisfy({ (0x20..<0x7F).contains($0.value) || (0xA0...0xFFFD).contains($0.value) })
        else {
            throw error(subject, "has a name with a control character or one outside the Basic Multilingual Plane")
        }
        guard type != GUID.none else { throw error(subject, "needs a type: the zero GUID marks an unused entry") }
        guard startBytes.isMultiple(of: DiskPlan.sectorSize), sizeBytes.isMultiple(of: DiskPlan.sectorSize) else {
            throw error(subject, "is not made of whole sectors: start \(startBytes), size \(sizeBytes) bytes")
        }
        guard sizeBytes > 0 else { throw error(subject, "has no size") }
        guard startBytes >= DiskPlan.primaryBytes else {
            throw error(subject, "starts at byte \(startBytes), inside the partition table")
        }
        guard endBytes <= usableEndBytes else {
            throw error(subject, "ends at byte \(endBytes), but the usable part of the disk ends at \(usableEndBytes)")
        }
    }
}
