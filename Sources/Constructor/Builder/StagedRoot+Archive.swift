import Archive
import Filesystems
internal import Glibc
import LinuxSystem

extension StagedRoot {
    /// Makes what an archive of ``TarWriter`` holds, on all processors: owners, modes, times, attributes and hard links
    /// as they were.
    func restore(_ archive: borrowing MappedFile, name: String) throws {
        let tar = archive.bytes
        var directories: [ArchiveEntry] = []
        var links: [ArchiveEntry] = []
        let reader = try ArchiveReader.tar(tar, name: name)
        while let entry = try reader.next() {
            switch entry.kind {
            case .file: continue
            case .directory:
                // The writer ends a directory's name with a slash.
                if entry.path != "./" { try makeDirectory(String(entry.path.dropLast())) }
                directories.append(entry)
            default: links.append(entry)
            }
        }
        try restoreFiles(tar, name: name)
        try Self.shared(links) { entry in try restoreLink(entry, archive: name) }
        // Last, since what is made in a directory changes its time.
        try Self.shared(directories) { entry in
            let made = try directory.openInRoot(entry.path, O_RDONLY | O_DIRECTORY)
            try restoreMetadata(entry, of: made)
        }
    }

    /// Calls `body` for each entry, on all processors.
    private static func shared(
        _ entries: [ArchiveEntry], _ body: @Sendable (ArchiveEntry) throws -> Void
    ) throws {
        let shares = max(1, processorCount)
        _ = try parallelMap(count: shares) { share in
            for index in stride(from: share, to: entries.count, by: shares) { try body(entries[index]) }
        }
    }

    /// Each thread reads the whole archive and makes its share of the files: to skip one costs next to nothing.
    private func restoreFiles(_ tar: UnsafeRawBufferPointer, name: String) throws {
        // Read-only, and it outlives the call.
        nonisolated(unsafe) let tar = tar
        let shares = max(1, processorCount)
        _ = try parallelMap(count: shares) { share in
            try restoreFiles(tar, name: name, share: share, of: shares)
        }
    }

    private func restoreFiles(_ tar: UnsafeRawBufferPointer, name: String, share: Int, of shares: Int) throws {
        let archive = try ArchiveReader.tar(tar, name: name)
        var bytes = 0
        while let entry = try archive.next() {
            guard case .file(let size) = entry.kind else { continue }
            // By bytes, so that shares are about equal.
            let isMine = bytes >> 20 % shares == share
            bytes += size + 4096
            guard isMine else { continue }
            let file = try create(entry.path)
            try archive.write(to: file)
            try restoreMetadata(entry, of: file)
        }
    }

    /// Makes an empty file in place of one that is there, which is rare.
    private func create(_ path: String) throws(SystemError) -> Descriptor {
        let place = try parent(of: path)
        let flags = O_WRONLY | O_CREAT | O_EXCL
        do throws(SystemError) {
            return try place.directory.openBeneath(place.name, flags)
        } catch  where error.code == EEXIST {
            try place.directory.unlink(place.name)
            return try place.directory.openBeneath(place.name, flags)
        }
    }

    private func restoreMetadata(_ entry: ArchiveEntry, of file: borrowing Descriptor) throws(SystemError) {
        try file.setOwner(uid: entry.uid, gid: entry.gid)
        try file.setMode(entry.mode)
        for (name, value) in entry.xattrs { try file.setXattr(name, value) }
        try file.setModified(entry.modified)
    }

    private func restoreLink(_ entry: ArchiveEntry, archive: String) throws {
        let place = try parent(of: entry.path)
        switch entry.kind {
        case .symlink(let target):
            try place.directory.makeSymlink(place.name, target: target)
            try place.directory.setLinkOwner(place.name, uid: entry.uid, gid: entry.gid, modified: entry.modified)
        case .hardlink(let target):
            let source = try parent(of: target)
            try source.directory.makeLink(source.name, in: place.directory, place.name)
        default:
            throw ArchiveError(archive: archive, message: "\(entry.path) is neither file, directory nor link")
        }
    }
}
