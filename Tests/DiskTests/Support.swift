import Disk
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// The first and last bytes of an image: everything that a partition table occupies.
func tableBytes(_ path: String) throws -> [[UInt8]] {
    let file = try Descriptor.open(path)
    let size = try file.status().size
    return [try file.bytes(at: 0, count: 1 << 20), try file.bytes(at: size - 33 * 512, count: 33 * 512)]
}

/// CRC-32 as a GPT has it.
private func checksum(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var value: UInt32 = .max
    for byte in bytes {
        value ^= UInt32(byte)
        for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }
    return (0..<4).map { UInt8(truncatingIfNeeded: ~value >> ($0 * 8)) }
}

/// Changes the header of one copy, by default the primary, and gives it a right checksum.
func forgeHeader(_ path: String, at offset: Int = 512, _ change: (inout [UInt8]) -> Void) throws {
    let file = try Descriptor.open(path, O_RDWR)
    var header = try file.bytes(at: offset, count: 92)
    change(&header)
    header.replaceSubrange(16..<20, with: [0, 0, 0, 0])
    header.replaceSubrange(16..<20, with: checksum(header))
    try file.writeAll(header, at: offset)
}

/// Changes the entries of both copies of a table of 128 entries, and gives both right checksums.
func forgeEntries(_ path: String, _ change: (inout [UInt8]) -> Void) throws {
    let file = try Descriptor.open(path, O_RDWR)
    let size = try file.status().size
    for (entriesAt, headerAt) in [(1024, 512), (size - 33 * 512, size - 512)] {
        var entries = try file.bytes(at: entriesAt, count: 128 * 128)
        change(&entries)
        try file.writeAll(entries, at: entriesAt)
        try forgeHeader(path, at: headerAt) { $0.replaceSubrange(88..<92, with: checksum(entries)) }
    }
}

func guid(_ number: Int) -> GUID { .derived(from: [1, 2, 3], name: "\(number)") }

let mebibyte: UInt64 = 1 << 20

/// The layout that images have: ESP, two slots with verity trees, data.
func samplePlan(sizeBytes: UInt64 = 64 << 20) throws -> DiskPlan {
    let root = try #require(GUID.root(architecture: "amd64"))
    let verity = try #require(GUID.rootVerity(architecture: "amd64"))
    let rows: [(String, GUID, UInt64)] = [
        ("esp", .efiSystem, 8), ("root-1", root, 16), ("root-1-verity", verity, 1), ("_empty", root, 16),
        ("_empty", verity, 1), ("data", .variableData, 4),
    ]
    var start = mebibyte
    var plan = DiskPlan(diskGUID: guid(0), sizeBytes: sizeBytes, partitions: [])
    for (index, row) in rows.enumerated() {
        plan.partitions.append(
            PlannedPartition(
                number: index + 1, name: row.0, type: row.1, guid: guid(index + 1), startBytes: start,
                sizeBytes: row.2 * mebibyte, attributes: index == 5 ? 1 << 59 : 0))
        start += row.2 * mebibyte
    }
    return plan
}

/// The sfdisk(8) script that asks for the same table.
func sfdiskScript(_ plan: DiskPlan) -> String {
    var lines = ["label: gpt", "label-id: \(plan.diskGUID)", "first-lba: 2048", "sector-size: 512", ""]
    for partition in plan.partitions {
        let bits = (0..<64).filter { partition.attributes >> $0 & 1 == 1 }.map { bit in
            switch bit {
            case 0: "RequiredPartition"
            case 1: "NoBlockIOProtocol"
            case 2: "LegacyBIOSBootable"
            default: "GUID:\(bit)"
            }
        }
        lines.append(
            "\(partition.number): start=\(partition.startBytes / 512), size=\(partition.sizeBytes / 512), "
                + "type=\(partition.type), uuid=\(partition.guid), name=\"\(partition.name)\""
                + (bits.isEmpty ? "" : ", attrs=\"\(bits.joined(separator: " "))\""))
    }
    return lines.joined(separator: "\n") + "\n"
}

/// A plan with up to 8 partitions of any number, order, size and name.
func randomPlan(_ generator: inout SeededGenerator) -> DiskPlan {
    let alphabet = Array("abcXYZ 019-_+äß漢€")
    let size = UInt64.random(in: 40_000...200_000, using: &generator) * 512
    var plan = DiskPlan(
        diskGUID: .derived(from: [], name: "\(generator.next())"), sizeBytes: size, partitions: [])
    var start = mebibyte
    let numbers = (1...128).shuffled(using: &generator).prefix(Int.random(in: 0...8, using: &generator))
    for number in numbers {
        start += UInt64.random(in: 0...2, using: &generator) * mebibyte
        let length = UInt64.random(in: 1...1000, using: &generator) * 4096
        if start + length > plan.usableEndBytes { break }
        let name = (0..<Int.random(in: 0...36, using: &generator)).map { _ in
            alphabet.randomElement(using: &generator).map(String.init) ?? ""
        }
        plan.partitions.append(
            PlannedPartition(
                number: number, name: name.joined(), type: .linuxGeneric,
                guid: .derived(from: [], name: "\(generator.next())"), startBytes: start, sizeBytes: length,
                attributes: generator.next() & 0xFFFF_0000_0000_0007))
        start = (start + length + mebibyte - 1) / mebibyte * mebibyte
    }
    plan.partitions.sort { $0.number < $1.number }
    return plan
}
