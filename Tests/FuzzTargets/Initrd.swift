import CInit

extension FuzzTarget {
    /// What PID 1 of the initrd reads, in C: here only sanitizers see an access out of bounds.
    static let initrd = [initTable, initText, initVerity]

    private struct Refused: Error {}

    /// A header of 512 bytes and its array, both with mended checksums if the first byte is 1.
    private static let initTable = FuzzTarget(
        "init-gpt", words: ["EFI PART", "r\u{0}o\u{0}o\u{0}t\u{0}-\u{0}"],
        seeds: {
            let types = ["4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"]
            let rows = zip(types, ["root-1", "verity-1"]).map { type, name in
                "type=\(type), size=1M, name=\(name)"
            }
            let script = """
                truncate -s 8M d
                printf 'label: gpt\\nfirst-lba: 34\\n\(rows.joined(separator: "\\n"))\\n' | sfdisk -q d
                head -c 2048 d | tail -c 1536 > out
                """
            return [[1] + (try made(script))]
        },
        read: { input in
            var header = input.padded(1, 512)
            let tail = Array(input.dropFirst(513))
            func array() -> [UInt8] {
                let size = header.little(80, 4).multipliedReportingOverflow(by: header.little(84, 4))
                return tail.padded(0, size.overflow ? 0 : Int(min(size.partialValue, 1 << 18)))
            }
            if input.first == 1 {
                header.overwrite(little(UInt64(~CRC.iso.sum(array())), 4), at: 88)
                header.overwrite([0, 0, 0, 0], at: 16)
                let size = Int(min(header.little(12, 4), 512))
                header.overwrite(little(UInt64(~CRC.iso.sum(header.prefix(size))), 4), at: 16)
            }
            var table = cinit_gpt()
            guard cinit_gpt_header(header, header.count, 1, 16384, &table) == nil else { throw Refused() }
            let entries = array()
            guard entries.count == cinit_gpt_array_size(&table) else {
                throw BrokenLaw("the array has the header's size")
            }
            var found = [cinit_partition](repeating: cinit_partition(), count: Int(CINIT_PARTITIONS))
            let count = cinit_gpt_partitions(&table, entries, &found, found.count)
            guard count >= 0 else { throw Refused() }
            found.withUnsafeBufferPointer { partitions in
                var pairs = [cinit_pair](repeating: cinit_pair(), count: 4)
                let pairCount = cinit_pairs(partitions.baseAddress, Int(count), 1, &pairs, pairs.count)
                for pair in pairs.prefix(pairCount) { _ = cinit_slot(partitions.baseAddress, Int(count), pair.root) }
            }
        })

    /// A command line, a boot entry's name and an EFI variable.
    private static let initText = FuzzTarget(
        "init-text", words: ["roothash=", "pisces-", "root-", "\"", "+", ".conf", "999999999999999999"],
        seeds: {
            let hash = String(repeating: "0123456789abcdef", count: 4)
            let variable = "\u{6}aaa" + "pisces-7.conf".map { "\($0)\u{1}" }.joined()
            return [joined("quiet roothash=\(hash) ro", "pisces-7+2-1.conf", variable)]
        },
        read: { input in
            let texts = parts(input, 3)
            var hash = [UInt8](repeating: 0, count: 32)
            let refusal = (texts[0] + [0]).withUnsafeBufferPointer { bytes in
                bytes.withMemoryRebound(to: CChar.self) { cinit_root_hash($0.baseAddress, &hash) }
            }
            var generation: UInt64 = 0
            let isEntry = (texts[1] + [0]).withUnsafeBufferPointer { bytes in
                bytes.withMemoryRebound(to: CChar.self) {
                    _ = cinit_generation($0.baseAddress, "root-", &generation)
                    return cinit_entry_generation($0.baseAddress, &generation)
                }
            }
            // A NUL is what parts the inputs: 1 stands for it.
            let variable = texts[2].map { $0 == 1 ? 0 : $0 }
            var name = [CChar](repeating: 0, count: 16)
            let isText = cinit_efi_text(variable, variable.count, &name, name.count)
            if refusal != nil || !isEntry || !isText { throw Refused() }
        })

    private static let initVerity = FuzzTarget(
        "init-verity", words: ["verity\u{0}\u{0}", "sha256"],
        seeds: {
            [
                try made(
                    "truncate -s 8192 d; veritysetup format d h --salt=0102 --uuid=01234567-89ab-cdef-0123-456789abcdef"
                        + " > /dev/null; head -c 512 h > out")
            ]
        },
        read: { input in
            var verity = cinit_verity()
            guard cinit_verity_superblock(input.padded(0, 512), 1 << 30, 1 << 24, &verity) == nil else {
                throw Refused()
            }
            let hash = [UInt8](repeating: 1, count: 32)
            var table = [CChar](repeating: 0, count: 800)
            guard cinit_verity_table(&verity, "254:0", "254:1", hash, &table, table.count) else {
                throw BrokenLaw("every accepted superblock fits the table")
            }
            _ = cinit_verity_matches(&verity, [UInt8](repeating: 0, count: 4096), hash)
        })
}
