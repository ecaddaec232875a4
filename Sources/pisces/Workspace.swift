import BlueprintModel
import Constructor
import Debian
import Glibc
import LinuxSystem

/// Where things are: the one place that joins paths and reads the files that commands name.
enum Workspace {
    /// Reads a blueprint and what it includes.
    static func load(_ path: String) throws -> LoadedBlueprint {
        try Blueprint.load(
            path, read: { path in try readFile(path, limit: 64 << 20) },
            store: { path in try Blueprint.StoredContents.read(path) })
    }

    /// The lock of a blueprint: beside it, `.lock` for `.yaml`.
    static func lockPath(of blueprint: String) -> String {
        for suffix in [".yaml", ".yml"] where blueprint.hasSuffix(suffix) {
            return blueprint.dropLast(suffix.utf8.count) + ".lock"
        }
        return blueprint + ".lock"
    }

    /// The lock at `path`; nil if there is none.
    static func lock(at path: String) throws -> Lock? {
        do {
            return try Lock(parsing: try readFile(path, limit: 64 << 20), file: path)
        } catch let error as SystemError where error.isNotFound {
            return nil
        }
    }

    /// Writes the lock to `path`.
    static func write(_ lock: Lock, to path: String) throws {
        do throws(SystemError) {
            try AtomicFile.write(Array(lock.text.utf8), to: path)
        } catch {
            throw Failure(
                "\(error)\n  to mend it: the lock is written beside the blueprint: make that folder writable, or copy "
                    + "the blueprint into one that is")
        }
    }

    /// An image layout: in `Images/` beside the blueprint's folder, in the blueprint's folder, or as installed.
    static func layout(named name: String, near blueprint: String) throws -> ImageLayout {
        let (bytes, path) = try layoutFile(named: name, near: blueprint)
        return try ImageLayout(yaml: bytes, file: path)
    }

    /// The file of an image layout, and where it is.
    static func layoutFile(named name: String, near blueprint: String) throws -> (bytes: [UInt8], path: String) {
        let folder = parentDirectory(of: blueprint)
        let places = ["\(folder)/../Images", folder, "/usr/share/pisces/images"].map { "\($0)/\(name).yaml" }
        for path in places {
            guard let bytes = try existingFile(path, limit: 1 << 20) else { continue }
            return (bytes, path)
        }
        throw Failure("image: layout: there is no layout \(name); looked for \(places.joined(separator: ", "))")
    }

    /// `$XDG_CACHE_HOME/pisces`, by default `~/.cache/pisces`.
    static var cache: String {
        let variable = { (name: String) in getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } }
        return (variable("XDG_CACHE_HOME") ?? "\(variable("HOME") ?? "/root")/.cache") + "/pisces"
    }

    /// The content store: the machine's own, where an image carries one, else the user's.
    static func store() throws -> String {
        let own = "/var/lib/pisces/store"
        return access(own, W_OK) == 0 ? own : try cacheDirectory("store")
    }

    /// A directory in the cache, made if missing.
    static func cacheDirectory(_ name: String) throws -> String {
        do throws(SystemError) {
            try makeDirectories("\(cache)/\(name)")
        } catch {
            throw Failure("the cache cannot be made: \(error); set XDG_CACHE_HOME to a directory of your own")
        }
        return "\(cache)/\(name)"
    }

    /// The absolute form of a path, without touching the disk.
    static func absolute(_ path: String) throws -> String {
        if path.hasPrefix("/") { return path }
        var buffer = [CChar](repeating: 0, count: 4096)
        guard getcwd(&buffer, buffer.count) != nil else { throw Failure("the working directory is gone") }
        let current = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(current)/\(path)"
    }

    /// An X.509 certificate in PEM.
    static func certificate(_ path: String) throws -> Certificate {
        try Certificate(pem: try readFile(path, limit: 1 << 20), file: path)
    }

    /// A file's content; nil where there is none.
    private static func existingFile(_ path: String, limit: Int) throws -> [UInt8]? {
        do {
            return try readFile(path, limit: limit)
        } catch  where error.isNotFound {
            return nil
        }
    }

    static func readFile(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
        try Descriptor.open(path).readToEnd(limit: limit)
    }
}

/// An error whose text is the whole message.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
