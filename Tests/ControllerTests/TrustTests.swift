import Controller
import LinuxSystem
import PiscesTesting
import Testing

@Suite struct TrustTests: ~Copyable {
    let directory: TemporaryDirectory
    let manifest = Array("{\"manifest\": 1}\n".utf8)
    var operatorKeys: String { directory.path + "/etc" }
    var vendorKeys: String { directory.path + "/usr" }

    init() throws { directory = try TemporaryDirectory() }

    private func store() throws -> TrustStore { try TrustStore(directories: [operatorKeys, vendorKeys]) }

    /// A new key that the vendor trusts.
    private func vendorKey(_ name: String = "key") throws -> (key: Ed25519PrivateKey, id: KeyID) {
        let path = "\(directory.path)/\(name)"
        let id = try TrustStore.generate(path: path)
        let pem = try Descriptor.open("\(path).pem").readToEnd()
        #expect(try TrustStore.trust(pem: pem, file: path, in: vendorKeys) == id)
        return (try Ed25519PrivateKey.read(pem: try Descriptor.open(path).readToEnd(), file: path), id)
    }

    private func signed(_ key: Ed25519PrivateKey) throws -> [UInt8] {
        Array(try TrustStore.signature(of: manifest, by: key).utf8)
    }

    @Test func trustedSignatureIsTaken() throws {
        let (key, id) = try vendorKey()
        #expect(try store().signer(of: manifest, signatures: signed(key)) == id)
        // One of several is enough.
        let foreign = try Ed25519PrivateKey.generate()
        #expect(try store().signer(of: manifest, signatures: signed(foreign) + signed(key)) == id)
    }

    @Test func unsignedForeignAndForgedAreRefused() throws {
        let (key, id) = try vendorKey()
        let foreign = try Ed25519PrivateKey.generate()
        let forged = Array("\(id) \(try foreign.sign(manifest).hex)\n".utf8)
        var changed = manifest
        changed[3] ^= 1
        let cases: [([UInt8], [UInt8], String)] = [
            (manifest, [], "is not signed"), (manifest, Array("\n\n".utf8), "is not signed"),
            (manifest, try signed(foreign), "\(KeyID(foreign.publicKey))"), (manifest, forged, "is not what \(id)"),
            (changed, try signed(key), "is not what \(id)"),
            (manifest, Array("\(id) 00\n".utf8), "is not what \(id)"), (manifest, Array("\(id)\n".utf8), "no name"),
            (manifest, [0xFF, 0x20, 0x30], "no name"), (manifest, Array("\(id) zz\n".utf8), "no name"),
        ]
        for (message, signatures, reason) in cases {
            let error = #expect(throws: ControllerError.self) {
                try store().signer(of: message, signatures: signatures)
            }
            #expect(error?.kind == .trust)
            #expect(error?.message.contains(reason) == true, "\(error?.message ?? "") lacks \(reason)")
        }
    }

    @Test func operatorRevokesWhatTheVendorTrusts() throws {
        let (key, id) = try vendorKey()
        try TrustStore.revoke(id, in: operatorKeys)
        let error = #expect(throws: ControllerError.self) {
            try store().signer(of: manifest, signatures: signed(key))
        }
        #expect(error?.message.contains("\(id) (revoked)") == true)
        #expect(try TrustStore.trust(pem: key.publicKey.pem, file: "key", in: operatorKeys) == id)
        #expect(try store().signer(of: manifest, signatures: signed(key)) == id)
        try TrustStore.revoke(id, in: operatorKeys)
        try TrustStore.revoke(id, in: operatorKeys)
        #expect(try store().keys.isEmpty && store().revoked == [id])
    }

    @Test func severalSignOneAfterTheOther() throws {
        let (key, id) = try vendorKey()
        let other = try Ed25519PrivateKey.generate()
        let first = try TrustStore.signatures([], adding: other, to: manifest, file: "m.sig")
        let both = try TrustStore.signatures(first, adding: key, to: manifest, file: "m.sig")
        #expect(both == first + (try signed(key)))
        #expect(try store().signer(of: manifest, signatures: both) == id)
        // Signing again replaces: a key has one line, whatever it had signed before.
        let before = Array(try TrustStore.signature(of: [0], by: key).utf8)
        #expect(try TrustStore.signatures(before + first, adding: key, to: manifest, file: "m.sig") == both)
        for old in ["diary\n", "0123456789abcdef", "\u{FF}"] {
            let error = #expect(throws: ControllerError.self) {
                try TrustStore.signatures(Array(old.utf8), adding: key, to: manifest, file: "m.sig")
            }
            #expect(error?.description.contains("m.sig: it is there already and holds no signatures") == true)
        }
        let many = try (0..<500).map { _ in try signed(Ed25519PrivateKey.generate()) }.joined()
        let error = #expect(throws: ControllerError.self) {
            try TrustStore.signatures(Array(many), adding: key, to: manifest, file: "m.sig")
        }
        #expect(error?.description.contains("of which machines read 65536") == true)
    }

    @Test func entriesTellWhichFileSaysWhat() throws {
        let (_, id) = try vendorKey()
        #expect(try store().entries == [.init(id: id, file: "\(vendorKeys)/\(id).pem", isTrusted: true)])
        try TrustStore.revoke(id, in: operatorKeys)
        let entries = try store().entries
        #expect(entries.map(\.file) == ["\(operatorKeys)/\(id).revoked", "\(vendorKeys)/\(id).pem"])
        #expect(entries.allSatisfy { $0.id == id && !$0.isTrusted })
    }

    @Test func whatIsNoKeyTrustsNobody() throws {
        let (key, id) = try vendorKey()
        try makeDirectories(operatorKeys)
        try AtomicFile.write([], to: operatorKeys + "/empty.pem")
        try AtomicFile.write(key.pem, to: operatorKeys + "/secret.pem")
        try AtomicFile.write(key.publicKey.pem, to: operatorKeys + "/key.txt")
        try run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", directory.path + "/ec")
        try run("openssl", "pkey", "-in", directory.path + "/ec", "-pubout", "-out", operatorKeys + "/ec.pem")
        try AtomicFile.write([], to: operatorKeys + "/short.revoked")
        let store = try store()
        #expect(Set(store.keys.keys) == [id] && store.revoked == [] && store.ignored.count == 3)
        #expect(store.ignored.contains { $0.contains("ec.pem") && $0.contains("no Ed25519 key") })
        #expect(throws: ControllerError.self) { try TrustStore.trust(pem: [], file: "x", in: operatorKeys) }
        try AtomicFile.write([], to: directory.path + "/file")
        #expect(throws: ControllerError.self) { try TrustStore(directories: [directory.path + "/file"]) }
        #expect(try TrustStore(directories: [directory.path + "/none"]).keys.isEmpty)
    }

    @Test func secretIsItsOwnersAloneAndNeverOverwritten() throws {
        let (key, _) = try vendorKey()
        let path = directory.path + "/key"
        #expect(try Descriptor.open(path).status().mode & 0o777 == 0o600)
        #expect(throws: ControllerError.self) { try TrustStore.generate(path: path) }
        #expect(try Descriptor.open(path).readToEnd() == key.pem)
    }

    @Test func opensslMakesTheSameSignatureAndVerifiesOurs() throws {
        let (key, _) = try vendorKey()
        let path = directory.path
        try AtomicFile.write(manifest, to: path + "/m")
        try run(
            "openssl", "pkeyutl", "-sign", "-inkey", path + "/key", "-rawin", "-in", path + "/m", "-out", path + "/s")
        #expect(try Descriptor.open(path + "/s").readToEnd() == key.sign(manifest))
        try run(
            "openssl", "pkeyutl", "-verify", "-pubin", "-inkey", path + "/key.pem", "-rawin", "-in", path + "/m",
            "-sigfile", path + "/s")
        // RFC 8032 §7.1, test 2.
        let known = try #require(
            Ed25519PublicKey([UInt8](hex: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c") ?? []))
        let signature = try #require(
            [UInt8](
                hex: "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                    + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"))
        #expect(known.isSigner(of: [0x72], signature: signature) && !known.isSigner(of: [0x73], signature: signature))
    }
}
