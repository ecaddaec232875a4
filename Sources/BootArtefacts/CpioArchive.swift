/// Writes a cpio archive in the `newc` format (kernel: Documentation/driver-api/early-userspace/buffer-format.rst).
///
/// The same calls give the same bytes: inode numbers count up, times are 0, everything is root's. A directory comes
/// before what is in it, as the kernel needs it. Paths are relative: `usr/bin/busybox`.
public struct CpioArchive: Sendable {
    private var bytes: [UInt8] = []
    private var nextInode: UInt32 = 1
    private var directories: Set<String> = [""]
    private var names: Set<String> = []

    /// The type bits of a mode (man 7 inode).
    private enum FileType: UInt32 {
        case directory = 0o040000
        case regular = 0o100000
        case symlink = 0o120000
        case characterDevice = 0o020000
    }

    /// Starts an empty archive.
    public init() {}

    /// Makes room for this many bytes more, which saves time.
    public mutating func reserve(_ count: Int) { bytes.reserveCapacity(bytes.count + count) }

    /// Adds a directory.
    /// - Throws: ``BootArtefactError`` for an impossible or taken path, or one whose directory is missing.
    public mutating func addDirectory(_ path: String, mode: UInt32 = 0o755) throws(BootArtefactError) {
        try check(path)
        directories.insert(path)
        append(path, .directory, mode)
    }

    /// Adds a regular file.
    /// - Throws: ``BootArtefactError`` as for a directory, and for 4 GiB or more.
    public mutating func addFile(_ path: String, _ content: [UInt8], mode: UInt32 = 0o644) throws(BootArtefactError) {
        guard UInt32(exactly: content.count) != nil else {
            throw Self.error(path, "has \(content.count) bytes: the format ends at 4 GiB")
        }
        try check(path)
        append(path, .regular, mode, content: content)
    }

    /// Adds a symbolic link.
    /// - Throws: ``BootArtefactError`` as for a directory, and for an impossible target.
    public mutating func addSymlink(_ path: String, target: String) throws(BootArtefactError) {
        guard (1..<4096).contains(target.utf8.count), !target.utf8.contains(0) else {
            throw Self.error(path, "has an impossible target \"\(target)\"")
        }
        try check(path)
        append(path, .symlink, 0o777, content: Array(target.utf8))
    }

    /// Adds a character device, such as `dev/console` (5, 1) and `dev/null` (1, 3).
    /// - Throws: ``BootArtefactError`` as for a directory.
    public mutating func addCharacterDevice(
        _ path: String, major: UInt32, minor: UInt32, mode: UInt32 = 0o600
    ) throws(BootArtefactError) {
        try check(path)
        append(path, .characterDevice, mode, device: (major, minor))
    }

    /// The archive with its trailer, padded to 512 bytes.
    public consuming func finish() -> [UInt8] {
        // The trailer's inode is 0 and its link count 1, as GNU cpio has them.
        appendHeader(inode: 0, mode: 0, links: 1, size: 0, device: (0, 0), name: "TRAILER!!!")
        pad(to: 512)
        return bytes
    }
}

// MARK: - Parts

extension CpioArchive {
    private mutating func check(_ path: String) throws(BootArtefactError) {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isPlain = parts.allSatisfy { part in
            !part.isEmpty && part.count < 256 && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
        }
        guard isPlain, !path.utf8.contains(0), path.utf8.count < 4096 else {
            throw Self.error(path, "is no plain relative path")
        }
        guard path != "TRAILER!!!" else { throw Self.error(path, "is the name that ends an archive") }
        let parent = parts.dropLast().map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/")
        guard directories.contains(parent) else {
            throw Self.error(path, "needs the directory \"\(parent)\" before it")
        }
        guard names.insert(path).inserted else { throw Self.error(path, "is there already") }
    }

    private static func error(_ path: String, _ message: String) -> BootArtefactError {
        BootArtefactError("initrd", "\"\(path)\" \(message)")
    }

    private mutating func append(
        _ path: String, _ type: FileType, _ mode: UInt32, content: [UInt8] = [], device: (UInt32, UInt32) = (0, 0)
    ) {
        appendHeader(
            inode: nextInode, mode: type.rawValue | mode & 0o7777, links: type == .directory ? 2 : 1,
            size: UInt32(content.count), device: device, name: path)
        nextInode += 1
        bytes += content
        pad(to: 4)
    }

    private mutating func appendHeader(
        inode: UInt32, mode: UInt32, links: UInt32, size: UInt32, device: (major: UInt32, minor: UInt32), name: String
    ) {
        bytes += "070701".utf8
        // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check.
        let fields = [
            inode, mode, 0, 0, links, 0, size, 0, 0, device.major, device.minor, UInt32(name.utf8.count + 1), 0,
        ]
        let digits = Array("0123456789ABCDEF".utf8)
        for field in fields {
            for shift in stride(from: 28, through: 0, by: -4) { bytes.append(digits[Int(field >> shift & 15)]) }
        }
        bytes += name.utf8
        bytes.append(0)
        pad(to: 4)
    }

    private mutating func pad(to multiple: Int) {
        while !bytes.count.isMultiple(of: multiple) { bytes.append(0) }
    }
}
