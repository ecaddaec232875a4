public import LinuxSystem

/// A disk: all that the controller does to one.
///
/// What was written is durable after ``flush()`` and not before: until then any part of it may be on the disk or not.
public protocol BlockDevice {
    /// What errors call it.
    var name: String { get }
    /// The size of the disk.
    var sizeBytes: UInt64 { get }
    /// Reads what the device itself holds, past the page cache where that can be done.
    func read(at offset: UInt64, count: Int) throws(SystemError) -> [UInt8]
    /// Writes at an offset.
    func write(_ bytes: [UInt8], at offset: UInt64) throws(SystemError)
    /// Waits until all that was written is on the device.
    func flush() throws(SystemError)
}

/// Files in few directories of one file system: all that the controller does to files.
///
/// Paths are relative and follow no symlink. Nothing is ever renamed: on FAT that takes two writes to a directory, and
/// a power cut between them leaves none or two names for one chain of clusters.
public protocol FileVolume {
    /// What errors call it.
    var name: String { get }
    /// The names in a directory in byte order; none if there is no such directory.
    func names(in directory: String) throws(SystemError) -> [String]
    /// The size of a file; nil if there is none.
    func size(of path: String) throws(SystemError) -> Int?
    /// Reads what the device itself holds, past the page cache where that can be done; less at the end of the file.
    func read(_ path: String, at offset: Int, count: Int) throws(SystemError) -> [UInt8]
    /// Writes at an offset; makes the file if there is none.
    func write(_ bytes: [UInt8], to path: String, at offset: Int) throws(SystemError)
    /// Waits until the file's content and size are on the device; its name may be lost.
    func flush(_ path: String) throws(SystemError)
    /// Makes a directory, if there is none.
    func makeDirectory(_ path: String) throws(SystemError)
    /// Waits until the names in a directory are on the device.
    func flushDirectory(_ path: String) throws(SystemError)
    /// Removes a file.
    func remove(_ path: String) throws(SystemError)
    /// Bytes that can still be written.
    func freeBytes() throws(SystemError) -> Int
}

extension FileVolume {
    /// The whole of a small file; nil if there is none.
    func contents(of path: String, limit: Int) throws(SystemError) -> [UInt8]? {
        guard let size = try size(of: path) else { return nil }
        return try read(path, at: 0, count: min(size, limit))
    }

    /// The digest of a file as the device holds it; nil if there is none.
    func digest(of path: String) throws(SystemError) -> Digest? {
        guard let size = try size(of: path) else { return nil }
        return try digestOfChunks(count: size) { (offset, count) throws(SystemError) in
            try read(path, at: offset, count: count)
        }
    }
}

/// How much is read or written at once: all that a stream takes of memory.
let chunkBytes = 1 << 20

/// Hashes what `read` gives for one range after the other.
func digestOfChunks(
    count: Int, _ read: (Int, Int) throws(SystemError) -> [UInt8]
) throws(SystemError) -> Digest {
    var hash = SHA256()
    var offset = 0
    while offset < count {
        let chunk = try read(offset, min(chunkBytes, count - offset))
        // A file that has become shorter has another digest.
        if chunk.isEmpty { break }
        hash.update(chunk)
        offset += chunk.count
    }
    return hash.finish()
}
