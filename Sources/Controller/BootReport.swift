public import LinuxSystem
public import SlotMachine

/// What the initrd says of the boot in `/run/pisces/boot`: a line `Key: value` for each fact.
///
/// It is the one source of what runs: the boot loader's counters and the labels of partitions tell what could.
public struct BootReport: Sendable, Hashable {
    /// The number of the generation.
    public var generation: UInt64
    /// Its slot.
    public var slot: Slot
    /// The root hash that was given on the kernel command line.
    public var rootHash: Digest
    /// The device of the disk with the slots.
    public var disk: String
    /// The device of the root partition.
    public var root: String
    /// The device of the EFI system partition, or a directory outside `/dev` in which somebody has mounted it already and
    /// keeps it sound; nil if the initrd found none.
    public var systemPartition: String?
    /// The boot loader's entry, without its counter; nil if the boot loader did not tell.
    public var entry: String?
    /// Whether this boot took one of the tries of a generation on trial.
    public var isTrial: Bool

    /// Reads the file; keys that are not known are passed over.
    public init(parsing text: String) throws(ControllerError) {
        var values: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstRange(of: ": ") else { continue }
            values[String(line[..<colon.lowerBound])] = String(line[colon.upperBound...])
        }
        guard let generation = values["Generation"].flatMap({ UInt64($0) }), generation > 0,
            let slot = values["Slot"].flatMap(Slot.init(rawValue:)),
            let rootHash = values["Root-Hash"].flatMap({ Digest(hex: $0) }),
            let disk = values["Disk"], disk.hasPrefix("/dev/"), let root = values["Root"], root.hasPrefix("/dev/")
        else {
            throw ControllerError(
                .device, "/run/pisces/boot",
                "it does not say generation, slot, root hash, disk and root: this is no boot of pisces-init")
        }
        self.generation = generation
        self.slot = slot
        self.rootHash = rootHash
        self.disk = disk
        self.root = root
        systemPartition = values["ESP"]
        entry = values["Entry"]
        isTrial = values["Trial"] == "yes"
    }

    /// What the state machine is told of the boot.
    /// - Parameters:
    ///   - boot: the text of `/proc/sys/kernel/random/boot_id`.
    ///   - isFirmwareBoot: see ``Observation/isFirmwareBoot``.
    ///   - candidate: what is known of the generation.
    public func observation(boot: String, isFirmwareBoot: Bool, candidate: Candidate? = nil) -> Observation {
        let unknown = Candidate(name: "", release: 0, kernelImage: "")
        return Observation(
            booted: Installation(Generation(number: generation, candidate ?? unknown), in: slot), entries: [:],
            boot: String(boot.prefix { $0 != "\n" }), isFirmwareBoot: isFirmwareBoot)
    }
}
