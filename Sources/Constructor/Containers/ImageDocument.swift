import BlueprintModel
import Debian
import LinuxSystem

/// A document by which an image is found: a manifest, or an index of manifests for several machines (OCI image
/// specification, `manifest.md` and `image-index.md`; the forms of Docker's registry say the same in the same words).
enum ImageDocument: Equatable {
    /// What an image is made of.
    case manifest(config: LockedImage.Blob, layers: [LockedImage.Blob])
    /// Manifests, each with its machine.
    case index([Entry])

    /// A manifest in an index or layout.
    struct Entry: Equatable {
        var blob: LockedImage.Blob
        /// `linux/amd64`, with a variant behind a further slash; nil where the index does not say.
        var platform: String?
        /// The annotation by which a layout names it.
        var name: String?
    }

    /// Reads a document; `name` is what errors call it.
    init(parsing bytes: [UInt8], name: String) throws {
        let json = try Self.json(bytes, name: name)
        if let entries = json["manifests"]?.array {
            self = .index(try entries.map { try Entry($0, name: name) })
        } else if let config = json["config"], let layers = json["layers"]?.array {
            for layer in layers where layer["mediaType"]?.string?.contains("tar") == false {
                throw ConstructorError("\(name): a layer is no tar archive but \(layer["mediaType"]?.string ?? "")")
            }
            self = .manifest(
                config: try LockedImage.Blob(descriptor: config, name: name),
                layers: try layers.map { try LockedImage.Blob(descriptor: $0, name: name) })
        } else {
            throw ConstructorError(
                "\(name): neither the manifest of an image nor an index of some",
                hint: "images in the oldest format of registries cannot be used: push the image anew")
        }
    }

    static func json(_ bytes: [UInt8], name: String) throws -> JSONValue {
        do {
            return try JSONValue(parsing: bytes, file: name)
        } catch {
            throw ConstructorError("\(error)")
        }
    }

    /// The one manifest of an index that is for a machine.
    static func choose(from entries: [Entry], architecture: String, name: String) throws -> LockedImage.Blob {
        let platform = "linux/\(architecture)"
        // A variant asks for more of the machine than its architecture.
        let fitting =
            entries.first { $0.platform == platform } ?? entries.first { $0.platform == "\(platform)/v8" }
            ?? (entries.count == 1 && entries[0].platform == nil ? entries[0] : nil)
        guard let fitting else {
            let offered = entries.map { $0.platform ?? "unknown" }.joined(separator: ", ")
            throw ConstructorError("\(name): there is no image for \(platform); there are \(offered)")
        }
        return fitting.blob
    }
}

extension ImageDocument.Entry {
    init(_ descriptor: JSONValue, name: String) throws {
        blob = try LockedImage.Blob(descriptor: descriptor, name: name)
        if let platform = descriptor["platform"] {
            self.platform = ["os", "architecture", "variant"].compactMap { platform[$0]?.string }
                .filter { !$0.isEmpty }.joined(separator: "/")
        }
        self.name = descriptor["annotations"]?["org.opencontainers.image.ref.name"]?.string
    }
}

extension LockedImage.Blob {
    /// What a descriptor (OCI image specification, `descriptor.md`) says of digest and size.
    init(descriptor: JSONValue, name: String) throws {
        guard let text = descriptor["digest"]?.string, text.hasPrefix("sha256:"),
            let digest = Digest(hex: text.dropFirst("sha256:".utf8.count)),
            let size = descriptor["size"]?.integer, size >= 0
        else { throw ConstructorError("\(name): a part of the image without size or SHA-256") }
        self.init(digest: digest, size: Int64(size))
    }
}

/// What an image's configuration says of how it is put together.
struct ImageConfig: Equatable {
    /// The machine, in the words of Go, which for ours are Debian's.
    var architecture: String
    /// The digests of the layers' plain tar archives, lowest first.
    var layers: [Digest]

    /// Reads a configuration; `name` is what errors call it.
    init(parsing bytes: [UInt8], name: String) throws {
        let json = try ImageDocument.json(bytes, name: name)
        guard let architecture = json["architecture"]?.string, let os = json["os"]?.string,
            let digests = json["rootfs"]?["diff_ids"]?.array
        else { throw ConstructorError("\(name): no configuration of an image") }
        guard os == "linux" else { throw ConstructorError("\(name): the image is for \(os)") }
        self.architecture = architecture
        layers = try digests.map { value in
            guard let text = value.string, text.hasPrefix("sha256:"),
                let digest = Digest(hex: text.dropFirst("sha256:".utf8.count))
            else { throw ConstructorError("\(name): a layer without SHA-256") }
            return digest
        }
    }
}
