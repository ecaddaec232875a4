import BootArtefacts
import Controller
import Disk
import LinuxSystem
import PiscesTesting

/// A generation of some bytes as a constructor publishes it, with a key that has signed it.
struct SampleGeneration {
    var members: [String: String] = [:]
    let rootHash: Digest
    let root: [UInt8]
    let hashTree: [UInt8]
    let kernelImage: [UInt8]
    let key: Ed25519PrivateKey
    var filesystem = "erofs"

    init(name: String = "node", release: Int = 7, rootBytes: Int = 1_000_000, commandLine: String? = nil) throws {
        var generator = SeededGenerator(state: UInt64(release))
        rootHash = SHA256.hash(generator.bytes(4))
        root = generator.bytes(rootBytes)
        hashTree = generator.bytes(20_000)
        let commandLine = commandLine ?? "roothash=\(rootHash) ro quiet"
        kernelImage = try UnifiedKernelImage.assemble(
            stub: emptyProgram, sections: [(".cmdline", Array(commandLine.utf8)), (".linux", generator.bytes(500_000))])
        key = try Ed25519PrivateKey.generate()
        members = [
            "manifest": "1", "generation": "1", "name": "\"\(name)\"", "architecture": "\"amd64\"", "epoch": "1",
            "release": "\(release)", "root-hash": "\"\(rootHash)\"", "command-line": "\"\(commandLine)\"",
            "data-schema": "{\"version\":3,\"floor\":2}", "partitions": "[]",
            "disk": "{\"uuid\":\"\(GUID.halves(of: rootHash).data)\",\"size\":1}",
        ]
    }

    /// What messages call it in tests that look at one.
    var trusting: TrustStore {
        get throws {
            let directory = try TemporaryDirectory()
            _ = try TrustStore.trust(pem: key.publicKey.pem, file: "key", in: directory.path)
            return try TrustStore(directories: [directory.path])
        }
    }

    var manifest: [UInt8] {
        let artefacts = [("root", root), ("verity", hashTree), ("uki", kernelImage)].map { name, bytes in
            let kind = name == "root" ? ",\"filesystem\":\"\(filesystem)\"" : ""
            return "{\"name\":\"\(name)\",\"size\":\(bytes.count),\"sha256\":\"\(SHA256.hash(bytes))\"\(kind)}"
        }
        var all = members
        if all["artefacts"] == nil { all["artefacts"] = "[\(artefacts.joined(separator: ","))]" }
        return Array("{\(all.map { "\"\($0)\":\($1)" }.sorted().joined(separator: ","))}".utf8)
    }

    var signatures: [UInt8] { get throws { Array(try TrustStore.signature(of: manifest, by: key).utf8) } }

    /// The files of a split directory, in the order of an archive.
    var files: [(name: String, bytes: [UInt8])] {
        get throws {
            let names = SplitName(name: "node", release: 7, rootHash: rootHash, filesystem: filesystem)
            return [
                ("manifest.json", manifest), ("manifest.json.sig", try signatures), (names.kernelImage, kernelImage),
                (names.root, root), (names.hashTree, hashTree),
            ]
        }
    }

    func write(to directory: String) throws {
        try makeDirectories(directory)
        for (name, bytes) in try files { try AtomicFile.write(bytes, to: "\(directory)/\(name)") }
    }

    var archive: [UInt8] {
        get throws {
            TarArchive(try files.map { TarArchive.Member(name: $0.name, type: "0", data: $0.bytes) }).bytes
        }
    }

    /// Where what should be refused is not.
    var admission: Admission {
        get throws {
            Admission(trust: try trusting, architecture: "amd64", rootBytes: 1 << 20, hashTreeBytes: 1 << 20)
        }
    }

    func upgrade(from source: UpgradeSource) throws -> Upgrade {
        try source.upgrade(
            try admission.accept(manifest: source.manifest, signatures: source.signatures, name: "manifest"))
    }

    func bytes(of artefact: Artefact) -> [UInt8] {
        switch artefact {
        case .root: root
        case .hashTree: hashTree
        case .kernelImage: kernelImage
        }
    }
}

/// All of an artefact from an offset on, read as the controller reads it.
func readAll(_ upgrade: Upgrade, _ artefact: Artefact, from offset: Int = 0, pieces: Int = 64 << 10) throws -> [UInt8] {
    let contents = [
        Artefact.root: upgrade.root, .hashTree: upgrade.hashTree, .kernelImage: upgrade.kernelImage,
    ]
    let end = contents[artefact]?.sizeBytes ?? 0
    var bytes: [UInt8] = []
    while offset + bytes.count < end {
        let part = try upgrade.read(artefact, offset + bytes.count, min(pieces, end - offset - bytes.count))
        if part.isEmpty { return bytes }
        bytes += part
    }
    return bytes
}

/// What an error says; empty where none is thrown.
func words(_ body: () throws -> some Any) -> String {
    do {
        _ = try body()
        return ""
    } catch { return "\(error)" }
}
