extension Blueprint {
    /// How the disk image is made.
    public struct Image: Sendable, Equatable {
        /// Name of the layout, a file of ``ImageLayout`` below `Images/`.
        public var layout = "uefi"
        /// File system of the root.
        public var root = RootFileSystem.erofs
        /// How the root is compressed.
        public var compression = Compression.none
        /// Whether the root is verified by dm-verity.
        public var verity = true
        /// Bytes of each root partition; nil means the layout's.
        public var slot: Int?
        /// Bytes of the data partition before it grows; nil means the layout's.
        public var data: Int?
        /// Whether the data partition carries the locked packages.
        public var store = false
        /// Seconds since 1970 for every time stamp in the image; nil lets the lock decide.
        public var epoch: Int?
        /// What the system makes of the data under `/var`.
        public var dataSchema = DataSchema()

        /// The layout `uefi` with a verified, uncompressed EROFS root.
        public init() {}
    }

    /// The form of the data under `/var`, which outlives generations: by it is known when going back is unsafe.
    public struct DataSchema: Sendable, Equatable {
        /// The version of the form that this system writes, from 0 on.
        public var version = 0
        /// The oldest version of a system that can still work with what this one wrote, at most ``version``.
        public var floor = 0

        /// Version 0, which any system can work with.
        public init() {}
    }

    /// A file system for the root.
    public enum RootFileSystem: String, Sendable, CaseIterable {
        /// EROFS.
        case erofs
        /// Squashfs.
        case squashfs
        /// Ext4 without a journal, mounted read-only; it does not compress.
        case ext4
    }

    /// How much time is spent to make the root small.
    public enum Compression: String, Sendable, CaseIterable {
        /// Nothing is compressed.
        case none
        /// Seconds at build time, little at run time.
        case fast
        /// Minutes at build time, the smallest image.
        case small
    }
}

extension Blueprint.Image {
    static let codec = Codec<Self>.record(
        "image", Self(),
        [
            Key("layout", \.layout, .text(.name), "Name of the partition layout."),
            Key("root", \.root, .word("a file system for the root"), "File system of the root."),
            Key(
                "compression", \.compression, .word("a compression"),
                "How the root is compressed; `small` takes minutes."),
            Key("verity", \.verity, .bool, "Whether dm-verity verifies the root."),
            Key("slot", \.slot, .size, "Size of each root partition; by default the layout's."),
            Key("data", \.data, .size, "Size of the data partition before it grows; by default the layout's."),
            Key(
                "store", \.store, .bool,
                "Whether the data partition carries the locked packages, so that the machine can construct itself "
                    + "without a network."),
            Key(
                "epoch", \.epoch, .integer(0...0xFFFF_FFFF),
                "Seconds since 1970 for every time stamp in the image; by default the lock decides."),
            Key(
                "data-schema", \.dataSchema, .dataSchema,
                "The form of the data under /var that this system writes, by which an unsafe way back is recognised."),
        ],
        check: { image, node, decoding in
            guard image.root == .ext4, image.compression != .none, let value = node["compression"] else { return }
            decoding.report(value.mark, "ext4 does not compress; choose erofs or squashfs under `image.root`")
        })
}

extension Codec where Value == Blueprint.DataSchema {
    fileprivate static let dataSchema = record(
        "data-schema", Value(),
        [
            Key("version", \.version, .integer(0...0x7FFF_FFFF), "The version of the form that this system writes."),
            Key(
                "floor", \.floor, .integer(0...0x7FFF_FFFF),
                "The oldest version of a system that can work with what this one wrote; at most `version`."),
        ],
        check: { schema, node, decoding in
            guard schema.floor > schema.version else { return }
            decoding.report(
                (node["floor"] ?? node).mark,
                "floor \(schema.floor) is above version \(schema.version): this system could not work with its own data"
            )
        })
}
