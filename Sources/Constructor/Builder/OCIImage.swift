import BlueprintModel
import Debian
import Filesystems
internal import Glibc
import LinuxSystem

/// Writes a tree as an OCI image in the image layout (github.com/opencontainers/image-spec, image-layout.md).
///
/// One layer, not compressed: a compressor's output changes with its version, and a registry compresses on its own.
struct OCIImage {
    let blueprint: Blueprint
    let lock: Lock

    private static let media = "application/vnd.oci.image"

    /// Fills an empty directory; returns the digest of the image's manifest, by which registries know it.
    func write(_ tree: FileTree, source: borrowing Descriptor, to directory: borrowing Descriptor) throws -> Digest {
        for path in tree.paths where baseName(of: path).utf8.starts(with: ".wh.".utf8) {
            throw ConstructorError(
                "\(path): in a layer of an OCI image such a name means a removed file", hint: "rename it")
        }
        for path in ["blobs", "blobs/sha256"] {
            try directory.makeDirectory(path, existing: false)
            try directory.setMode(0o755, of: path)
        }
        let layer = try writeLayer(tree, source: source, to: directory)
        let config = try writeBlob(config(layer: layer.digest), type: "config", to: directory)
        let manifest = try writeBlob(manifest(config: config, layer: layer.json), type: "manifest", to: directory)
        try directory.makeFile("index.json").writeAll(index(manifest: manifest).canonicalBytes)
        let version = JSONValue.object(["imageLayoutVersion": .string("1.0.0")])
        try directory.makeFile("oci-layout").writeAll(version.canonicalBytes)
        try directory.setMode(0o755)
        return manifest.digest
    }

    // MARK: - Blobs

    /// A blob as others point to it (descriptor.md).
    private struct Blob {
        var type: String
        var digest: Digest
        var size: Int

        var json: JSONValue { .object(members) }
        var members: [String: JSONValue] {
            [
                "mediaType": .string("\(OCIImage.media).\(type)"), "digest": .string("sha256:\(digest)"),
                "size": .integer(size),
            ]
        }
    }

    private func writeLayer(
        _ tree: FileTree, source: borrowing Descriptor, to directory: borrowing Descriptor
    ) throws -> Blob {
        let file = try directory.makeFile("blobs/layer")
        var hash = SHA256()
        var size = 0
        try TarWriter.write(tree, source: source) { bytes in
            hash.update(bytes)
            try file.writeAll(bytes)
            size += bytes.count
        }
        let blob = Blob(type: "layer.v1.tar", digest: hash.finish(), size: size)
        try directory.rename("blobs/layer", to: "blobs/sha256/\(blob.digest)")
        return blob
    }

    private func writeBlob(
        _ value: JSONValue, type: String, to directory: borrowing Descriptor
    ) throws(SystemError) -> Blob {
        let bytes = value.canonicalBytes
        let blob = Blob(type: "\(type).v1+json", digest: SHA256.hash(bytes), size: bytes.count)
        try directory.makeFile("blobs/sha256/\(blob.digest)").writeAll(bytes)
        return blob
    }

    // MARK: - Documents

    private var platform: [String: JSONValue] {
        let architecture = blueprint.distribution.architecture
        var platform: [String: JSONValue] = ["architecture": .string(architecture.rawValue), "os": .string("linux")]
        if architecture == .arm64 { platform["variant"] = .string("v8") }
        return platform
    }

    private var created: JSONValue { .string(Timestamp.text(lock.epoch)) }

    /// What runs, and of which layers the root consists (config.md).
    private func config(layer: Digest) -> JSONValue {
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        let own: [String: JSONValue] = [
            "created": created,
            "config": .object(["Env": .array([.string(path)]), "Cmd": .array([.string("/bin/bash")])]),
            "rootfs": .object([
                "type": .string("layers"), "diff_ids": .array([.string("sha256:\(layer)")]),
            ]),
            "history": .array([
                .object(["created": created, "created_by": .string("pisces construct \(blueprint.name)")])
            ]),
        ]
        return .object(own.merging(platform) { $1 })
    }

    /// What the image consists of (manifest.md), and what it is, by the annotations' own names (annotations.md).
    private func manifest(config: Blob, layer: JSONValue) -> JSONValue {
        .object([
            "schemaVersion": .integer(2), "mediaType": .string("\(Self.media).manifest.v1+json"),
            "config": config.json, "layers": .array([layer]),
            "annotations": .object([
                "org.opencontainers.image.created": created,
                "org.opencontainers.image.title": .string(blueprint.name),
                // What it was made from: the digest of the lock, as the generation manifest has it.
                "org.opencontainers.image.revision": .string(SHA256.hash(Array(lock.text.utf8)).hex),
            ]),
        ])
    }

    /// The layout's entry (image-index.md); tools name the image as its annotation says.
    private func index(manifest: Blob) -> JSONValue {
        var entry = manifest.members
        entry["platform"] = .object(platform)
        entry["annotations"] = .object(["org.opencontainers.image.ref.name": .string(blueprint.name)])
        return .object([
            "schemaVersion": .integer(2), "mediaType": .string("\(Self.media).index.v1+json"),
            "manifests": .array([.object(entry)]),
        ])
    }
}
