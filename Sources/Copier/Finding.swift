/// One path and why it is there (or is not).
public struct Finding: Sendable, Equatable {
    /// Why a path is there.
    public enum Cause: String, Sendable, CaseIterable {
        /// A package owns it, and nothing is known to differ from what it ships.
        case pristine
        /// A conffile with another content than the package last brought.
        case conffileChanged = "conffile-changed"
        /// A file that a package ships and that is no conffile, with another content or of another type.
        case shippedChanged = "shipped-changed"
        /// A package owns it, and nothing is there.
        case missing
        /// Owner, mode, capabilities or other attributes are not those that registers ask for, or are in no register.
        case attributesDiffer = "attributes-differ"
        /// Left by a package that was removed and not purged.
        case residual
        /// Made by a register of the system, which says the same in fewer words.
        case register
        /// A setting of the whole system with a fixed place: host name, file systems, accounts, sources of packages, …
        case setting
        /// Made from other files, and made again from them at any time.
        case derived
        /// Data that packages keep while they run.
        case state
        /// Tells this host from all others.
        case identity
        /// Nobody misses it after a restart: logs, caches, spools.
        case volatile
        /// In an area where people put what they want: whether it travels is a matter of policy.
        case policyArea = "policy-area"
        /// Nothing explains it: a person put it there.
        case payload
        /// What is below was not looked at: another file system, or left out by choice.
        case notEntered = "not-entered"
        /// It could not be read, so nothing can be said.
        case unreadable
        /// It was there when the survey began, and then it was not.
        case vanished
    }

    /// What is at a path.
    public struct Node: Sendable, Equatable {
        /// What kind of inode it is.
        public enum Kind: Sendable, Equatable {
            case file
            case directory
            /// With the bytes of its target.
            case symlink(target: [UInt8])
            case fifo
            case socket
            case characterDevice
            case blockDevice
        }

        /// The kind.
        public var kind: Kind
        /// Permission bits, with setuid, setgid and sticky.
        public var mode: UInt32
        /// Owner.
        public var uid: UInt32
        /// Group.
        public var gid: UInt32
        /// Bytes.
        public var size: Int
        /// Modification time in nanoseconds since the epoch.
        public var modified: Int64
        /// Number of names; paths of the same device and inode are one file.
        public var links: Int
        /// Device number.
        public var device: UInt64
        /// Inode number.
        public var inode: UInt64
        /// Whether it takes less room than its size.
        public var isSparse: Bool
        /// Capabilities, POSIX ACLs and `user.` attributes, by full name.
        public var xattrs: [String: [UInt8]]
    }

    /// What is peculiar.
    public struct Tags: OptionSet, Sendable, Hashable {
        /// The bits.
        public let rawValue: UInt8
        /// Makes a set from its bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// The path is not UTF-8: a blueprint cannot name it.
        public static let notUTF8 = Tags(rawValue: 1)
        /// It changed while it was read.
        public static let changedMeanwhile = Tags(rawValue: 2)
        /// Its content, or what it holds, could not be read.
        public static let unreadable = Tags(rawValue: 4)
        /// Its absence is no fault: excluded by configuration, or a conffile that its user or its package gave up.
        public static let legal = Tags(rawValue: 8)
        /// A conffile that a person has deleted: dpkg does not make it again, so the blueprint has to say so.
        public static let tombstone = Tags(rawValue: 16)
        /// A package owns it, but nothing tells what it shipped: content was not compared.
        public static let notComparable = Tags(rawValue: 32)
    }

    /// The absolute path; bytes that are not UTF-8 are U+FFFD.
    public var path: String
    /// The absolute path as it is.
    public var rawPath: [UInt8]
    /// What is there; nil if nothing is.
    public var node: Node?
    /// The packages that own it, in byte order of their names; with the architecture where one is not enough.
    public var owners: [String]
    /// Why it is there.
    public var cause: Cause
    /// The same in words, for people.
    public var reason: String
    /// What is peculiar.
    public var tags: Tags
}
