import Filesystems
import LinuxSystem
import Testing

@testable import Constructor

@Suite struct SecretScanTests {
    func scan(_ path: String, _ text: String) throws {
        let directory = try TemporaryDirectory()
        var tree = FileTree()
        tree[path] = .file(text)
        try SecretScan(root: try StagedRoot(path: directory.path)).run(tree)
    }

    @Test(arguments: ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
    func aPrivateKeyStopsTheBuildByName(kind: String) {
        // In two pieces, so that this file holds no key either.
        let key = "Key\n-----BEGIN \(kind)PRIVATE " + "KEY-----\nAAAA\n"
        let error = #expect(throws: ConstructorError.self) { try scan("/etc/ssl/private/snakeoil.key", key) }
        #expect(error?.message.contains("/etc/ssl/private/snakeoil.key") == true)
        #expect(error?.message.contains("AAAA") == false)
    }

    @Test func publicKeysAndOtherPlacesAreFine() throws {
        try scan("/etc/ssl/cert.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n")
        try scan("/etc/key.pub", "-----BEGIN PUBLIC " + "KEY-----\nAAAA\n")
    }
}
