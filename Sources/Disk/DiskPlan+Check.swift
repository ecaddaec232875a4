extension DiskPlan {
    /// Finds out whether this plan can become a partition table of ours.
    ///
    /// Sizes, alignment, numbers, names, GUIDs that occur twice and overlaps are looked at; `subject` is what errors
    /// call the disk.
    /// - Throws: ``DiskError`` with the partition and the figure that is wrong.
    public func check(_ subject: String = "disk plan") throws(DiskError) {
        try checkEntries(subject)
        try checkPlaces(subject, .plan)
        for partition in partitions {
            guard partition.startBytes.isMultiple(of: Self.grain) else {
                throw partition.error(
                    subject, "starts at byte \(partition.startBytes), which is no multiple of \(Self.grain)")
            }
            guard partition.sizeBytes.isMultiple(of: Self.blockSize) else {
                throw partition.error(
                    subject, "has \(partition.sizeBytes) bytes, which is no multiple of \(Self.blockSize)")
            }
        }
    }

    /// What an entry must be to be written as it is: also that of a table that others have laid out less well aligned.
    func checkEntries(_ subject: String) throws(DiskError) {
        var numbers: Set<Int> = []
        var guids: Set<GUID> = [diskGUID]
        for partition in partitions {
            guard (1...Self.entryCount).contains(partition.number) else {
                throw partition.error(subject, "needs a number from 1 to \(Self.entryCount)")
            }
            guard numbers.insert(partition.number).inserted else {
                throw partition.error(subject, "has a number that occurs twice")
            }
            guard guids.insert(partition.guid).inserted else {
                throw partition.error(subject, "has the GUID \(partition.guid), which occurs twice")
            }
            guard partition.type != GUID.none else {
                throw partition.error(subject, "needs a type: the zero GUID marks an unused entry")
            }
            guard partition.name.utf16.count <= 36 else {
                throw partition.error(
                    subject, "has a name of \(partition.name.utf16.count) UTF-16 units: the table has room for 36")
            }
            // libfdisk knows UCS-2 alone; U+FFFD stands for what it could not read.
            let isPlain = partition.name.unicodeScalars.allSatisfy {
                (0x20..<0x7F).contains($0.value) || (0xA0..<0xFFFD).contains($0.value)
            }
            guard isPlain else {
                throw partition.error(
                    subject, "has a name with a control character or one outside the Basic Multilingual Plane")
            }
        }
    }

    /// Whether the partitions lie between the two tables, and no two in one place.
    func checkPlaces(_ subject: String, _ kind: DiskError.Kind) throws(DiskError) {
        guard sizeBytes.isMultiple(of: Self.sectorSize), sizeBytes <= UInt64(Int64.max) else {
            throw DiskError(
                kind, subject, "a disk cannot have \(sizeBytes) bytes: give whole sectors of \(Self.sectorSize)")
        }
        guard usableEndBytes > Self.firstUsableByte else {
            throw DiskError(kind, subject, "\(sizeBytes) bytes are too few for a partition table and its backup")
        }
        for partition in partitions { try partition.checkPlace(subject, kind, usableEndBytes: usableEndBytes) }
        let ordered = partitions.sorted { $0.startBytes < $1.startBytes }
        for (left, right) in zip(ordered, ordered.dropFirst()) where left.endBytes > right.startBytes {
            throw right.error(
                subject, "starts at byte \(right.startBytes), inside \(left.title), which ends at \(left.endBytes)",
                kind)
        }
    }
}

extension PlannedPartition {
    /// What errors call it.
    var title: String { "partition \(number) \"\(name)\"" }

    func error(_ subject: String, _ message: String, _ kind: DiskError.Kind = .plan) -> DiskError {
        DiskError(kind, subject, "\(title) \(message)")
    }

    fileprivate func checkPlace(
        _ subject: String, _ kind: DiskError.Kind, usableEndBytes: UInt64
    ) throws(DiskError) {
        guard startBytes.isMultiple(of: DiskPlan.sectorSize), sizeBytes.isMultiple(of: DiskPlan.sectorSize) else {
            throw error(subject, "is not made of whole sectors: start \(startBytes), size \(sizeBytes) bytes", kind)
        }
        guard sizeBytes > 0 else { throw error(subject, "has no size", kind) }
        guard startBytes >= DiskPlan.primaryBytes else {
            throw error(subject, "starts at byte \(startBytes), inside the partition table", kind)
        }
        guard endBytes <= usableEndBytes else {
            throw error(
                subject, "ends at byte \(endBytes), but the usable part of the disk ends at \(usableEndBytes)", kind)
        }
    }
}
