public import BlueprintModel
public import ContentStore
public import Debian
internal import Filesystems
internal import LinuxSystem

/// A sealed system: one file with a blueprint, its contents, its lock and every object that the lock names, from which the
/// system is constructed with an empty store and without a network.
///
/// It is a tar archive of regular files in a fixed order, each with the digest that it must have: ``index`` first, a
/// control file (deb822(5)) with the digests of the small files, which follow in byte order of their names; then
/// `objects/SHA-256` for each object of the lock, in byte order. Its bytes depend on what is in it alone.
public enum Seal {
    /// What the names of sealed systems end in.
    public static let suffix = ".seal"
    /// The first member.
    public static let index = "seal"
    /// The blueprint; what it names lies in ``contents``.
    public static let blueprint = "blueprint.yaml"
    /// The contents of the blueprint's larger files, and keyrings.
    public static let contents = "blueprint.files"
    /// The lock.
    public static let lock = "blueprint.lock"
    /// The member of an image layout.
    public static func layout(_ name: String) -> String { "layouts/\(name).yaml" }

    static let objects = "objects/"
    /// The version of the format that this code writes, and the only one it reads.
    static let format = "1"
    /// More than a person writes, less than fills the memory; stored contents may have more.
    static let largestFile = 64 << 20

    /// Whether a file is one of the contents that are too large for memory.
    static func isStored(_ name: String, _ size: Int) -> Bool {
        name.hasPrefix(contents + "/") && size > Blueprint.StoredContents.limit
    }

    /// Writes a sealed system; every object must be in the store.
    ///
    /// - Parameters:
    ///   - files: ``blueprint``, what is below ``contents``, and layouts; the lock is added.
    ///   - stored: what is below ``contents`` and too large for memory.
    ///   - progress: told of bytes.
    public static func write(
        _ files: [String: [UInt8]], stored: [String: Blueprint.StoredContents] = [:], _ lock: Lock,
        from store: ObjectStore, to path: String,
        progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws {
        var files = files
        files[Self.lock] = Array(lock.text.utf8)
        let names = Set(files.keys).union(stored.keys).sorted(by: bytesPrecede)
        let rows = names.map { name in
            let bytes = files[name] ?? []
            let (digest, size) = stored[name].map { ($0.sha256, $0.size) } ?? (SHA256.hash(bytes).hex, bytes.count)
            return "\n \(digest) \(size) \(name)"
        }
        let index = Deb822.Stanza([
            Deb822.Field("Pisces-Seal", format), Deb822.Field("System", lock.blueprintName),
            Deb822.Field("Files", rows.joined()),
        ])
        let output = try AtomicFile.create(path)
        var writer = Writer(modified: lock.epoch)
        try writer.append(Self.index, Array(Deb822.write([index]).utf8), to: output.descriptor)
        for name in names {
            if let contents = stored[name] {
                try writer.append(name, contents, to: output.descriptor)
            } else {
                try writer.append(name, files[name] ?? [], to: output.descriptor)
            }
        }
        let objects = lock.objects.sorted { bytesPrecede($0.hex, $1.hex) }
        for (done, digest) in objects.enumerated() {
            guard let object = try store.open(digest) else {
                throw ConstructorError(
                    "the store \(store.directory) lacks an object of the lock, \(digest)",
                    hint: "copy again with a network, or name the store that has it by --store")
            }
            try writer.append(Self.objects + digest.hex, object, to: output.descriptor)
            progress(done + 1, objects.count)
        }
        try output.descriptor.writeAll(TarWriter.end, at: writer.offset)
        try output.commit()
    }

    private struct Writer {
        let modified: Int64
        var offset = 0

        mutating func append(_ name: String, _ bytes: [UInt8], to file: borrowing Descriptor) throws {
            try begin(name, bytes.count, file)
            try file.writeAll(bytes, at: offset)
            try end(bytes.count, file)
        }

        mutating func append(
            _ name: String, _ contents: Blueprint.StoredContents, to file: borrowing Descriptor
        ) throws {
            try begin(name, contents.size, file)
            try contents.write(to: file, at: offset)
            try end(contents.size, file)
        }

        mutating func append(
            _ name: String, _ object: borrowing Descriptor, to file: borrowing Descriptor
        ) throws {
            let size = try object.status().size
            try begin(name, size, file)
            // The room must be there before it is copied into.
            try file.truncate(to: offset + size)
            try file.copy(from: object, at: 0, length: size, to: offset)
            try end(size, file)
        }

        private mutating func begin(_ name: String, _ size: Int, _ file: borrowing Descriptor) throws {
            let header = try TarWriter.header(ofFile: name, sizeBytes: size, modified: modified)
            try file.writeAll(header, at: offset)
            offset += header.count
        }

        private mutating func end(_ size: Int, _ file: borrowing Descriptor) throws {
            let padding = (512 - size % 512) % 512
            try file.writeAll([UInt8](repeating: 0, count: padding), at: offset + size)
            offset += size + padding
        }
    }
}
