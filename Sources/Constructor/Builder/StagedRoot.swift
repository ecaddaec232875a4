import BlueprintModel
internal import Glibc
import LinuxSystem

/// The root file system under construction, as a directory of the workshop.
///
/// Every path is anchored at its descriptor: a symlink that a package ships may lead anywhere inside the root, never
/// out of it. Paths are relative to the root, with or without a leading slash.
final class StagedRoot: Sendable {
    let path: String
    let directory: Descriptor

    init(path: String) throws(SystemError) {
        self.path = path
        directory = try Descriptor.directory(path)
    }

    /// A name in an open directory.
    struct Place: ~Copyable {
        let directory: Descriptor
        let name: String
    }

    /// Opens the directory that holds `path`, and gives the last component.
    func parent(of path: String) throws(SystemError) -> Place {
        let relative = Self.relative(path)
        guard let slash = relative.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            return Place(directory: try directory.openInRoot(".", Descriptor.pathOnly | O_DIRECTORY), name: relative)
        }
        let name = String(relative[relative.utf8.index(after: slash)...])
        let folder = String(relative[..<slash])
        return Place(directory: try directory.openInRoot(folder, Descriptor.pathOnly | O_DIRECTORY), name: name)
    }

    /// Whether something is at `path`; a dangling symlink counts.
    func exists(_ path: String) -> Bool {
        guard let place = try? parent(of: path) else { return false }
        return (try? place.directory.status(of: place.name)) != nil
    }

    /// Whether a directory is at `path` itself, no symlink to one.
    func isDirectory(_ path: String) -> Bool {
        guard let place = try? parent(of: path) else { return false }
        return (try? place.directory.status(of: place.name))?.type == S_IFDIR
    }

    /// The content of the file at `path`.
    func read(_ path: String, limit: Int = 64 << 20) throws(SystemError) -> [UInt8] {
        try directory.openInRoot(Self.relative(path)).readToEnd(limit: limit)
    }

    /// The content of the file at `path` as text.
    func readText(_ path: String) throws(SystemError) -> String {
        String(decoding: try read(path), as: UTF8.self)
    }

    /// Writes a whole file, making its directories; what was there is replaced, never followed. Without a time it is
    /// as new as it is.
    func write(
        _ bytes: [UInt8], to path: String, mode: UInt32 = 0o644, uid: UInt32 = 0, gid: UInt32 = 0,
        modified: Int64? = nil
    ) throws(SystemError) {
        let file = try replace(path)
        try file.writeAll(bytes)
        try file.setOwner(uid: uid, gid: gid)
        try file.setMode(mode)
        if let modified { try file.setModified(modified) }
    }

    /// Writes a whole file of stored contents, as the same of bytes.
    func write(
        _ contents: Blueprint.StoredContents, to path: String, mode: UInt32, uid: UInt32, gid: UInt32
    ) throws {
        let file = try replace(path)
        try contents.write(to: file)
        try file.setOwner(uid: uid, gid: gid)
        try file.setMode(mode)
    }

    /// An empty file in place of what is there.
    private func replace(_ path: String) throws(SystemError) -> Descriptor {
        let place = try makeParent(of: path)
        do throws(SystemError) { try place.directory.unlink(place.name) } catch  where error.isNotFound {}
        return try place.directory.openBeneath(place.name, O_WRONLY | O_CREAT | O_EXCL)
    }

    /// Writes a whole text file.
    func write(_ text: String, to path: String, mode: UInt32 = 0o644) throws(SystemError) {
        try write(Array(text.utf8), to: path, mode: mode)
    }

    /// Makes a symlink, replacing a file or symlink that is there.
    func symlink(_ path: String, to target: String) throws(SystemError) {
        let place = try makeParent(of: path)
        do throws(SystemError) { try place.directory.unlink(place.name) } catch  where error.isNotFound {}
        try place.directory.makeSymlink(place.name, target: target)
    }

    /// Makes a directory and those above it.
    func makeDirectory(_ path: String, mode: UInt32 = 0o755, uid: UInt32 = 0, gid: UInt32 = 0) throws(SystemError) {
        let place = try makeParent(of: path)
        try place.directory.makeDirectory(place.name)
        let made = try place.directory.openBeneath(place.name, O_RDONLY | O_DIRECTORY)
        try made.setOwner(uid: uid, gid: gid)
        try made.setMode(mode)
    }

    /// Removes the file at `path`; none there is no error.
    func remove(_ path: String) throws(SystemError) {
        do throws(SystemError) {
            let place = try parent(of: path)
            try place.directory.unlink(place.name)
        } catch  where error.isNotFound {}
    }

    /// Removes the empty directory at `path`.
    func removeDirectory(_ path: String) throws(SystemError) {
        let place = try parent(of: path)
        try place.directory.unlink(place.name, directory: true)
    }

    private func makeParent(of path: String) throws(SystemError) -> Place {
        do throws(SystemError) { return try parent(of: path) } catch  where error.isNotFound {}
        try makeDirectory(parentDirectory(of: Self.relative(path)))
        return try parent(of: path)
    }

    static func relative(_ path: String) -> String { String(path.drop { $0 == "/" }) }
}

/// Where programs in the sandbox see the scratch directory; below `/tmp`, which is theirs alone and not the tree's.
let scratchInRoot = "/tmp/pisces"
