import LinuxSystem
import PiscesTesting

/// The members of a tar archive by absolute path, read without the code that the product reads and writes tar with.
struct TarTree {
    /// An inode with one of its names.
    struct Member {
        /// The letter of find(1)'s `%y`: `f`, `d`, `l`, `c`, `b` or `p`.
        var type: Character
        /// The 12 permission bits.
        var mode: UInt32
        var uid: UInt32
        var gid: UInt32
        /// Whole seconds.
        var modified: Int64
        /// A symlink's target, or a device's numbers.
        var target = ""
        var xattrs: [String: [UInt8]] = [:]
        /// All names of a file with several, in byte order.
        var names: [String] = []
        /// Where a regular file's bytes are in the archive.
        fileprivate(set) var place = 0..<0
    }

    private final class Mapping: Sendable {
        let file: MappedFile

        init(_ file: consuming MappedFile) { self.file = file }
    }

    private let mapping: Mapping
    private(set) var members: [String: Member] = [:]

    /// The bytes of a regular file; they stay while the tree lives.
    func bytes(of member: Member) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: mapping.file.bytes[member.place])
    }

    /// The text of a file; empty if there is none.
    func text(_ path: String) -> String {
        members[path].map { String(decoding: bytes(of: $0), as: UTF8.self) } ?? ""
    }

    /// The directories that hold something.
    var parents: Set<String> { Set(members.keys.map { parentDirectory(of: $0) }) }

    /// Reads a pax or ustar archive.
    init(_ path: String) throws {
        mapping = Mapping(try MappedFile(try Descriptor.open(path)))
        let bytes = mapping.file.bytes
        var offset = 0
        var extended: [String: ArraySlice<UInt8>] = [:]
        var links: [String: [String]] = [:]
        while offset + 512 <= bytes.count, bytes[offset] != 0 {
            let header = TarHeader(Array(bytes[offset..<offset + 512]), extended)
            let content = offset + 512..<offset + 512 + header.size
            guard content.upperBound <= bytes.count else { throw ToolFailure(message: "\(path): cut off") }
            offset = offset + 512 + (header.size + 511) / 512 * 512
            switch header.type {
            case "x": extended = try Self.records(Array(bytes[content]), path)
            case "g": break
            case "1":
                links[header.target, default: [header.target]].append(header.path)
                extended = [:]
            default:
                var member = try header.member()
                member.place = member.type == "f" ? content : 0..<0
                members[header.path] = member
                extended = [:]
            }
        }
        for (target, names) in links {
            guard var member = members[target] else { throw ToolFailure(message: "\(path): link to no \(target)") }
            member.names = names.sorted(by: bytesPrecede)
            for name in names { members[name] = member }
        }
    }

    /// The records of an extended header: `LENGTH KEY=VALUE\n`.
    private static func records(_ bytes: [UInt8], _ path: String) throws -> [String: ArraySlice<UInt8>] {
        var records: [String: ArraySlice<UInt8>] = [:]
        var rest = bytes[...]
        while let space = rest.firstIndex(of: UInt8(ascii: " ")) {
            let digits = String(decoding: rest[..<space], as: UTF8.self)
            guard let length = Int(digits), length <= rest.count,
                let equals = rest[space...].firstIndex(of: UInt8(ascii: "="))
            else { throw ToolFailure(message: "\(path): a damaged extended header") }
            let end = rest.startIndex + length
            let key = String(decoding: rest[(space + 1)..<equals], as: UTF8.self)
            records[key] = rest[(equals + 1)..<(end - 1)]
            rest = rest[end...]
        }
        return records
    }
}

/// A block of 512 bytes (pax(1p), ustar interchange format), with the extended header before it.
private struct TarHeader {
    let block: [UInt8]
    let extended: [String: ArraySlice<UInt8>]

    init(_ block: [UInt8], _ extended: [String: ArraySlice<UInt8>]) {
        self.block = block
        self.extended = extended
    }

    var type: Character { block[156] == 0 ? "0" : Character(Unicode.Scalar(block[156])) }
    var size: Int { extendedNumber("size") ?? Int(number(124, 12)) }

    var path: String {
        let prefix = text(345, 155)
        return Self.absolute(extendedText("path") ?? (prefix.isEmpty ? "" : prefix + "/") + text(0, 100))
    }

    /// Of a hard link.
    var target: String { Self.absolute(rawTarget) }

    private var rawTarget: String { extendedText("linkpath") ?? text(157, 100) }

    func member() throws -> TarTree.Member {
        let types: [Character: Character] = ["0": "f", "2": "l", "3": "c", "4": "b", "5": "d", "6": "p"]
        guard let type = types[type] else { throw ToolFailure(message: "\(path): a member of type \(type)") }
        var member = TarTree.Member(
            type: type, mode: UInt32(number(100, 8) & 0o7777),
            uid: UInt32(extendedNumber("uid") ?? Int(number(108, 8))),
            gid: UInt32(extendedNumber("gid") ?? Int(number(116, 8))),
            modified: extendedNumber("mtime").map { Int64($0) } ?? number(136, 12))
        if type == "l" { member.target = rawTarget }
        if type == "c" || type == "b" { member.target = "\(number(329, 8)),\(number(337, 8))" }
        for (key, value) in extended where key.hasPrefix("SCHILY.xattr.") {
            member.xattrs[String(key.dropFirst("SCHILY.xattr.".count))] = Array(value)
        }
        // GNU tar's own records of access control lists, as text.
        for (key, value) in extended where key.hasPrefix("SCHILY.acl.") { member.xattrs[key] = Array(value) }
        return member
    }

    private func text(_ start: Int, _ count: Int) -> String {
        String(decoding: block[start..<start + count].prefix { $0 != 0 }, as: UTF8.self)
    }

    private func extendedText(_ key: String) -> String? { extended[key].map { String(decoding: $0, as: UTF8.self) } }

    /// Without a fraction.
    private func extendedNumber(_ key: String) -> Int? { extendedText(key).flatMap { Int($0.prefix { $0 != "." }) } }

    /// Octal digits, or the big-endian bytes of a large number.
    private func number(_ start: Int, _ count: Int) -> Int64 {
        let field = block[start..<start + count]
        if block[start] & 0x80 != 0 { return field.dropFirst().reduce(0) { $0 << 8 | Int64($1) } }
        let digits = field.filter { $0 != 0 && $0 != UInt8(ascii: " ") }
        return Int64(String(decoding: digits, as: UTF8.self), radix: 8) ?? 0
    }

    /// `./usr/bin/` becomes `/usr/bin`.
    private static func absolute(_ path: String) -> String {
        "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }
}
