internal import Disk
internal import LinuxSystem

extension ImageVerification {
    /// Compares both copies of the partition table, and the master boot record before them, byte for byte with the only
    /// ones that the wanted table has.
    ///
    /// Without a manifest the wanted table is the one that is read from whichever copy is whole.
    func checkTable() -> (plan: DiskPlan?, findings: [Finding]) {
        do {
            let plan = try manifest?.table ?? PartitionTable.read(try image.descriptor.duplicate()).plan
            let bytes = try PartitionTable.bytes(of: plan)
            var findings = checkSize(plan)
            for (start, wanted, places) in [
                (0, bytes.head, Self.primaryPlaces), (Int(plan.usableEndBytes), bytes.tail, Self.backupPlaces),
            ] where start + wanted.count <= image.size {
                let seen = try image.descriptor.bytes(at: start, count: wanted.count)
                for place in places {
                    guard let run = Self.firstDifference(seen[place.range], wanted[place.range]) else { continue }
                    let entry = run.lowerBound - place.range.lowerBound
                    let what =
                        place.name ?? "\(Self.field(at: entry, plan)) in the \(start == 0 ? "primary" : "backup") table"
                    findings.append(
                        finding(start + run.lowerBound..<start + run.upperBound, "\(what) is not as \(source)"))
                }
            }
            return (plan, findings)
        } catch {
            return (nil, [finding(0..<min(image.size, Self.tableBytes), "\(error)")])
        }
    }

    private func finding(_ range: Range<Int>, _ problem: String) -> Finding {
        Finding(.table, image.name, range, problem)
    }

    private func checkSize(_ plan: DiskPlan) -> [Finding] {
        let wanted = Int(plan.sizeBytes)
        if image.size == wanted { return [] }
        return [
            image.size < wanted
                ? finding(image.size..<wanted, "the image ends early: the disk has \(wanted) bytes")
                : finding(wanted..<image.size, "the image goes on behind the disk's end at byte \(wanted)")
        ]
    }

    private var source: String { manifest.map { "\($0.file) has it" } ?? "the rest of the tables says" }

    /// UEFI specification, chapter 5: the primary header is in the second sector, 128 entries of 128 bytes follow; the
    /// backup's entries come before its header. The entries have no name here: what differs in them is told exactly.
    private static let primaryPlaces: [(name: String?, range: Range<Int>)] = [
        ("the boot code", 0..<440), ("the protective master boot record", 440..<512),
        ("the primary table's header", 512..<1024), (nil, 1024..<tableBytes),
    ]
    private static let backupPlaces: [(name: String?, range: Range<Int>)] = [
        (nil, 0..<16384), ("the backup table's header", 16384..<16896),
    ]
    /// The end of the primary table.
    static let tableBytes = 1024 + 16384

    private static func field(at offset: Int, _ plan: DiskPlan) -> String {
        let fields: [(end: Int, name: String)] = [
            (16, "type"), (32, "UUID"), (40, "first sector"), (48, "last sector"), (56, "attributes"),
        ]
        let name = fields.first(where: { offset % 128 < $0.end })?.name ?? "name"
        let number = offset / 128 + 1
        let label = plan.partitions.first { $0.number == number }.map { " \"\($0.name)\"" } ?? ", which is unused,"
        return "the \(name) of partition \(number)\(label)"
    }

    /// The first run of different bytes, by the indices of the slices.
    static func firstDifference(_ seen: ArraySlice<UInt8>, _ wanted: ArraySlice<UInt8>) -> Range<Int>? {
        if seen == wanted { return nil }
        guard let first = seen.indices.first(where: { seen[$0] != wanted[$0] }) else { return nil }
        let end = seen.indices[first...].first { seen[$0] == wanted[$0] } ?? seen.endIndex
        return first..<end
    }
}
