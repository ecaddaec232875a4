import BootArtefacts
import LinuxSystem
import PiscesTesting
import Testing

/// The boot loader of systemd, not signed: a program whose length is no multiple of 8 in some versions.
private let bootLoader: Result<[UInt8], any Error> = Result {
    try Descriptor.open("/usr/lib/systemd/boot/efi/systemd-bootx64.efi").readToEnd()
}

@Suite struct AuthenticodeTests: ~Copyable {
    private static let one = Result { try TestKey("one") }
    private static let other = Result { try TestKey("other") }
    private let scratch: TemporaryDirectory
    private let loader: [UInt8]
    private let test: TestKey
    private let key: SigningKey

    init() throws {
        let (loader, test) = (try bootLoader.get(), try Self.one.get())
        let key = try test.signingKey()
        scratch = try TemporaryDirectory()
        self.loader = loader
        self.test = test
        self.key = key
    }

    private func sign(_ image: [UInt8]) throws -> [UInt8] { try Authenticode.sign(image, named: "loader", with: key) }

    private func refusal(_ image: [UInt8]) -> String {
        do {
            _ = try Authenticode.sign(image, named: "loader", with: key)
            return "none"
        } catch { return "\(error)" }
    }

    /// What sbverify says of an image and a certificate.
    private func isAccepted(_ image: [UInt8], by key: TestKey) throws -> Bool {
        try AtomicFile.write(image, to: "\(scratch.path)/image")
        let result = try shell("sbverify --cert \(key.certificatePath) \(scratch.path)/image")
        return result.status == 0 && result.output.contains("Signature verification OK")
    }

    private func offset(_ bytes: [UInt8]) -> Int { Int(bytes[0x3C]) | Int(bytes[0x3D]) << 8 }

    private func number(_ bytes: [UInt8], at offset: Int) -> Int {
        (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }

    /// The place and size of the certificate table.
    private func table(_ bytes: [UInt8]) -> (offset: Int, size: Int) {
        let field = offset(bytes) + 24 + 144
        return (number(bytes, at: field), number(bytes, at: field + 4))
    }

    /// An image with the 32-bit number at an offset replaced.
    private func changed(_ image: [UInt8], at offset: Int, to value: Int) -> [UInt8] {
        var image = image
        image.replaceSubrange(offset..<offset + 4, with: (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
        return image
    }

    @Test func signedProgramIsAcceptedForItsCertificateAlone() throws {
        let signed = try sign(loader)
        #expect(try isAccepted(signed, by: test))
        #expect(try !isAccepted(signed, by: Self.other.get()))
        #expect(try !isAccepted(loader, by: test))
    }

    @Test func oneChangedByteIsNoLongerAccepted() throws {
        let signed = try sign(loader)
        let sections = try #require(UnifiedKernelImage.sections(of: loader).first?.content.count)
        let start = number(loader, at: offset(loader) + 24 + 60)
        // A header, code, the end of the first section, the last byte before the signature, the signature itself.
        for place in [offset(signed) + 8, start, start + sections - 1, table(signed).offset - 1, signed.count - 40] {
            var forged = signed
            forged[place] ^= 1
            #expect(try !isAccepted(forged, by: test), "byte \(place)")
        }
    }

    @Test func kernelImageOfManySectionsIsAccepted() throws {
        let stub = try Descriptor.open("/usr/lib/systemd/boot/efi/linuxx64.efi.stub").readToEnd()
        let image = try UnifiedKernelImage.assemble(stub: stub, sections: UnifiedKernelImageTests.parts())
        let signed = try sign(image)
        #expect(try isAccepted(signed, by: test))
        let (before, after) = (try UnifiedKernelImage.sections(of: image), try UnifiedKernelImage.sections(of: signed))
        #expect(before.elementsEqual(after) { $0.name == $1.name && $0.content == $1.content })
    }

    @Test func digestIsTheOneThatOtherToolsCompute() throws {
        let digest = try Authenticode.digest(of: loader, named: "loader")
        try AtomicFile.write(try sign(loader), to: "\(scratch.path)/image")
        // The digest is in the signature, in the clear: DigestInfo of SHA-256.
        try run("sbattach", "--detach", "\(scratch.path)/signature", "\(scratch.path)/image")
        let info = try run("openssl", "asn1parse", "-inform", "DER", "-in", "\(scratch.path)/signature")
        #expect(info.contains("[HEX DUMP]:\(digest.hex.uppercased())"))
        let sbsign = "\(scratch.path)/sbsign"
        try AtomicFile.write(loader, to: "\(scratch.path)/loader")
        try run(
            "sbsign", "--key", test.keyPath, "--cert", test.certificatePath, "--output", sbsign,
            "\(scratch.path)/loader")
        try run("sbattach", "--detach", "\(scratch.path)/signature", sbsign)
        let theirs = try run("openssl", "asn1parse", "-inform", "DER", "-in", "\(scratch.path)/signature")
        #expect(theirs.contains("[HEX DUMP]:\(digest.hex.uppercased())"))
    }

    @Test func sameProgramAndKeyGiveTheSameBitsWhateverSignedItBefore() throws {
        let signed = try sign(loader)
        #expect(try sign(loader) == signed)
        #expect(try sign(signed) == signed)
        let other = try Self.other.get()
        #expect(try Authenticode.sign(signed, named: "loader", with: try other.signingKey()) != signed)
        let foreign = "\(scratch.path)/foreign"
        try AtomicFile.write(loader, to: "\(scratch.path)/loader")
        for path in ["\(scratch.path)/loader", foreign] {
            // The second time it has two signatures.
            try run("sbsign", "--key", other.keyPath, "--cert", other.certificatePath, "--output", foreign, path)
            #expect(try sign(try Descriptor.open(foreign).readToEnd()) == signed)
        }
    }

    @Test func tableIsAlignedAndTheChecksumIsRight() throws {
        for padding in 0..<9 {
            // Bytes behind the last section, as old linkers leave symbols there.
            let signed = try sign(loader + [UInt8](repeating: 7, count: padding))
            let (place, size) = table(signed)
            #expect(place.isMultiple(of: 8) && size.isMultiple(of: 8) && place + size == signed.count)
            let length = number(signed, at: place)
            #expect(length <= size && length + 7 >= size)
            #expect(Array(signed[place + 4..<place + 8]) == [0, 2, 2, 0])
            var sum = 0
            let field = offset(signed) + 24 + 64
            for (index, byte) in signed.enumerated() where !(field..<field + 4).contains(index) {
                sum += Int(byte) << (8 * (index & 1))
            }
            while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }
            #expect(number(signed, at: field) == sum + signed.count)
            #expect(try isAccepted(signed, by: test))
        }
    }

    @Test func signatureHoldsTheCertificateAndNoTime() throws {
        let signed = try sign(loader)
        let (place, size) = table(signed)
        try AtomicFile.write(Array(signed[(place + 8)..<(place + size)]), to: "\(scratch.path)/signature")
        let listing = try run("openssl", "asn1parse", "-inform", "DER", "-in", "\(scratch.path)/signature")
        #expect(!listing.contains("signingTime") && listing.contains("pkcs7-signedData"))
        let certificates = try run(
            "openssl", "pkcs7", "-inform", "DER", "-in", "\(scratch.path)/signature", "-print_certs")
        let own = String(decoding: try Descriptor.open(test.certificatePath).readToEnd(), as: UTF8.self)
        #expect(certificates.contains(own))
    }

    @Test func programWithBytesThatNoSignatureCoversIsRefused() throws {
        // The second section's place in the file.
        let row = offset(loader) + 24 + 240 + 40
        let place = number(loader, at: row + 20)
        #expect(refusal(changed(loader, at: row + 20, to: place + 512)).contains("not where the last one ends"))
        #expect(refusal(changed(loader, at: row + 20, to: place - 512)).contains("not where the last one ends"))
        let headers = offset(loader) + 24 + 60
        #expect(refusal(changed(loader, at: headers, to: number(loader, at: headers) - 8)).hasPrefix("loader: "))
    }

    @Test func certificateTableElsewhereThanAtTheEndIsRefused() throws {
        let signed = try sign(loader)
        let field = offset(signed) + 24 + 144
        let (place, size) = table(signed)
        #expect(refusal(signed + [0, 0, 0, 0, 0, 0, 0, 0]).contains("does not end the file"))
        #expect(refusal(changed(signed, at: field, to: place - 8)).contains("does not end the file"))
        #expect(refusal(changed(signed, at: field + 4, to: size + 8)).contains("does not end the file"))
        #expect(refusal(changed(signed, at: field + 4, to: 0xFFFF_FFFF)).contains("does not end the file"))
        // Inside the sections: all of them would be dropped as a signature.
        let inside = changed(changed(signed, at: field, to: 1024), at: field + 4, to: signed.count - 1024)
        #expect(refusal(inside).contains("does not end the file"))
        // No place in the headers.
        let directories = offset(signed) + 24 + 108
        #expect(refusal(changed(signed, at: directories, to: 4)).contains("no place for a signature"))
    }

    @Test func truncatedProgramIsRefused() {
        let end = number(loader, at: offset(loader) + 24 + 60)
        for length in Array(0..<end) + [end + 1, 40_000] {
            #expect(refusal(Array(loader[..<length])) != "none", "\(length) bytes")
        }
        #expect(refusal(Array("#!/bin/sh\n".utf8)) == "loader: this is no PE file: it does not start with MZ")
    }

    @Test func forgedHeadersNeverTrap() throws {
        var generator = SeededGenerator(state: 3)
        let signed = try sign(loader)
        let start = offset(loader)
        var refused = 0
        for _ in 0..<500 {
            var forged = signed
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: start..<start + 700, using: &generator)
                forged[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
            }
            if refusal(forged) != "none" { refused += 1 }
        }
        #expect(refused > 50)
    }
}
