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
