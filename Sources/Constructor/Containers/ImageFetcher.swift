public import BlueprintModel
public import ContentStore
public import Debian
internal import Glibc
public import LinuxSystem

/// Finds out what container images are made of, and brings that into the store: from an OCI image layout by itself, from
/// a registry by skopeo(1), so that the caller's mirrors, certificates and logins count.
///
/// Nothing is taken on trust: every blob is what its SHA-256 says, beginning with the digest that the blueprint names.
public struct ImageFetcher: Sendable {
    let store: ObjectStore
    let architecture: String
    let isOffline: Bool
    let run: ToolRunner

    /// Makes a fetcher for images of one architecture, named as Debian does.
    public init(store: ObjectStore, architecture: String, isOffline: Bool, run: @escaping ToolRunner) {
        self.store = store
        self.architecture = architecture
        self.isOffline = isOffline
        self.run = run
    }

    /// Where an image is.
    enum Source {
        /// An OCI image layout in a directory.
        case layout(String)
        /// The registry of its name.
        case registry
    }

    private static let documentLimit = 8 << 20

    /// What an image is made of.
    ///
    /// - Parameters:
    ///   - reference: its name; without a digest it is what the layout has.
    ///   - layout: the directory of the layout that has it; nil: its registry has it.
    public func lock(_ reference: ImageReference, layout: String?) throws -> LockedImage {
        let source = layout.map(Source.layout) ?? .registry
        let top = try topDigest(reference, source)
        let document = try self.document(top, reference, source)
        var parsed = try ImageDocument(parsing: document, name: "\(reference)")
        var index: LockedImage.Blob?
        var manifest = LockedImage.Blob(digest: top, size: Int64(document.count))
        if case .index(let entries) = parsed {
            index = manifest
            manifest = try ImageDocument.choose(from: entries, architecture: architecture, name: "\(reference)")
            let bytes = try self.document(manifest.digest, reference, source)
            manifest.size = Int64(bytes.count)
            parsed = try ImageDocument(parsing: bytes, name: "\(reference)")
        }
        guard case .manifest(let config, let layers) = parsed else {
            throw ConstructorError("\(reference): an index within an index")
        }
        return LockedImage(
            reference: reference.description, index: index, manifest: manifest, config: config, layers: layers)
    }

    /// Puts every blob of a locked image into the store; what is there already is not asked for again.
    ///
    /// - Returns: how many bytes were not there.
    @discardableResult
    public func fetch(_ image: LockedImage, layout: String?) throws -> Int64 {
        let missing = image.blobs.filter { !store.contains($0.digest) }
        if missing.isEmpty { return 0 }
        guard let reference = ImageReference(image.reference) else {
            throw ConstructorError("the lock names an image \(image.reference), which is no name of one")
        }
        if let layout {
            for blob in missing { try take(blob, from: Self.path(of: blob.digest, in: layout), reference, layout) }
        } else {
            try fetchFromRegistry(image, reference, missing)
        }
        return missing.reduce(0) { $0 + $1.size }
    }

    // MARK: - Documents

    /// The digest to which the name leads.
    private func topDigest(_ reference: ImageReference, _ source: Source) throws -> Digest {
        if let digest = reference.digest.flatMap({ Digest(hex: $0) }) { return digest }
        guard case .layout(let directory) = source else { throw ConstructorError("\(reference) has no digest") }
        let path = "\(directory)/index.json"
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Descriptor.open(path).readToEnd(limit: Self.documentLimit)
        } catch {
            throw ConstructorError(
                "\(reference): there is no OCI image layout: \(error)",
                hint: error.isNotFound ? "make it first, or mend `layout` in the blueprint" : nil)
        }
        guard case .index(let all) = try ImageDocument(parsing: bytes, name: path) else {
            throw ConstructorError("\(path): no index")
        }
        let named = all.filter { $0.name == reference.tag && $0.name != nil }
        let found = named.isEmpty ? all : named
        guard found.count == 1, let only = found.first else {
            let digests = found.map { "sha256:\($0.blob.digest)" }.joined(separator: ", ")
            throw ConstructorError(
                "\(path): \(found.count) images may be meant: \(digests)",
                hint: "write the digest behind the image's name in the blueprint")
        }
        return only.blob.digest
    }

    /// A manifest or index, from the store if it is there; it is there afterwards.
    private func document(_ digest: Digest, _ reference: ImageReference, _ source: Source) throws -> [UInt8] {
        if let object = try store.open(digest) { return try object.readToEnd(limit: Self.documentLimit) }
        let bytes: [UInt8]
        switch source {
        case .layout(let directory):
            do throws(SystemError) {
                bytes = try Descriptor.open(Self.path(of: digest, in: directory)).readToEnd(limit: Self.documentLimit)
            } catch {
                throw ConstructorError("\(reference): \(directory) lacks sha256:\(digest): \(error)")
            }
        case .registry:
            bytes = try skopeo(
                ["inspect", "--raw", "--retry-times", "3"] + Self.transport(reference, "tls-verify"),
                [Self.address(reference, digest)], reference)
        }
        guard SHA256.hash(bytes) == digest else {
            throw ConstructorError(
                "\(reference): what arrived is another document: wanted SHA-256 \(digest), got \(SHA256.hash(bytes))")
        }
        try store.put(bytes)
        return bytes
    }

    // MARK: - Blobs

    /// Where a layout keeps a blob (OCI image specification, `image-layout.md`).
    private static func path(of digest: Digest, in layout: String) -> String { "\(layout)/blobs/sha256/\(digest)" }

    private func take(
        _ blob: LockedImage.Blob, from path: String, _ reference: ImageReference, _ place: String
    ) throws {
        do {
            let file = try Descriptor.open(path)
            let size = try file.status().size
            guard size == blob.size else {
                throw ConstructorError("\(reference): \(path) has \(size) bytes, the image says \(blob.size)")
            }
            try store.put(file: file, expecting: blob.digest)
        } catch let error as SystemError where error.isNotFound {
            throw ConstructorError(
                "\(reference): \(place) lacks sha256:\(blob.digest): it does not hold the image of the lock",
                hint: "`pisces lock --update` takes what it holds now")
        } catch let error as StoreError {
            throw ConstructorError("\(reference): \(error)")
        }
    }

    private func fetchFromRegistry(
        _ image: LockedImage, _ reference: ImageReference, _ missing: [LockedImage.Blob]
    ) throws {
        if isOffline {
            let items = missing.map {
                Fetcher.Item(name: "a part of \(reference)", digest: $0.digest, size: $0.size, uris: [])
            }
            throw FetchError.missing(items)
        }
        // skopeo's plainest form: each blob a file that is named by its digest, and the manifest as it came.
        let scratch = try TemporaryDirectory(in: "\(store.directory)/temporary")
        _ = try skopeo(
            ["copy", "--quiet", "--preserve-digests", "--retry-times", "3"]
                + Self.transport(reference, "src-tls-verify"),
            [Self.address(reference, image.manifest.digest), "dir:\(scratch.path)"], reference)
        for blob in missing {
            // The documents came before; a lock from elsewhere may lack them here.
            if blob == image.index || blob == image.manifest {
                _ = try document(blob.digest, reference, .registry)
            } else {
                try take(blob, from: "\(scratch.path)/\(blob.digest)", reference, reference.registry)
            }
        }
    }

    // MARK: - skopeo

    private static func address(_ reference: ImageReference, _ digest: Digest) -> String {
        "docker://\(reference.repository)@sha256:\(digest)"
    }

    /// Plain HTTP is good enough for a registry on this machine, and only for that.
    private static func transport(_ reference: ImageReference, _ option: String) -> [String] {
        let host = reference.registry.prefix { $0 != ":" }
        return host == "localhost" || host.hasPrefix("127.") ? ["--\(option)=false"] : []
    }

    private func skopeo(_ arguments: [String], _ places: [String], _ reference: ImageReference) throws -> [UInt8] {
        if isOffline {
            throw ConstructorError(
                "offline, and the content store lacks parts of \(reference)", hint: "run once without --offline")
        }
        var environment = networkEnvironment
        // Where it finds the caller's logins and settings.
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        let result: (status: Int32, output: [UInt8], errorOutput: [UInt8])
        do {
            result = try run(["skopeo"] + arguments + places, environment, nil)
        } catch {
            throw ConstructorError("\(reference): skopeo could not be started: \(error)", hint: "install skopeo")
        }
        guard result.status == 0 else {
            let said = String(decoding: result.errorOutput, as: UTF8.self).split(separator: "\n").suffix(3)
            throw ConstructorError(
                "\(reference): it could not be fetched: \(said.joined(separator: "; "))",
                hint: "check name, digest and network; `skopeo login \(reference.registry)` where it wants a login")
        }
        return result.output
    }
}
