internal import CFdisk
internal import CLinux
internal import Glibc
public import LinuxSystem

extension PartitionTable {
    /// Gives `descriptor` to libfdisk: no dialogs, sectors and grain as in every plan, messages kept.
    private static func open(_ descriptor: consuming Descriptor, readOnly: Bool) throws(DiskError) -> PartitionTable {
        guard let context = fdisk_new_context() else {
            throw DiskError(.device, descriptor.name, "libfdisk has no memory for a context")
        }
        let table = PartitionTable(adopting: context, descriptor: descriptor)
        try table.check(fdisk_disable_dialogs(context, 1), "cannot be set up")
        // Retained by the table, which outlives the context.
        let messages = Unmanaged.passUnretained(table.messages).toOpaque()
        let listen: @convention(c) (OpaquePointer?, OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = {
            _, ask, data in
            guard let ask, let data else { return -EINVAL }
            switch fdisk_ask_get_type(ask) {
            case Int32(FDISK_ASKTYPE_INFO.rawValue), Int32(FDISK_ASKTYPE_WARN.rawValue),
                Int32(FDISK_ASKTYPE_WARNX.rawValue):
                guard let text = fdisk_ask_print_get_mesg(ask) else { return 0 }
                Unmanaged<Messages>.fromOpaque(data).takeUnretainedValue().lines.append(String(cString: text))
                return 0
            default:
                // A question: nothing here is decided by a default.
                return -EINVAL
            }
        }
        try table.check(fdisk_set_ask(context, listen, messages), "cannot be set up")
        let sector = UInt32(DiskPlan.sectorSize)
        try table.check(fdisk_save_user_sector_size(context, sector, sector), "cannot be set up")
        try table.check(fdisk_save_user_grain(context, UInt(DiskPlan.grain)), "cannot be set up")
        try table.check(
            fdisk_assign_device_by_fd(context, table.descriptor.rawValue, table.descriptor.name, readOnly ? 1 : 0),
            "cannot be opened by libfdisk")
        return table
    }

    /// Turns libfdisk's negative errno, or a count of problems, into an error that holds all it said.
    private func check(_ result: Int32, _ message: String) throws(DiskError) {
        if result == 0 { return }
        let details = messages.lines.isEmpty ? "" : ": " + messages.lines.joined(separator: "; ")
        let cause = result < 0 ? SystemError(call: "libfdisk", subject: descriptor.name, code: -result) : nil
        throw DiskError(.table, descriptor.name, message + details, cause: cause)
    }
}

// MARK: - Reading

extension PartitionTable {
    /// The same for an open disk.
    public static func read(_ descriptor: consuming Descriptor) throws(DiskError) -> DiskLayout {
        let size = try diskSize(descriptor) / DiskPlan.sectorSize * DiskPlan.sectorSize
        try checkArrays(descriptor, sectors: size / DiskPlan.sectorSize)
        let table = try open(descriptor, readOnly: true)
        return try table.layout(sizeBytes: size)
    }

    /// Refuses a header that claims more than 1 MiB of entries: libfdisk would take the memory for them, gigabytes.
    ///
    /// It looks for headers in the second sector, where that one says the backup is, and in the last sector; one with a
    /// wrong checksum it leaves alone.
    private static func checkArrays(_ disk: borrowing Descriptor, sectors: UInt64) throws(DiskError) {
        let backup = try checkArray(disk, sector: 1, of: sectors)
        for sector in [backup, sectors &- 1] { _ = try checkArray(disk, sector: sector, of: sectors) }
    }

    /// Checks the header in a sector, if one is there, and returns where it says that the other is.
    private static func checkArray(
        _ disk: borrowing Descriptor, sector: UInt64, of sectors: UInt64
    ) throws(DiskError) -> UInt64 {
        guard sector < sectors else { return 0 }
        var header: [UInt8]
        do throws(SystemError) {
            header = try disk.bytes(at: Int(sector * DiskPlan.sectorSize), count: Int(DiskPlan.sectorSize))
        } catch { throw DiskError(error) }
        let field = { [header] (offset: Int, size: Int) -> UInt64 in
            header[offset..<offset + size].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        guard header.starts(with: "EFI PART".utf8), field(12, 4) <= DiskPlan.sectorSize else { return 0 }
        // The checksum is taken with its own field zero (UEFI specification §5.3.2).
        header.replaceSubrange(16..<20, with: [0, 0, 0, 0])
        guard crc32(header.prefix(Int(field(12, 4)))) == field(16, 4) else { return 0 }
        let (count, size) = (field(80, 4), field(84, 4))
        guard count * size <= 1 << 20 else {
            throw DiskError(
                .table, disk.name,
                "the partition table in sector \(sector) claims \(count) entries of \(size) bytes: none is so large")
        }
        return field(32, 8)
    }

    /// CRC-32 as in ISO 3309.
    private static func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }

    private func layout(sizeBytes: UInt64) throws(DiskError) -> DiskLayout {
        let name = descriptor.name
        guard fdisk_has_label(context) == 1, fdisk_is_labeltype(context, FDISK_DISKLABEL_GPT) == 1 else {
            throw DiskError(
                .table, name,
                "no GUID partition table"
                    + (messages.lines.isEmpty ? "" : ": " + messages.lines.joined(separator: "; ")))
        }
        guard fdisk_gpt_is_hybrid(context) == 0 else {
            throw DiskError(.table, name, "a hybrid MBR gives the disk two partition tables: make it protective first")
        }
        let warnings = messages.lines
        // What libfdisk has mended already it would count as errors.
        if warnings.isEmpty { try check(fdisk_verify_disklabel(context), "the partition table is broken") }
        var plan = DiskPlan(diskGUID: try diskGUID(), sizeBytes: sizeBytes, partitions: [])
        for index in 0..<fdisk_get_npartitions(context) where fdisk_is_partition_used(context, index) == 1 {
            plan.partitions.append(try partition(index))
        }
        try plan.checkPlaces(name, .table)
        return DiskLayout(plan: plan, warnings: warnings)
    }

    private func diskGUID() throws(DiskError) -> GUID {
        var text: UnsafeMutablePointer<CChar>?
        try check(fdisk_get_disklabel_id(context, &text), "has no disk GUID")
        defer { free(text) }
        guard let text, let guid = GUID(String(cString: text)) else {
            throw DiskError(.table, descriptor.name, "the disk GUID cannot be read")
        }
        return guid
    }

    private func partition(_ index: Int) throws(DiskError) -> PlannedPartition {
        var pointer: OpaquePointer?
        try check(fdisk_get_partition(context, index, &pointer), "partition \(index + 1) cannot be read")
        defer { fdisk_unref_partition(pointer) }
        guard let pointer,
            let typeText = fdisk_partition_get_type(pointer).flatMap({ fdisk_parttype_get_string($0) }),
            let type = GUID(String(cString: typeText)),
            let guid = fdisk_partition_get_uuid(pointer).flatMap({ GUID(String(cString: $0)) })
        else { throw DiskError(.table, descriptor.name, "partition \(index + 1) has no type or no GUID") }
        // libfdisk leaves an empty name out. What is no text becomes U+FFFD, which no plan may hold.
        let name = fdisk_partition_get_name(pointer).map { String(cString: $0) } ?? ""
        var attributes: UInt64 = 0
        try check(fdisk_gpt_get_partition_attrs(context, index, &attributes), "partition \(index + 1) cannot be read")
        let start = fdisk_partition_get_start(pointer).multipliedReportingOverflow(by: DiskPlan.sectorSize)
        let size = fdisk_partition_get_size(pointer).multipliedReportingOverflow(by: DiskPlan.sectorSize)
        guard !start.overflow, !size.overflow else {
            throw DiskError(.table, descriptor.name, "partition \(index + 1) lies beyond any disk")
        }
        return PlannedPartition(
            number: index + 1, name: name, type: type, guid: guid,
            startBytes: start.partialValue, sizeBytes: size.partialValue, attributes: attributes)
    }
}

// MARK: - Writing

extension PartitionTable {
    /// Writes the table of `plan`, which was checked, and reads it back.
    ///
    /// The order is libfdisk's (UEFI specification §5.3.2: backup before primary), with a flush between, which libfdisk
    /// does not do.
    static func write(_ plan: DiskPlan, to disk: borrowing Descriptor, keepingBootCode: Bool) throws(DiskError) {
        let (tail, bareHead) = try compose(plan, name: disk.name)
        var head = bareHead
        do throws(SystemError) {
            if keepingBootCode {
                head.replaceSubrange(0..<bootCodeBytes, with: try disk.bytes(at: 0, count: bootCodeBytes))
            }
            try disk.writeAll(tail, at: Int(plan.usableEndBytes))
            try disk.sync()
            try disk.writeAll(head, at: 0)
            if !keepingBootCode { try clear(disk, from: head.count, to: Int(DiskPlan.firstUsableByte)) }
            try disk.sync()
        } catch { throw DiskError(error) }
        let seen = try read(system { () throws(SystemError) in try disk.duplicate() })
        var wanted = plan
        wanted.partitions.sort { $0.number < $1.number }
        guard seen == DiskLayout(plan: wanted, warnings: []) else {
            throw DiskError(.device, disk.name, "the partition table reads back differently than it was written")
        }
    }

    /// The boot code of a master boot record: bytes that are not the table's.
    static let bootCodeBytes = 440

    /// Zeroes a range, but leaves holes of a sparse image alone.
    private static func clear(_ disk: borrowing Descriptor, from: Int, to: Int) throws(SystemError) {
        if try disk.bytes(at: from, count: to - from).contains(where: { $0 != 0 }) {
            try disk.writeAll([UInt8](repeating: 0, count: to - from), at: from)
        }
    }

    /// The bytes of a table: the backup at the end of the disk, and all from the protective MBR to the last entry.
    static func compose(_ plan: DiskPlan, name: String) throws(DiskError) -> (tail: [UInt8], head: [UInt8]) {
        let scratch = try system { () throws(SystemError) in try memoryFile(name: name, sizeBytes: Int(plan.sizeBytes))
        }
        let copy = try system { () throws(SystemError) in try scratch.duplicate() }
        let table = try open(copy, readOnly: false)
        let context = table.context
        // Tables of others may use the first MiB too.
        let firstByte = plan.partitions.map(\.startBytes).reduce(DiskPlan.firstUsableByte, min)
        let firstSector = firstByte / DiskPlan.sectorSize
        let lastSector = plan.usableEndBytes / DiskPlan.sectorSize - 1
        _ = fdisk_set_first_lba(context, firstSector)
        _ = fdisk_set_last_lba(context, lastSector)
        try table.check(fdisk_create_disklabel(context, "gpt"), "cannot get a GUID partition table")
        try table.check(
            fdisk_set_disklabel_id_from_string(context, plan.diskGUID.description), "cannot get its disk GUID")
        for partition in plan.partitions.sorted(by: { $0.number < $1.number }) { try table.add(partition) }
        try table.check(fdisk_verify_disklabel(context), "the planned partition table is broken")
        try table.check(fdisk_write_disklabel(context), "the planned partition table cannot be composed")
        do throws(SystemError) {
            return (
                try scratch.bytes(at: Int(plan.usableEndBytes), count: Int(DiskPlan.backupBytes)),
                try scratch.bytes(at: 0, count: Int(DiskPlan.primaryBytes))
            )
        } catch { throw DiskError(error) }
    }

    private func add(_ partition: PlannedPartition) throws(DiskError) {
        guard let pointer = fdisk_new_partition(),
            let type = fdisk_label_parse_parttype(fdisk_get_label(context, "gpt"), partition.type.description)
        else { throw DiskError(.table, descriptor.name, "libfdisk has no memory for \(partition.title)") }
        defer {
            fdisk_unref_parttype(type)
            fdisk_unref_partition(pointer)
        }
        var index = partition.number - 1
        let message = "\(partition.title) cannot be added"
        try check(fdisk_partition_set_partno(pointer, index), message)
        try check(fdisk_partition_set_start(pointer, partition.startBytes / DiskPlan.sectorSize), message)
        try check(fdisk_partition_set_size(pointer, partition.sizeBytes / DiskPlan.sectorSize), message)
        try check(fdisk_partition_size_explicit(pointer, 1), message)
        try check(fdisk_partition_set_type(pointer, type), message)
        try check(fdisk_partition_set_name(pointer, partition.name), message)
        try check(fdisk_partition_set_uuid(pointer, partition.guid.description), message)
        try check(fdisk_add_partition(context, pointer, &index), message)
        try check(fdisk_gpt_set_partition_attrs(context, index, partition.attributes), message)
    }
}
