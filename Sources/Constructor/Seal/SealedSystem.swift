internal import Archive
public import BlueprintModel
public import ContentStore
public import Debian
internal import LinuxSystem

/// A sealed system that is read: nothing in it is believed before it has the digest that it must have.
///
/// The file may come from anywhere. Its names are compared, never used as paths.
public struct SealedSystem: ~Copyable {
    /// The blueprint.
    public let loaded: LoadedBlueprint
    /// Its lock, which is this blueprint's.
    public let lock: Lock
    private let path: String
    private let file: MappedFile
    private let files: [String: [UInt8]]
    private let membersBeforeObjects: Int

    /// Reads blueprint, contents and lock; of objects only ``verify(progress:)`` tells.
    public init(path: String) throws {
        let descriptor = try Descriptor.open(path)
        let file = try MappedFile(descriptor)
        let archive = try Self.naming(path) { () throws -> ArchiveReader in
            try ArchiveReader.tar(file.bytes, name: path)
        }
        let first = try Self.naming(path) { try archive.next() }
        guard let first, first.path == Seal.index, case .file(let size) = first.kind, size <= Seal.largestFile else {
            throw ConstructorError(
                "\(path): this is no sealed system: it does not begin with a member '\(Seal.index)'",
                hint: "name a file that `pisces copy --seal` wrote")
        }
        let index = try Self.naming(path) { try archive.readToEnd(limit: Seal.largestFile) }
        let wanted = try Self.read(index: index, path)
        var files: [String: [UInt8]] = [:]
        var stored: [String: Blueprint.LargeSource] = [:]
        for (name, digest, size) in wanted {
            guard let entry = try Self.naming(path, { try archive.next() }) else {
                throw Self.damaged(path, "it ends where \(name) belongs")
            }
            guard entry.path == name, case .file(size) = entry.kind else {
                throw Self.damaged(path, "'\(entry.path)' is where \(name) of \(size) bytes belongs")
            }
            let found: String
            if Seal.isStored(name, size) {
                let large = try Self.large(size, archive, in: file, descriptor, path)
                found = large.contents.sha256
                stored[name] = large
            } else {
                let bytes = try Self.naming(path) { try archive.readToEnd(limit: Seal.largestFile) }
                found = SHA256.hash(bytes).hex
                files[name] = bytes
            }
            guard found == digest.hex else {
                throw Self.damaged(path, "\(name) has the digest \(found) instead of \(digest)")
            }
        }
        guard let text = files[Seal.lock] else { throw Self.damaged(path, "there is no \(Seal.lock)") }
        let lock = try Lock(parsing: text, file: "\(path): \(Seal.lock)")
        let read = { [files] (name: String) throws -> [UInt8] in
            guard let bytes = files[name] else { throw Self.damaged(path, "there is no \(name) of a usual size") }
            return bytes
        }
        let loaded = try Blueprint.load(Seal.blueprint, read: read) { [stored] in stored[$0] }
        let own = SHA256.hash(loaded.blueprint.canonicalBytes)
        guard own == lock.blueprint else {
            throw Self.damaged(path, "its lock is of the blueprint \(lock.blueprint), not of this one, \(own)")
        }
        (self.path, self.lock, self.loaded, self.files) = (path, lock, loaded, files)
        self.file = file
        membersBeforeObjects = 1 + wanted.count
    }

    /// The layout that the blueprint names; nil where the seal has none.
    public func layout(named name: String) throws -> ImageLayout? {
        try files[Seal.layout(name)].map { try ImageLayout(yaml: $0, file: "\(path): \(Seal.layout(name))") }
    }

    /// Holds every object to its digest; writes nothing.
    ///
    /// - Parameter progress: told of objects.
    public func verify(progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }) throws {
        try forEachObject(progress) { digest, archive, size in
            var hash = SHA256()
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
            defer { buffer.deallocate() }
            while true {
                let count = try Self.naming(path) { try archive.read(into: buffer) }
                if count == 0 { break }
                hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
            let found = hash.finish()
            guard found == digest else { throw Self.damaged(path, "the object \(digest) has the digest \(found)") }
        }
    }

    /// Puts every object into a store; what it has already stays.
    public func restore(
        into store: ObjectStore, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws {
        try forEachObject(progress) { digest, archive, _ in
            if store.contains(digest) { return }
            let file = try store.temporaryFile()
            try archive.write(to: file.descriptor)
            // What was verified may have been changed since: what is stored counts.
            try store.put(file: file.descriptor, expecting: digest)
        }
    }

    // MARK: - Members

    /// The objects in their order: exactly those of the lock.
    private func forEachObject(
        _ progress: (_ done: Int, _ total: Int) -> Void,
        _ body: (_ digest: Digest, _ archive: borrowing ArchiveReader, _ size: Int) throws -> Void
    ) throws {
        let archive = try Self.naming(path) { () throws -> ArchiveReader in
            try ArchiveReader.tar(file.bytes, name: path)
        }
        for _ in 0..<membersBeforeObjects { _ = try Self.naming(path) { try archive.next() } }
        let objects = lock.objects.sorted { bytesPrecede($0.hex, $1.hex) }
        let sizes = Self.sizes(of: lock)
        for (done, digest) in objects.enumerated() {
            guard let entry = try Self.naming(path, { try archive.next() }) else {
                throw Self.damaged(path, "it lacks \(objects.count - done) objects, the first is \(digest)")
            }
            guard entry.path == Seal.objects + digest.hex, case .file(let size) = entry.kind else {
                throw Self.damaged(path, "'\(entry.path)' is where the object \(digest) belongs")
            }
            guard sizes[digest] == Int64(size) else {
                throw Self.damaged(path, "the object \(digest) has \(size) bytes, not those of the lock")
            }
            try body(digest, archive, size)
            progress(done + 1, objects.count)
        }
        if let more = try Self.naming(path, { try archive.next() }) {
            throw Self.damaged(path, "'\(more.path)' does not belong in it")
        }
    }

    private static func sizes(of lock: Lock) -> [Digest: Int64] {
        let packages = (lock.packages + lock.toolPackages).map { ($0.digest, $0.size) }
        let blobs = lock.images.flatMap(\.blobs).map { ($0.digest, $0.size) }
        return Dictionary(packages + blobs) { first, _ in first }
    }

    /// Refers to the current member, which is too large for memory.
    private static func large(
        _ size: Int, _ archive: borrowing ArchiveReader, in file: borrowing MappedFile,
        _ descriptor: borrowing Descriptor, _ path: String
    ) throws -> Blueprint.LargeSource {
        let first = try naming(path) { try archive.firstBlock() }
        guard let start = first.flatMap({ UnsafeRawPointer($0) }), let base = file.bytes.baseAddress,
            start >= base, start - base <= file.bytes.count - size
        else { throw damaged(path, "it is cut, or somebody compressed it") }
        return try Blueprint.StoredContents.read(
            descriptor, in: start - base..<start - base + size, path: path)
    }

    /// The small files with digest and size, each name once, in their order.
    private static func read(index: [UInt8], _ path: String) throws -> [(name: String, digest: Digest, size: Int)] {
        let stanza = try Deb822.parseOne(index, file: "\(path): \(Seal.index)")
        guard stanza["Pisces-Seal"] == Seal.format else {
            throw ConstructorError(
                "\(path): the format is \(stanza["Pisces-Seal"] ?? "none"), this version of Pisces reads \(Seal.format)",
                hint: "use the version of Pisces that sealed it")
        }
        var files: [(name: String, digest: Digest, size: Int)] = []
        for line in stanza.field("Files")?.lines ?? [] {
            let parts = line.split(separator: " ", maxSplits: 2).map(String.init)
            guard parts.count == 3, let digest = Digest(hex: parts[0]), let size = Int(parts[1]),
                size >= 0, size <= Seal.largestFile || Seal.isStored(parts[2], size), isKnown(parts[2])
            else { throw damaged(path, "'\(line)' is no digest, size and name of a file that belongs in it") }
            if let last = files.last, !bytesPrecede(last.name, parts[2]) {
                throw damaged(path, "\(parts[2]) is there twice, or not in its place")
            }
            files.append((parts[2], digest, size))
        }
        return files
    }

    /// Whether a sealed system has files of this name.
    private static func isKnown(_ name: String) -> Bool {
        let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isPlain = parts.allSatisfy { part in
            !part.isEmpty && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
        }
        return isPlain
            && (name == Seal.blueprint || name == Seal.lock || name.hasPrefix(Seal.contents + "/")
                || name.hasPrefix("layouts/"))
    }

    private static func damaged(_ path: String, _ problem: String) -> ConstructorError {
        ConstructorError(
            "\(path): the sealed system is damaged or forged: \(problem)",
            hint: "bring the file again from where it was made: nothing of this one was used")
    }

    /// Lets libarchive's errors tell what they are about.
    private static func naming<Result: ~Copyable>(
        _ path: String, _ body: () throws -> Result
    ) throws -> Result {
        do {
            return try body()
        } catch let error as ArchiveError {
            throw damaged(path, error.message)
        }
    }
}
