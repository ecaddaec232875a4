internal import CLinux
internal import Glibc

extension Descriptor {
    /// The extended attributes of `path` relative to this directory by full name, for the names that `isWanted`
    /// accepts; the last symlink is not followed. `.` is this directory itself.
    ///
    /// Goes through `/proc/self/fd`: no system call reads the attributes of a symlink or a device relative to a
    /// directory. A file system without extended attributes has none.
    public func xattrs(
        of path: String, where isWanted: (String) -> Bool
    ) throws(SystemError) -> [String: [UInt8]] {
        let anchored = "/proc/self/fd/\(rawValue)/\(path)"
        var list: [CChar] = []
        do throws(SystemError) {
            let size = try call("llistxattr", "\(name)/\(path)") { clinux_llistxattr(anchored, nil, 0) }
            if size == 0 { return [:] }
            list = [CChar](repeating: 0, count: size)
            list.removeLast(
                size - (try call("llistxattr", "\(name)/\(path)") { clinux_llistxattr(anchored, &list, size) }))
        } catch {
            if error.code == ENOTSUP { return [:] }
            throw error
        }
        var result: [String: [UInt8]] = [:]
        for bytes in list.split(separator: 0) {
            let attribute = String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if !isWanted(attribute) { continue }
            // The kernel's limit for one value (xattr(7)).
            var value = [UInt8](repeating: 0, count: 1 << 16)
            let count = try call("lgetxattr \(attribute)", "\(name)/\(path)") {
                clinux_lgetxattr(anchored, attribute, &value, 1 << 16)
            }
            result[attribute] = Array(value[..<count])
        }
        return result
    }

    /// Sets an extended attribute of the open file, by its full name.
    public func setXattr(_ attribute: String, _ value: [UInt8]) throws(SystemError) {
        try call("fsetxattr \(attribute)", name) { clinux_fsetxattr(rawValue, attribute, value, value.count) }
    }

    /// Sets an extended attribute of `path` relative to this directory; the last symlink is not followed. `.` is this
    /// directory itself.
    public func setXattr(_ attribute: String, _ value: [UInt8], of path: String) throws(SystemError) {
        try call("lsetxattr \(attribute)", "\(name)/\(path)") {
            clinux_lsetxattr("/proc/self/fd/\(rawValue)/\(path)", attribute, value, value.count)
        }
    }
}
