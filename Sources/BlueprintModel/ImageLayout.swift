/// The partitions of a disk image, and how it boots: the model of a file in `Images/`.
public struct ImageLayout: Sendable, Equatable {
    /// The version of the format that this code reads: the value of the key `layout`.
    public static let formatVersion = 1

    /// Lower-case letters, digits and dashes.
    public var name: String
    /// The architectures that this layout is for.
    public var architectures: [Blueprint.Architecture] = []
    /// How the firmware reaches the kernel.
    public var boot = BootChain.systemdBoot
    /// Bytes of a sector: 512 or 4096.
    public var sectorSize = 512
    /// Each partition starts and ends at a multiple of this many bytes.
    public var alignment = 1 << 20
    /// In the order of the disk.
    public var partitions: [Partition] = []

    /// A layout without partitions.
    public init(name: String) { self.name = name }

    /// Reads a layout from YAML, strictly.
    ///
    /// - Parameter file: what messages call the document.
    public init(yaml bytes: [UInt8], file: String) throws(DocumentError) {
        self = try Self.codec.decoded(YAMLNode(parsing: bytes, file: file))
    }

    /// Bytes of a dm-verity hash tree with its superblock over a file system of this many bytes: SHA-256, blocks of
    /// 4096 bytes, 128 digests to a block (the kernel's admin-guide/device-mapper/verity).
    public static func verityBytes(for bytes: Int) -> Int {
        var blocks = max(0, bytes - 1) / 4096 + 1
        var total = 1
        while blocks > 1 {
            blocks = (blocks - 1) / 128 + 1
            total += blocks
        }
        return total * 4096
    }

    /// This layout with the sizes that a blueprint asks for; verity partitions grow where the new root needs it.
    public func resized(for image: Blueprint.Image) -> ImageLayout {
        var layout = self
        func aligned(_ bytes: Int) -> Int { (bytes + alignment - 1) / alignment * alignment }
        for index in layout.partitions.indices {
            let size = layout.partitions[index].size
            layout.partitions[index].size =
                switch layout.partitions[index].role {
                case .esp: size
                case .root: image.slot.map(aligned) ?? size
                case .verity: max(size, image.slot.map { aligned(Self.verityBytes(for: aligned($0))) } ?? 0)
                case .data: image.data.map(aligned) ?? size
                }
        }
        return layout
    }

    /// How the firmware reaches the kernel.
    public enum BootChain: String, Sendable, CaseIterable {
        /// UEFI firmware, systemd-boot, unified kernel images.
        case systemdBoot = "systemd-boot"
    }

    /// What a partition is for.
    public enum Role: String, Sendable, CaseIterable {
        /// The EFI system partition.
        case esp
        /// A root file system.
        case root
        /// The verity hash tree of the root in the same slot.
        case verity
        /// What outlives generations: `/var`.
        case data
    }

    /// One of the two sets of partitions that hold a generation.
    public enum Slot: String, Sendable, CaseIterable {
        /// The first.
        case a
        /// The second.
        case b
    }

    /// One partition.
    public struct Partition: Sendable, Equatable {
        /// What it is for.
        public var role: Role
        /// Its slot; nil for `esp` and `data`.
        public var slot: Slot?
        /// Its bytes, a multiple of the layout's alignment.
        public var size: Int
        /// Whether it takes the rest of the disk at first boot.
        public var grow: Bool

        /// A partition from its parts.
        public init(role: Role, slot: Slot? = nil, size: Int, grow: Bool = false) {
            self.role = role
            self.slot = slot
            self.size = size
            self.grow = grow
        }
    }
}

extension ImageLayout {
    static let codec = Codec<Self>.record(
        "layout", Self(name: ""),
        [
            Key(
                "layout", dropping: .integer(formatVersion...formatVersion), "The version of this format.",
                always: formatVersion),
            Key("name", \.name, .text(.name), "What blueprints call this layout.", presence: .required),
            Key(
                "architectures", \.architectures, .list(.word("an architecture")), "The machines it is for.",
                presence: .required),
            Key("boot", \.boot, .word("a boot chain"), "How the firmware reaches the kernel.", presence: .required),
            Key("sector-size", \.sectorSize, .integer(512...4096), "Bytes of a sector: 512 or 4096."),
            Key("alignment", \.alignment, .size, "Partitions start and end at multiples of this."),
            Key(
                "partitions", \.partitions, .list(Partition.codec), "The partitions in the order of the disk.",
                presence: .required),
        ],
        check: checkRelations)

    private static func checkRelations(_ layout: Self, _ node: YAMLNode, _ decoding: inout Decoding) {
        let nodes = node["partitions"]?.elements ?? []
        let pairs = Array(zip(layout.partitions, nodes))
        if ![512, 4096].contains(layout.sectorSize), let place = node["sector-size"] {
            decoding.report(place.mark, "sector-size: wanted 512 or 4096")
        }
        if !layout.alignment.isMultiple(of: 4096), let place = node["alignment"] {
            decoding.report(place.mark, "alignment: wanted a multiple of 4KiB")
        }
        var seen: [String: Int] = [:]
        for (partition, place) in pairs {
            let hasSlot = [.root, .verity].contains(partition.role)
            let name = partition.role.rawValue + (partition.slot.map { " of slot \($0.rawValue)" } ?? "")
            if hasSlot != (partition.slot != nil) {
                decoding.report(
                    place.mark, "the role \(partition.role.rawValue) \(hasSlot ? "wants a" : "has no") slot")
            } else if let line = seen.updateValue(place.mark.line, forKey: name) {
                decoding.report(place.mark, "a second \(name): the first is in line \(line)")
            }
            if !partition.size.isMultiple(of: layout.alignment) {
                let alignment = ByteSize.text(layout.alignment)
                decoding.report(place.mark, "the size of \(name) is no multiple of the alignment \(alignment)")
            }
            if partition.grow, place.mark != nodes.last?.mark {
                decoding.report(place.mark, "only the last partition can grow")
            }
        }
        let total = layout.partitions.reduce((sum: 0, isTooLarge: false)) { result, partition in
            let (sum, overflow) = result.sum.addingReportingOverflow(partition.size)
            return (sum, result.isTooLarge || overflow)
        }
        if total.isTooLarge { decoding.report(node.mark, "the partitions are larger than any disk") }
        checkCompleteness(layout, pairs, node, &decoding)
    }

    private static func checkCompleteness(
        _ layout: Self, _ pairs: [(Partition, YAMLNode)], _ node: YAMLNode, _ decoding: inout Decoding
    ) {
        let mark = node["partitions"]?.mark ?? node.mark
        for role in [Role.esp, .data] where !layout.partitions.contains(where: { $0.role == role }) {
            decoding.report(mark, "no partition has the role \(role.rawValue)")
        }
        func find(_ role: Role, _ slot: Slot) -> (Partition, YAMLNode)? {
            pairs.first { $0.0.role == role && $0.0.slot == slot }
        }
        for slot in Slot.allCases {
            for role in [Role.root, .verity] where find(role, slot) == nil {
                decoding.report(mark, "slot \(slot.rawValue) has no \(role.rawValue) partition")
            }
            guard let root = find(.root, slot), let verity = find(.verity, slot) else { continue }
            let needed = verityBytes(for: root.0.size)
            if verity.0.size < needed {
                decoding.report(
                    verity.1.mark, "the hash tree of slot \(slot.rawValue) needs \(ByteSize.text(needed)) or more")
            }
        }
        for role in [Role.root, .verity] {
            guard let a = find(role, .a), let b = find(role, .b), a.0.size != b.0.size else { continue }
            decoding.report(b.1.mark, "the \(role.rawValue) partitions of both slots must have one size")
        }
    }
}

extension ImageLayout.Partition {
    static let codec = Codec<Self>.record(
        "partition", Self(role: .data, size: 0),
        [
            Key("role", \.role, .word("a role"), "What the partition is for.", presence: .required),
            Key("slot", \.slot, .word("a slot"), "The slot that a root or verity partition belongs to."),
            Key("size", \.size, .size, "Its size, a multiple of the alignment.", presence: .required),
            Key("grow", \.grow, .bool, "Whether it takes the rest of the disk at first boot."),
        ])
}
