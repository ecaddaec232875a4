import Glibc
import LinuxSystem
import PiscesTesting

/// A registry of container images on this machine (docker-registry), without TLS, that ends with its owner.
struct ContainerRegistry: ~Copyable {
    private var server: RunningCommand
    /// `localhost:PORT`.
    let name: String
    /// Where it keeps blobs.
    let directory: String

    init(in directory: String) throws {
        try makeDirectories(directory)
        let configuration = """
            version: 0.1
            storage: { filesystem: { rootdirectory: \(directory) }, maintenance: { uploadpurging: { enabled: false } } }
            http: { addr: "127.0.0.1:0" }
            """
        try AtomicFile.write(Array(configuration.utf8), to: "\(directory)/config.yml")
        var command = Command("docker-registry", ["serve", "\(directory)/config.yml"], package: "docker-registry")
        command.output = .file("\(directory)/log")
        command.errorOutput = .file("\(directory)/errors")
        let server = try command.start()
        var port = ""
        for _ in 0..<600 where port.isEmpty {
            usleep(50_000)
            for log in ["log", "errors"] {
                let text = String(decoding: try Descriptor.open("\(directory)/\(log)").readToEnd(), as: UTF8.self)
                guard let place = text.firstRange(of: "listening on 127.0.0.1:") else { continue }
                port = String(text[place.upperBound...].prefix { $0.isNumber })
            }
        }
        guard !port.isEmpty else { throw ToolFailure(message: "docker-registry says no port: see \(directory)/log") }
        name = "localhost:\(port)"
        self.directory = directory
        self.server = server
    }

    /// Takes over what a layout offers, as it is.
    func push(_ layout: ContainerImageLayout, as repository: String) throws {
        try run(
            "skopeo", "copy", "--all", "--quiet", "--preserve-digests", "--dest-tls-verify=false", "--insecure-policy",
            "oci:\(layout.path)", "docker://\(name)/\(repository)")
    }

    /// The file of a blob.
    func file(of digest: Digest) -> String {
        "\(directory)/docker/registry/v2/blobs/sha256/\(digest.hex.prefix(2))/\(digest)/data"
    }

    /// Ends it.
    mutating func stop() throws {
        try server.send(SIGKILL)
        _ = try server.wait()
    }
}
