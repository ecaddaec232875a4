public import LinuxSystem

/// An OCI image layout in a directory, made blob by blob: for tests that need an image without a network.
public struct ContainerImageLayout {
    /// A blob, as descriptors name it.
    public struct Blob {
        /// Its SHA-256.
        public let digest: Digest
        /// Its size in bytes.
        public let size: Int
        /// Its media type.
        public let type: String

        /// The members of a descriptor, without its braces.
        var members: String { #""mediaType":"\#(type)","digest":"sha256:\#(digest)","size":\#(size)"# }
    }

    /// The directory.
    public let path: String

    /// Makes an empty layout.
    public init(at path: String) throws {
        self.path = path
        try makeDirectories("\(path)/blobs/sha256")
        try write(Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8), to: "oci-layout")
        try list([])
    }

    private func write(_ bytes: [UInt8], to name: String) throws { try AtomicFile.write(bytes, to: "\(path)/\(name)") }

    /// The file of a blob.
    public func file(of digest: Digest) -> String { "\(path)/blobs/sha256/\(digest)" }

    /// Puts a blob in.
    @discardableResult
    public func put(_ bytes: [UInt8], type: String) throws -> Blob {
        let digest = SHA256.hash(bytes)
        try AtomicFile.write(bytes, to: file(of: digest))
        return Blob(digest: digest, size: bytes.count, type: type)
    }

    /// Puts an image in and returns its manifest. Layers are gzip's; `config` is what the image runs, as JSON.
    public func addImage(
        layers: [TarArchive], architecture: String = "amd64", config: String = #"{"Cmd":["/bin/true"]}"#
    ) throws -> Blob {
        let blobs = try layers.map { layer in
            try put(try gzip(layer.bytes), type: "application/vnd.oci.image.layer.v1.tar+gzip")
        }
        let digests = layers.map { #""sha256:\#(SHA256.hash($0.bytes))""# }.joined(separator: ",")
        let document = try put(
            Array(
                (#"{"architecture":"\#(architecture)","os":"linux","created":"2001-02-03T04:05:06Z","config":\#(config),"#
                    + #""rootfs":{"type":"layers","diff_ids":[\#(digests)]}}"#).utf8),
            type: "application/vnd.oci.image.config.v1+json")
        let type = "application/vnd.oci.image.manifest.v1+json"
        return try put(
            Array(
                (#"{"schemaVersion":2,"mediaType":"\#(type)","config":{\#(document.members)},"#
                    + #""layers":[\#(blobs.map { "{\($0.members)}" }.joined(separator: ","))]}"#).utf8), type: type)
    }

    /// Puts an index of manifests for machines such as `linux/amd64` in.
    public func addIndex(_ manifests: [(platform: String, manifest: Blob)]) throws -> Blob {
        let type = "application/vnd.oci.image.index.v1+json"
        let entries = manifests.map { platform, manifest in
            let parts = platform.split(separator: "/")
            return #"{\#(manifest.members),"platform":{"os":"\#(parts[0])","architecture":"\#(parts[1])"}}"#
        }
        return try put(
            Array(#"{"schemaVersion":2,"mediaType":"\#(type)","manifests":[\#(entries.joined(separator: ","))]}"#.utf8),
            type: type)
    }

    /// Says what the layout offers, each by a name or none.
    public func list(_ entries: [(blob: Blob, name: String?)]) throws {
        let descriptors = entries.map { blob, name in
            let annotations = name.map { #","annotations":{"org.opencontainers.image.ref.name":"\#($0)"}"# } ?? ""
            return "{\(blob.members)\(annotations)}"
        }
        try write(
            Array(#"{"schemaVersion":2,"manifests":[\#(descriptors.joined(separator: ","))]}"#.utf8), to: "index.json")
    }

    private func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
        let result = try runTool(["gzip", "-n"], ["PATH": "/usr/bin:/bin"], bytes)
        guard result.status == 0 else { throw ToolFailure(message: "gzip failed") }
        return result.output
    }
}
