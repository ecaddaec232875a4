internal import Glibc
internal import LinuxSystem

/// The mount points below a root, as mountinfo (proc_pid_mountinfo(5)) has them, and which of them are part of the
/// system that is looked at.
struct Mounts: Sendable {
    /// The type of the file system by path from the root; only mounts that are not to be entered.
    private(set) var foreign: [[UInt8]: String] = [:]
    /// Whether mountinfo could be read: then a device number that differs says nothing.
    private(set) var isKnown = false

    /// Without mountinfo: other devices are not entered.
    init() {}

    /// Reads the text of mountinfo.
    ///
    /// File systems of disks are entered: `/usr`, `/var` or `/boot` of their own belong to the system. A second view of
    /// one (a bind mount, a container's root) is not, nor is what a kernel makes up or a network brings.
    ///
    /// - Parameter root: the path of the root in the namespace of the text.
    init(mountinfo: String, root: String) {
        isKnown = true
        let root = root == "/" ? "" : root
        var entered: Set<String> = []
        for line in mountinfo.utf8.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: " ")).map { Self.unescaped($0) }
            guard fields.count > 6, let dash = fields[6...].firstIndex(where: { $0.elementsEqual("-".utf8) }),
                dash + 1 < fields.count
            else { continue }
            let device = String(decoding: fields[2], as: UTF8.self)
            let source = String(decoding: fields[3], as: UTF8.self)
            let point = fields[4]
            let type = String(decoding: fields[dash + 1], as: UTF8.self)
            let isSystem = Self.isPart(type: type, point: point, root: root)
            guard point.starts(with: root.utf8) else {
                // What is mounted elsewhere may show up below the root a second time.
                continue
            }
            let path = Array(point.dropFirst(root.utf8.count))
            if path.isEmpty || path == [UInt8(ascii: "/")] {
                entered.insert("\(device) \(source)")
                entered.insert(device)
                continue
            }
            guard path.first == UInt8(ascii: "/") else { continue }
            let isFirst = type == "btrfs" ? !entered.contains("\(device) \(source)") : !entered.contains(device)
            if isSystem && isFirst && (source == "/" || type == "btrfs") {
                foreign[path] = nil
                entered.insert("\(device) \(source)")
                entered.insert(device)
            } else {
                foreign[path] = type
            }
        }
    }

    /// Whether a file system of that type holds files of the system itself.
    private static func isPart(type: String, point: [UInt8], root: String) -> Bool {
        if type == "overlay" {
            // `/etc` of an image is one; those of containers lie deeper.
            return point.dropFirst(root.utf8.count).count { $0 == UInt8(ascii: "/") } == 1
        }
        return [
            "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "reiserfs", "bcachefs", "zfs", "vfat", "erofs",
            "squashfs",
        ].contains(type)
    }

    /// Octal escapes stand for spaces and the like.
    static func unescaped(_ field: Substring.UTF8View.SubSequence) -> [UInt8] {
        var result: [UInt8] = []
        var rest = field[...]
        while let byte = rest.first {
            rest = rest.dropFirst()
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3, let text = String(digits),
                let value = UInt8(text, radix: 8)
            {
                result.append(value)
                rest = rest.dropFirst(3)
            } else {
                result.append(byte)
            }
        }
        return result
    }
}
