public import LinuxSystem

/// A 128-bit globally unique identifier: of a disk, a partition, a partition type or a file system.
///
/// RFC 9562 gives the text form; GPT stores the first three groups little-endian (UEFI specification, appendix A).
public struct GUID: Sendable, Hashable, CustomStringConvertible {
    private let high: UInt64
    private let low: UInt64

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Takes 16 bytes in the order of the text, as ext4 and EROFS store them; nil if there are not 16.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        high = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes[8...].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Takes 16 bytes in the mixed-endian order of a GPT; nil if there are not 16.
    public init?(diskBytes: [UInt8]) {
        guard diskBytes.count == 16 else { return nil }
        self.init(bytes: Self.mixed(diskBytes))
    }

    /// Reads `8-4-4-4-12` hexadecimal digits of either case; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let groups = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard groups.map(\.count) == [8, 4, 4, 4, 12] else { return nil }
        guard let bytes = [UInt8](hex: String(decoding: groups.joined(), as: UTF8.self)) else { return nil }
        self.init(bytes: bytes)
    }

    /// 16 bytes in the order of the text.
    public var bytes: [UInt8] {
        [high, low].flatMap { half in stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: half >> $0) }
        }
    }

    /// 16 bytes in the mixed-endian order of a GPT.
    public var diskBytes: [UInt8] { Self.mixed(bytes) }

    /// Lower case, as in `/dev/disk/by-partuuid`.
    public var description: String {
        let digits = Array(bytes.hex)
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
    }

    /// The first and the last 128 bits of a dm-verity root hash: the GUIDs of the data and of the hash partition
    /// (Discoverable Partitions Specification, "Partition Names" and `roothash=`).
    public static func halves(of rootHash: Digest) -> (data: GUID, hashTree: GUID) {
        let value = { (part: ArraySlice<UInt8>) in part.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        let bytes = rootHash.bytes
        return (
            GUID(high: value(bytes[0..<8]), low: value(bytes[8..<16])),
            GUID(high: value(bytes[16..<24]), low: value(bytes[24..<32]))
        )
    }

    /// A GUID that depends on `seed` and `name` alone: version 8 (RFC 9562 §5.8), the first bits of the SHA-256 of the
    /// seed's length (8 bytes, little-endian), the seed and the name.
    public static func derived(from seed: [UInt8], name: String) -> GUID {
        var hash = SHA256()
        // The length keeps the pairs ("ab", "c") and ("a", "bc") apart.
        hash.update((0..<8).map { UInt8(truncatingIfNeeded: seed.count >> ($0 * 8)) })
        hash.update(seed)
        hash.update(Array(name.utf8))
        let half = halves(of: hash.finish()).data
        return GUID(
            high: half.high & ~0xF000 | 0x8000,
            low: half.low & ~(0b11 << 62) | (0b10 << 62))
    }

    /// Turns one byte order into the other: the same swap both ways.
    private static func mixed(_ bytes: [UInt8]) -> [UInt8] {
        [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map { bytes[$0] }
    }
}

// MARK: - Partition types

extension GUID {
    /// All zero: in a GPT the type of an unused entry.
    static let none = GUID(high: 0, low: 0)
    /// EFI system partition (UEFI specification §5.3.3).
    public static let efiSystem = GUID(high: 0xC12A_7328_F81F_11D2, low: 0xBA4B_00A0_C93E_C93B)
    /// BIOS boot partition: where GRUB keeps its core image.
    public static let biosBoot = GUID(high: 0x2168_6148_6449_6E6F, low: 0x744E_6565_6445_4649)
    /// Any Linux file system.
    public static let linuxGeneric = GUID(high: 0x0FC6_3DAF_8483_4772, low: 0x8E79_3D69_D847_7DE4)
    /// `/var` (Discoverable Partitions Specification).
    public static let variableData = GUID(high: 0x4D21_B016_B534_45C2, low: 0xA9FB_5C16_E091_FD2D)
    /// `/boot` (the same).
    public static let extendedBoot = GUID(high: 0xBC13_C2FF_59E6_4262, low: 0xA352_B275_FD6F_7172)
    /// `/home` (the same).
    public static let home = GUID(high: 0x933A_C7E1_2EB4_4F13, low: 0xB844_0E14_E2AE_F915)
    /// `/srv` (the same).
    public static let serverData = GUID(high: 0x3B8F_8425_20E0_4F3B, low: 0x907F_1A25_A76F_98E8)

    /// The root file system of `architecture` (Debian's name: `amd64` or `arm64`); nil for any other.
    public static func root(architecture: String) -> GUID? {
        switch architecture {
        case "amd64": GUID(high: 0x4F68_BCE3_E8CD_4DB1, low: 0x96E7_FBCA_F984_B709)
        case "arm64": GUID(high: 0xB921_B045_1DF0_41C3, low: 0xAF44_4C6F_280D_3FAE)
        default: nil
        }
    }

    /// The dm-verity tree of the root file system of `architecture` (`amd64` or `arm64`); nil for any other.
    public static func rootVerity(architecture: String) -> GUID? {
        switch architecture {
        case "amd64": GUID(high: 0x2C73_57ED_EBD2_46D9, low: 0xAEC1_23D4_37EC_2BF5)
        case "arm64": GUID(high: 0xDF33_00CE_D69F_4C92, low: 0x978C_9BFB_0F38_D820)
        default: nil
        }
    }
}
