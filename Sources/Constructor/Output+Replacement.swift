internal import Archive
internal import Disk
internal import Glibc
internal import LinuxSystem

extension Output {
    /// Refuses to replace what no construction has made: a disk, a file of somebody's.
    ///
    /// A disk image is known by its manifest beside it, an archive by what is in it. Directories are told apart when the
    /// construction is checked.
    /// - Parameter force: whether any regular file may be replaced; nothing else ever is.
    public func requireReplaceable(force: Bool) throws(ConstructorError) {
        var status = stat()
        guard form.mark == nil, lstat(path, &status) == 0 else { return }
        let type = status.st_mode & S_IFMT
        guard type == S_IFREG else {
            let names = [
                S_IFDIR: "a directory", S_IFLNK: "a symbolic link", S_IFBLK: "a block device",
                S_IFCHR: "a character device",
            ]
            let disk = form == .raw && type == S_IFBLK ? "; to write an image to a disk, use dd(1) afterwards" : ""
            throw ConstructorError(
                "the output \(path) is \(names[type] ?? "something else than a file"), which is not replaced",
                hint: "name a file; --force replaces regular files only\(disk)")
        }
        if force || isOwn { return }
        let sign = manifestPath.map { "there is no \($0) beside it" } ?? "it is no archive of a construction"
        throw ConstructorError(
            "the output \(path) is there already, and Pisces has not made it: \(sign)",
            hint: "choose another name, or replace it by --force")
    }

    /// Whether the file that is there was made by a construction.
    private var isOwn: Bool {
        if let manifestPath { return access(manifestPath, F_OK) == 0 }
        // Both archives are uncompressed, so that names are found without reading what is between them.
        guard let file = try? MappedFile(try Descriptor.open(path)), !file.bytes.isEmpty,
            let archive = try? ArchiveReader.tar(file.bytes, name: path)
        else { return false }
        let sign =
            switch form {
            case .ociArchive: "oci-layout"
            case .splitArchive: SplitName.manifest
            default: blueprintInTree
            }
        do {
            while let entry = try archive.next() {
                if entry.path == sign || entry.path == "./\(sign)" { return true }
            }
        } catch {
            // No archive, or a damaged one.
        }
        return false
    }
}
