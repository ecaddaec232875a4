internal import Glibc
internal import LinuxSystem

extension SourceRoot {
    /// The names in a directory in byte order, and how many more are not UTF-8; none where there is no such directory.
    func listing(of path: String) throws(SystemError) -> (names: [String], odd: Int) {
        let descriptor: Descriptor
        do throws(SystemError) {
            descriptor = try directory.openInRoot(relative(path), O_RDONLY | O_DIRECTORY)
        } catch  where error.isNotFound || error.code == ENOTDIR {
            return ([], 0)
        }
        let copy = openat(descriptor.rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else {
            throw SystemError(call: "openat", subject: descriptor.name, code: errno)
        }
        defer { closedir(stream) }
        var names: [String] = []
        var odd = 0
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
            }
            guard let name else {
                odd += 1
                continue
            }
            if name != "." && name != ".." { names.append(name) }
        }
        let code = errno
        if code != 0 { throw SystemError(call: "readdir", subject: descriptor.name, code: code) }
        return (names.sorted(by: bytesPrecede), odd)
    }

    /// What is at a path itself, links not followed; nil for nothing.
    func statusOfLink(_ path: String) throws(SystemError) -> FileStatus? {
        try inParent(of: path) { parent, name throws(SystemError) in try parent.status(of: name) }
    }

    /// The target of a symlink; nil where none is at the path.
    func linkTarget(_ path: String) throws(SystemError) -> String? {
        do throws(SystemError) {
            return try inParent(of: path) { parent, name throws(SystemError) in try parent.linkTarget(name) }
        } catch  where error.code == EINVAL {
            return nil
        }
    }

    private func inParent<Result>(
        of path: String, _ body: (borrowing Descriptor, String) throws(SystemError) -> Result
    ) throws(SystemError) -> Result? {
        let path = relative(path)
        let name = path.utf8.split(separator: UInt8(ascii: "/")).last.map { String(decoding: $0, as: UTF8.self) } ?? "."
        do throws(SystemError) {
            return try body(
                try directory.openInRoot(parentDirectory(of: path), Descriptor.pathOnly | O_DIRECTORY), name)
        } catch  where error.isNotFound || error.code == ENOTDIR {
            return nil
        }
    }

    private func relative(_ path: String) -> String {
        let path = String(path.drop { $0 == "/" })
        return path.isEmpty ? "." : path
    }
}
