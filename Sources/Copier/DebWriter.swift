public import Archive
public import Filesystems
public import LinuxSystem

/// Writes Debian binary packages (deb(5)): the same members and files are always the same bytes.
///
/// Both tars are plain: nothing of a compressor's version is in them.
public enum DebWriter {
    /// The member that tells a package which was made again from one that its distributor made; dpkg passes over it.
    public static let mark = "_pisces"

    /// Writes a package to the start of an empty file.
    ///
    /// - Parameters:
    ///   - members: what is in the control archive; `control` must be there. They are written in byte order.
    ///   - modified: the time of the control members, seconds since 1970.
    ///   - data: the payload, whose staged files are read below `source`.
    public static func write(
        _ members: [ControlMember], modified: Int64, data: FileTree, source: borrowing Descriptor,
        to file: borrowing Descriptor
    ) throws {
        var control = FileTree()
        control["/"] = .directory(modified: modified)
        for member in members {
            control["/" + member.name] = .file(member.content, mode: member.mode, modified: modified)
        }
        try file.writeAll(DebFile.start, at: 0)
        var offset = DebFile.start.count
        for (name, tree) in [("control.tar", control), ("data.tar", data)] {
            let position = offset + DebFile.header(of: name, size: 0).count
            let size = try TarWriter.write(tree, source: source, to: file, at: position, dialect: .gnu)
            // A size in blocks is even: no newline follows.
            try file.writeAll(DebFile.header(of: name, size: size), at: offset)
            offset = position + size
        }
        let content = Array("made again of an installed system\n".utf8)
        try file.writeAll(DebFile.header(of: mark, size: content.count) + content, at: offset)
        try file.truncate(to: offset + 60 + content.count)
    }
}
