/// A tar archive in memory (ustar with pax headers for what does not fit), for tests that need one to the byte.
public struct TarArchive {
    /// A member.
    public struct Member {
        /// Its name.
        public var name: String
        /// The type flag: `0` file, `1` hard link, `2` symlink, `3` and `4` devices, `5` directory, `6` pipe.
        public var type: Character
        /// Permission bits.
        public var mode = 0o644
        /// Owner and group.
        public var owner = (uid: 0, gid: 0)
        /// Data of a file.
        public var data: [UInt8] = []
        /// Target of a link.
        public var target = ""
        /// Device numbers.
        public var device = (major: 0, minor: 0)
        /// Seconds since 1970.
        public var modified = 1_000_000_000
        /// Extended attributes.
        public var xattrs: [(name: String, value: [UInt8])] = []

        /// A member of any type.
        public init(name: String, type: Character, mode: Int = 0o644, data: [UInt8] = [], target: String = "") {
            (self.name, self.type, self.mode, self.data, self.target) = (name, type, mode, data, target)
        }

        /// A file.
        public static func file(_ name: String, _ data: String = "", mode: Int = 0o644) -> Member {
            Member(name: name, type: "0", mode: mode, data: Array(data.utf8))
        }

        /// A directory.
        public static func directory(_ name: String, mode: Int = 0o755) -> Member {
            Member(name: name, type: "5", mode: mode)
        }

        /// A symbolic link (`2`) or hard link (`1`).
        public static func link(_ name: String, to target: String, type: Character = "2") -> Member {
            Member(name: name, type: type, mode: type == "2" ? 0o777 : 0o644, target: target)
        }
    }

    /// The archive.
    public private(set) var bytes: [UInt8] = []

    /// Writes members in their order, and the end.
    public init(_ members: [Member]) {
        for member in members {
            if !member.xattrs.isEmpty {
                let records = member.xattrs.map { Self.record("SCHILY.xattr.\($0.name)", $0.value) }.joined()
                append(Member(name: "pax/header", type: "x", data: Array(records)))
            }
            append(member)
        }
        bytes += [UInt8](repeating: 0, count: 1024)
    }

    /// `LENGTH KEY=VALUE\n`, the length of which counts itself.
    private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let rest = Array(" \(key)=".utf8) + value + [10]
        var length = rest.count
        while "\(length)".utf8.count + rest.count != length { length = "\(length)".utf8.count + rest.count }
        return Array("\(length)".utf8) + rest
    }

    private mutating func append(_ member: Member) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        func octal(_ value: Int, _ digits: Int, at offset: Int) {
            let text = String(value, radix: 8)
            put(String(repeating: "0", count: digits - text.utf8.count) + text, at: offset)
        }
        put(member.name, at: 0)
        octal(member.mode, 7, at: 100)
        octal(member.owner.uid, 7, at: 108)
        octal(member.owner.gid, 7, at: 116)
        octal(member.data.count, 11, at: 124)
        octal(member.modified, 11, at: 136)
        put("        ", at: 148)
        put(String(member.type), at: 156)
        put(member.target, at: 157)
        put("ustar\u{0}00", at: 257)
        octal(member.device.major, 7, at: 329)
        octal(member.device.minor, 7, at: 337)
        octal(header.reduce(0) { $0 + Int($1) }, 6, at: 148)
        header[154] = 0
        bytes += header + member.data
        bytes += [UInt8](repeating: 0, count: (512 - member.data.count % 512) % 512)
    }
}
