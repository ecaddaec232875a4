import BlueprintModel
import Debian
import Filesystems
import LinuxSystem
import PiscesTesting
import Testing

@testable import Constructor

@Suite struct OCIImageTests: ~Copyable {
    private let scratch: TemporaryDirectory
    private var path: String { "\(scratch.path)/image" }

    init() throws { scratch = try TemporaryDirectory() }

    private func write(_ change: (inout FileTree) -> Void = { _ in }, arm64: Bool = false) throws -> Digest {
        var blueprint = Blueprint(name: "box")
        if arm64 { blueprint.distribution.architecture = .arm64 }
        let lock = Lock(
            blueprintName: "box", blueprint: SHA256.hash([]), architecture: "amd64", epoch: 1_700_000_000,
            tools: ["pisces": "1"])
        var tree = FileTree()
        tree["/etc"] = .directory(modified: 1)
        tree["/etc/motd"] = .file("Welcome\n", modified: 2)
        change(&tree)
        try makeDirectories(path)
        return try OCIImage(blueprint: blueprint, lock: lock)
            .write(tree, source: try Descriptor.directory("/"), to: try Descriptor.directory(path))
    }

    private func document(_ name: String) throws -> JSONValue {
        try JSONValue(parsing: try Descriptor.open("\(path)/\(name)").readToEnd(), file: name)
    }

    /// The blob that a descriptor points to.
    private func blob(_ descriptor: JSONValue?) throws -> [UInt8] {
        let digest = try #require(descriptor?["digest"]?.string)
        let bytes = try Descriptor.open("\(path)/blobs/\(digest.replacing(":", with: "/"))").readToEnd()
        #expect(digest == "sha256:\(SHA256.hash(bytes))")
        #expect(descriptor?["size"]?.integer == bytes.count)
        return bytes
    }

    @Test func everyDescriptorPointsToItsBlob() throws {
        let digest = try write()
        let entry = try document("index.json")["manifests"]?.array?.first
        #expect(entry?["digest"]?.string == "sha256:\(digest)")
        #expect(entry?["platform"]?.canonical == #"{"architecture":"amd64","os":"linux"}"#)
        let manifest = try JSONValue(parsing: try blob(entry), file: "manifest")
        let config = try JSONValue(parsing: try blob(manifest["config"]), file: "config")
        let layer = try blob(manifest["layers"]?.array?.first)
        #expect(config["rootfs"]?["diff_ids"] == .array([.string("sha256:\(SHA256.hash(layer))")]))
        #expect(config["created"]?.string == "2023-11-14T22:13:20Z")
        #expect(config["config"]?["Cmd"] == .array([.string("/bin/bash")]))
        #expect(try document("oci-layout").canonical == #"{"imageLayoutVersion":"1.0.0"}"#)
        let blobs = try Descriptor.directory("\(path)/blobs/sha256").entries()
        #expect(blobs.count == 3)
    }

    /// The digest changes only together with Pisces' version.
    @Test func imageIsTheSameBitsOnEveryHost() throws {
        let digest = try write().hex
        #expect(digest == "845e2347b86f714ebdf6fe04a1911fcf8d0e32ebd385dfdb7e72cd63b0ebf649")
    }

    @Test func variantOfArmIsNamed() throws {
        _ = try write(arm64: true)
        let platform = try document("index.json")["manifests"]?.array?.first?["platform"]
        #expect(platform?.canonical == #"{"architecture":"arm64","os":"linux","variant":"v8"}"#)
    }

    @Test func toolsOfOCIReadIt() throws {
        let digest = try write()
        try run("skopeo", "copy", "oci:\(path):box", "dir:\(scratch.path)/copy")
        let seen = try run("skopeo", "inspect", "oci:\(path)")
        #expect(seen.contains("sha256:\(digest)"))
        #expect(seen.contains(#""Created": "2023-11-14T22:13:20Z""#))
    }

    @Test(arguments: ["/etc/.wh.motd", "/.wh..wh..opq"]) func nameThatMeansARemovedFileIsRefused(_ name: String) {
        #expect { try write { $0[name] = .file("") } } throws: { "\($0)".contains("\(name): ") }
    }
}
