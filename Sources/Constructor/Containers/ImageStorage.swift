import Archive
import BlueprintModel
import ContentStore
import Debian
import Filesystems
import LinuxSystem

/// Container images as an additional image store (containers-storage.conf(5)) of the read-only root, from which podman
/// runs them as they lie there: nothing is unpacked or loaded at boot, nothing of them takes space in `/var`, and dm-verity
/// vouches for every byte.
///
/// The store's format is that of containers/storage with the driver overlay. It is written here and not by podman in the
/// sandbox, since podman names links at random, notes times, and needs to make device nodes.
struct ImageStorage {
    /// Where the store is. Others than root read it, too.
    static let path = Blueprint.imageStore
    /// Below the staged root, where nothing of it enters the image: what the tree's files are read from.
    static let staging = "run/pisces-images"

    let store: ObjectStore
    let root: StagedRoot
    let epoch: Int64

    private var tree = FileTree()
    /// A stack of layers as podman records them, and what it looks like.
    private struct Stack {
        var id: String
        var link: String
        /// `lower` of the directory of this stack's next layer.
        var lowers: [String]
        var view: FileTree
    }
    private var stacks: [String: Stack] = [:]
    private var layerRecords: [JSONValue] = []
    private var imageRecords: [String: ImageRecord] = [:]

    init(store: ObjectStore, root: StagedRoot, epoch: Int64) {
        self.store = store
        self.root = root
        self.epoch = epoch
    }

    /// Adds the store with these images to the tree of a root.
    static func add(
        _ images: [LockedImage], to tree: inout FileTree, store: ObjectStore, root: StagedRoot, architecture: String,
        epoch: Int64
    ) throws {
        var storage = ImageStorage(store: store, root: root, epoch: epoch)
        for image in images { try storage.add(image, architecture: architecture) }
        storage.finish()
        // The directories that lead to it may be there.
        for path in storage.tree.paths where tree[path]?.isDirectory != true { tree[path] = storage.tree[path] }
    }

    // MARK: - Images

    /// An image as `images.json` has it.
    private struct ImageRecord {
        var manifest: Digest
        var names: [String] = []
        var layer: String?
        /// Documents by the names that podman gives them.
        var documents: [String: [UInt8]] = [:]
    }

    private mutating func add(_ image: LockedImage, architecture: String) throws {
        let name = image.reference
        let documents = try [image.index, image.manifest, image.config].compactMap { $0 }.map { try read($0, name) }
        let (manifest, configBytes) = (documents[documents.count - 2], documents[documents.count - 1])
        // The lock must say what the image itself says: only the latter is covered by its digest.
        let parsed = try ImageDocument(parsing: manifest, name: name)
        guard parsed == .manifest(config: image.config, layers: image.layers) else {
            throw ConstructorError(
                "\(name): the lock names other layers than the image", hint: "run `pisces lock --update`")
        }
        let config = try ImageConfig(parsing: configBytes, name: name)
        guard config.architecture == architecture, config.layers.count == image.layers.count else {
            throw ConstructorError(
                "\(name): the image is for \(config.architecture) and has \(config.layers.count) layers; wanted "
                    + "\(architecture) and \(image.layers.count)")
        }
        var layer: Stack?
        for (blob, digest) in zip(image.layers, config.layers) {
            layer = try add(blob, digest: digest, over: layer, of: name)
        }
        let id = image.config.digest.hex
        var record =
            imageRecords[id]
            ?? ImageRecord(manifest: image.manifest.digest, layer: layer?.id)
        for name in Self.names(of: image) where !record.names.contains(name) { record.names.append(name) }
        record.documents["sha256:\(id)"] = configBytes
        record.documents["manifest"] = record.documents["manifest"] ?? manifest
        for document in documents.dropLast() {
            record.documents["manifest-sha256:\(SHA256.hash(document))"] = document
        }
        imageRecords[id] = record
    }

    private func read(_ blob: LockedImage.Blob, _ name: String) throws -> [UInt8] {
        try open(blob, name).readToEnd(limit: 64 << 20)
    }

    private func open(_ blob: LockedImage.Blob, _ name: String) throws -> Descriptor {
        do throws(StoreError) {
            if let file = try store.open(blob.digest) { return file }
        } catch {
            throw ConstructorError("\(name): \(error)")
        }
        throw ConstructorError(
            "\(name): sha256:\(blob.digest) is not in the store", hint: "fetch it: run without --offline")
    }

    /// The names by which podman finds the image: by its digest always, by its tag where the blueprint gives one, and by
    /// `latest`, which stands for no tag, where the blueprint names no digest either.
    static func names(of image: LockedImage) -> [String] {
        guard let reference = ImageReference(image.reference) else { return [] }
        let tag = reference.tag ?? (reference.digest == nil ? "latest" : nil)
        return ["\(reference.repository)@sha256:\(image.digest)"]
            + (tag.map { ["\(reference.repository):\($0)"] } ?? [])
    }

    // MARK: - Layers

    /// Adds a layer over others, unless another image brought the same.
    private mutating func add(
        _ blob: LockedImage.Blob, digest: Digest, over below: Stack?, of image: String
    ) throws -> Stack {
        // As podman names it, so that it knows it again: by all that is below.
        let id = below.map { SHA256.hash(Array("\($0.id)+\(digest)".utf8)).hex } ?? digest.hex
        if let known = stacks[id] { return known }
        let name = "\(image): layer \(digest.hex.prefix(12))"
        let file = try MappedFile(try open(blob, name))
        let (size, recipe) = try Self.verify(file.bytes, digest: digest, name: name)
        var layer = ImageLayer(name: name)
        try layer.read(try ArchiveReader.tar(file.bytes, name: name), into: root, folder: "\(Self.staging)/\(id)")

        var view = below?.view ?? FileTree()
        let diff = layer.overlay(over: &view, epoch: epoch)
        // Mount options are short, so layers have short names beside their ids.
        let link = Self.link(of: id)
        let lowers = below?.lowers ?? []
        put(diff, at: "overlay/\(id)/diff")
        for name in ["work", "merged"] + (below == nil ? ["empty"] : []) { makeDirectory("overlay/\(id)/\(name)") }
        put(Array(link.utf8), at: "overlay/\(id)/link")
        if !lowers.isEmpty { put(Array(lowers.joined(separator: ":").utf8), at: "overlay/\(id)/lower") }
        put(recipe, at: "overlay-layers/\(id).tar-split.gz")
        makeDirectory("overlay/l")
        tree["\(Self.path)/overlay/l/\(link)"] = .symlink("../\(id)/diff", modified: epoch)

        layerRecords.append(
            record(id, below?.id, blob, digest, size: size, compression: Self.compression(file.bytes), diff))
        let stack = Stack(id: id, link: link, lowers: ["l/\(link)"] + lowers, view: view)
        stacks[id] = stack
        return stack
    }

    /// Checks a layer's plain archive; returns its size, and the recipe by which podman gives it back.
    private static func verify(
        _ bytes: UnsafeRawBufferPointer, digest: Digest, name: String
    ) throws -> (size: Int, recipe: [UInt8]) {
        let archive = try ArchiveReader.raw(bytes, name: name)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
        defer { buffer.deallocate() }
        var hash = SHA256()
        var size = 0
        var split = TarSplit()
        if try archive.next() != nil {
            while case let count = try archive.read(into: buffer), count > 0 {
                let part = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                hash.update(part)
                try split.append(part)
                size += count
            }
        }
        let found = hash.finish()
        guard found == digest else {
            throw ConstructorError("\(name): its archive has SHA-256 \(found), not what the image says")
        }
        return (size, split.finish())
    }

    /// 26 letters and digits from the id, where podman takes as many at random.
    private static func link(of id: String) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
        return String(
            decoding: SHA256.hash(Array(id.utf8)).bytes.prefix(26).map { alphabet[Int($0 & 31)] }, as: UTF8.self)
    }

    /// How a blob is compressed, by its first bytes, in the numbers of containers/storage.
    private static func compression(_ bytes: UnsafeRawBufferPointer) -> Int {
        if bytes.starts(with: [0x1F, 0x8B]) { return 2 }
        return bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) ? 4 : 0
    }

    private func record(
        _ id: String, _ parent: String?, _ blob: LockedImage.Blob, _ digest: Digest, size: Int, compression: Int,
        _ diff: FileTree
    ) -> JSONValue {
        func ids(_ id: (Node) -> UInt32) -> JSONValue {
            .array(Set(diff.paths.compactMap { diff[$0].map(id) }).sorted().map { .integer(Int($0)) })
        }
        var record: [String: JSONValue] = [
            "id": .string(id), "created": .string(time), "compressed-diff-digest": .string("sha256:\(blob.digest)"),
            "compressed-size": .integer(Int(blob.size)), "diff-digest": .string("sha256:\(digest)"),
            "diff-size": .integer(size), "compression": .integer(compression), "uidset": ids(\.uid),
            "gidset": ids(\.gid),
        ]
        record["parent"] = parent.map(JSONValue.string)
        return .object(record)
    }

    // MARK: - Registers

    private var time: String { Timestamp.text(epoch) }

    /// Writes the registers, once all images are there.
    private mutating func finish() {
        put(JSONValue.array(layerRecords).canonicalBytes, at: "overlay-layers/layers.json")
        put([], at: "overlay-layers/layers.lock")
        let images = imageRecords.sorted { bytesPrecede($0.key, $1.key) }
        put(JSONValue.array(images.map { json($0.key, $0.value) }).canonicalBytes, at: "overlay-images/images.json")
        put([], at: "overlay-images/images.lock")
        for (id, image) in images {
            for (name, bytes) in image.documents { put(bytes, at: "overlay-images/\(id)/\(Self.fileName(of: name))") }
        }
    }

    private func json(_ id: String, _ image: ImageRecord) -> JSONValue {
        let names = JSONValue.array(image.names.map(JSONValue.string))
        let documents = image.documents.keys.sorted(by: bytesPrecede)
        var record: [String: JSONValue] = [
            "id": .string(id), "digest": .string("sha256:\(image.manifest)"), "names": names, "names-history": names,
            "metadata": .string("{}"), "created": .string(time),
            "big-data-names": .array(documents.map(JSONValue.string)),
            "big-data-sizes": .object(image.documents.mapValues { .integer($0.count) }),
            "big-data-digests": .object(image.documents.mapValues { .string("sha256:\(SHA256.hash($0))") }),
        ]
        record["layer"] = image.layer.map(JSONValue.string)
        return .object(record)
    }

    /// The file of a document: names with more than lower-case letters, digits and dots are written in base64.
    private static func fileName(of name: String) -> String {
        name == "manifest" ? name : "=" + Base64.encode(Array(name.utf8))
    }

    // MARK: - Files

    private mutating func put(_ bytes: [UInt8], at path: String) {
        makeDirectory(parentDirectory(of: path))
        tree["\(Self.path)/\(path)"] = .file(bytes, modified: epoch)
    }

    /// Puts a whole tree at a path.
    private mutating func put(_ diff: FileTree, at path: String) {
        makeDirectory(parentDirectory(of: path))
        let top = "\(Self.path)/\(path)"
        for path in diff.paths {
            guard var node = diff[path] else { continue }
            if case .hardlink(let target) = node.kind { node.kind = .hardlink(to: top + target) }
            tree[path == "/" ? top : top + path] = node
        }
    }

    private mutating func makeDirectory(_ path: String) {
        var path = path == "." ? Self.path : "\(Self.path)/\(path)"
        while path != "/", tree[path] == nil {
            tree[path] = .directory(modified: epoch)
            path = parentDirectory(of: path)
        }
    }
}
