public import LinuxSystem

/// A file in the control archive of a Debian package.
public struct ControlMember: Sendable, Equatable {
    /// Its name without `./`: `control`, `postinst`, `md5sums` and so on.
    public var name: String
    /// The 12 permission bits.
    public var mode: UInt32
    /// Modification time, seconds since the epoch.
    public var modified: Int64
    /// Its bytes.
    public var content: [UInt8]

    /// Makes a member.
    public init(name: String, mode: UInt32, modified: Int64, content: [UInt8]) {
        self.name = name
        self.mode = mode
        self.modified = modified
        self.content = content
    }
}

/// A Debian binary package (deb(5)): an ar archive of `debian-binary`, `control.tar.*` and `data.tar.*`.
///
/// The file is mapped, so that both tars are decoded straight from the page cache.
public struct DebFile: ~Copyable, Sendable {
    private let file: Mapping
    private let name: String
    private let control: Range<Int>
    private let data: Range<Int>
    /// The names of all members of the ar archive; dpkg passes over those that begin with `_`.
    public let members: Set<String>

    /// Shared with the readers of the payload, which may outlive the package.
    private final class Mapping: Sendable {
        let file: MappedFile

        init(_ file: consuming MappedFile) { self.file = file }
    }

    /// Opens a package; `name` is what errors call it.
    public init(_ descriptor: borrowing Descriptor, name: String) throws {
        try self.init(try MappedFile(descriptor), name: name)
    }

    /// Takes a mapped package; `name` is what errors call it.
    public init(_ file: consuming MappedFile, name: String) throws(ArchiveError) {
        let members = try Self.members(of: file.bytes, name: name)
        guard let version = members["debian-binary"],
            file.bytes[version].starts(with: Array("2.".utf8)),
            let control = members.first(where: { $0.key.hasPrefix("control.tar") })?.value,
            let data = members.first(where: { $0.key.hasPrefix("data.tar") })?.value
        else { throw ArchiveError(archive: name, message: "not a Debian package of format 2 (see deb(5))") }
        self.file = Mapping(file)
        self.name = name
        self.control = control
        self.data = data
        self.members = Set(members.keys)
    }

    /// The control members in the archive's order.
    public func controlFiles() throws(ArchiveError) -> [ControlMember] {
        let tar = try ArchiveReader.tar(slice(control), name: "\(name) control.tar")
        var files: [ControlMember] = []
        while let entry = try tar.next() {
            guard case .file = entry.kind else { continue }
            let base = entry.path.hasPrefix("./") ? String(entry.path.dropFirst(2)) : entry.path
            guard !base.isEmpty, !base.contains("/") else {
                throw ArchiveError(archive: name, message: "control member \(entry.path) is not a plain name")
            }
            files.append(
                ControlMember(
                    name: base, mode: entry.mode, modified: entry.modified,
                    content: try tar.readToEnd(limit: 64 << 20)))
        }
        return files
    }

    /// A reader of the payload; the package may go away before it.
    public func payload() throws(ArchiveError) -> ArchiveReader {
        try ArchiveReader.tar(slice(data), name: "\(name) data.tar", owner: file)
    }

    /// Writes the package as it is.
    public func write(to file: borrowing Descriptor) throws(SystemError) { try file.writeAll(self.file.file.bytes) }

    /// Writes the package with its tars decompressed: a package again, of which everything can be read at once.
    public func decompress(to file: borrowing Descriptor) throws {
        try file.writeAll(Self.start)
        var offset = Self.start.count
        for (member, range) in [("control.tar", control), ("data.tar", data)] {
            let size = try ArchiveReader.decompress(
                slice(range), name: "\(name) \(member)", to: file, at: offset + 60)
            try file.writeAll(Self.header(of: member, size: size), at: offset)
            offset += 60 + size
            if size % 2 == 1 { try file.writeAll([UInt8(ascii: "\n")], at: offset) }
            offset += size % 2
        }
    }

    /// What every package begins with: the archive's mark and the member `debian-binary`.
    public static let start = Array("!<arch>\n".utf8) + header(of: "debian-binary", size: 4) + Array("2.0\n".utf8)

    /// The 60 bytes before a member of the ar archive; a member of odd size is followed by a newline.
    public static func header(of member: String, size: Int) -> [UInt8] {
        func field(_ text: String, _ width: Int) -> [UInt8] {
            Array(text.utf8) + [UInt8](repeating: UInt8(ascii: " "), count: max(0, width - text.utf8.count))
        }
        return field(member, 16) + field("0", 12) + field("0", 6) + field("0", 6) + field("100644", 8)
            + field("\(size)", 10) + Array("`\n".utf8)
    }

    private func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: file.file.bytes[range])
    }

    /// The members of an ar archive as dpkg writes it: 60-byte headers, even offsets, no long names.
    static func members(of bytes: UnsafeRawBufferPointer, name: String) throws(ArchiveError) -> [String: Range<Int>] {
        guard bytes.count >= 8, bytes[..<8].elementsEqual("!<arch>\n".utf8) else {
            throw ArchiveError(archive: name, message: "not an ar archive")
        }
        var members: [String: Range<Int>] = [:]
        var offset = 8
        while offset < bytes.count {
            guard bytes.count - offset >= 60, bytes[offset + 58] == 0x60, bytes[offset + 59] == 0x0A else {
                throw ArchiveError(archive: name, message: "damaged ar header at byte \(offset)")
            }
            let label = String(decoding: bytes[offset..<offset + 16], as: UTF8.self)
                .prefix { $0 != " " && $0 != "/" }
            let digits = String(decoding: bytes[offset + 48..<offset + 58], as: UTF8.self).prefix { $0 != " " }
            guard let size = Int(digits), size >= 0, size <= bytes.count - offset - 60 else {
                throw ArchiveError(archive: name, message: "member \(label) at byte \(offset) is cut off")
            }
            members[String(label)] = offset + 60..<offset + 60 + size
            offset += 60 + size + size % 2
        }
        return members
    }
}
