public import LinuxSystem

/// Signatures of EFI programs, as the firmware checks them where Secure Boot is on (Microsoft's "Windows Authenticode
/// Portable Executable Signature Format"; UEFI specification, "Image Execution Authentication").
///
/// A signature is PKCS #7 data behind the last section of the file. It covers all bytes but itself, the place in the
/// header that points to it, and the checksum.
public enum Authenticode {
    /// Signs an EFI program; signatures that it has already are dropped.
    ///
    /// No time is in the signature: the same program and key give the same bits.
    /// - Parameter name: what the program is called in messages.
    /// - Throws: ``BootArtefactError`` if it is no 64-bit PE file, or holds bytes that a signature would not cover.
    public static func sign(
        _ image: [UInt8], named name: String, with key: SigningKey
    ) throws(BootArtefactError) -> [UInt8] {
        let program = try UnsignedProgram(image, name)
        let signature: [UInt8]
        do throws(KeyError) {
            signature = try signedData(of: program.digest, by: key)
        } catch {
            throw BootArtefactError(name, "\(error)")
        }
        // WIN_CERTIFICATE: its length, revision 2.0, PKCS #7 signed data.
        var table = littleEndian(UInt32(signature.count + 8)) + [0x00, 0x02, 0x02, 0x00] + signature
        table += [UInt8](repeating: 0, count: paddingCount(table.count))
        guard program.bytes.count + table.count <= Int(Int32.max) else {
            throw BootArtefactError(name, "with its signature it is larger than 2 GiB")
        }
        var signed = program.bytes
        let place = littleEndian(UInt32(signed.count)) + littleEndian(UInt32(table.count))
        signed.replaceSubrange(program.tableField..<program.tableField + 8, with: place)
        signed += table
        let checksum = littleEndian(PortableExecutable.checksum(signed))
        signed.replaceSubrange(program.checksumField..<program.checksumField + 4, with: checksum)
        return signed
    }

    /// The digest that a signature of the program names, whether it is signed already or not.
    /// - Throws: as ``sign(_:named:with:)``.
    public static func digest(of image: [UInt8], named name: String) throws(BootArtefactError) -> Digest {
        try UnsignedProgram(image, name).digest
    }

    static func littleEndian(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    /// How many bytes there are to the next multiple of 8, where a certificate table begins and ends.
    fileprivate static func paddingCount(_ count: Int) -> Int { -count & 7 }
}

/// A program without signatures and with a checksum of 0, as long as it will be in front of a signature.
private struct UnsignedProgram {
    let bytes: [UInt8]
    /// File offset of the checksum.
    let checksumField: Int
    /// File offset of the entry that points to the certificate table.
    let tableField: Int

    init(_ image: [UInt8], _ name: String) throws(BootArtefactError) {
        let executable: PortableExecutable
        do throws(BootArtefactError) {
            executable = try PortableExecutable(image)
        } catch {
            throw BootArtefactError(name, error.message)
        }
        guard let table = executable.certificateTable else {
            throw BootArtefactError(name, "its headers have no place for a signature")
        }
        // A firmware hashes headers, sections and what follows them. Were there gaps or overlaps, it would not be clear
        // what it hashes, and something could be changed behind its back.
        var end = executable.headersSize
        for section in executable.sections.sorted(by: { $0.rawOffset < $1.rawOffset }) where section.rawSize > 0 {
            guard section.rawOffset == end else {
                throw BootArtefactError(
                    name,
                    "section \(section.name) begins at byte \(section.rawOffset), not where the last one ends, "
                        + "at \(end): a signature would not cover every byte")
            }
            end += section.rawSize
        }
        var bytes = image
        if table.size > 0 {
            // The table ends the file; what came behind it would be covered by no signature.
            guard table.offset >= end, table.offset & 7 == 0, table.offset + table.size == image.count else {
                throw BootArtefactError(
                    name,
                    "its certificate table of \(table.size) bytes at \(table.offset) does not end the file of "
                        + "\(image.count)")
            }
            bytes.removeSubrange(table.offset...)
        }
        checksumField = executable.optionalOffset + 64
        tableField = table.field
        bytes.replaceSubrange(checksumField..<checksumField + 4, with: [0, 0, 0, 0])
        bytes.replaceSubrange(tableField..<tableField + 8, with: [UInt8](repeating: 0, count: 8))
        self.bytes = bytes + [UInt8](repeating: 0, count: Authenticode.paddingCount(bytes.count))
    }

    var digest: Digest {
        var hash = SHA256()
        hash.update(bytes[..<checksumField])
        hash.update(bytes[(checksumField + 4)..<tableField])
        hash.update(bytes[(tableField + 8)...])
        return hash.finish()
    }
}

// MARK: - PKCS #7

extension Authenticode {
    private static let sha256 = DER.element(
        DER.sequence, DER.identifier(2, 16, 840, 1, 101, 3, 4, 2, 1), DER.null)
    private static let rsaEncryption = DER.element(
        DER.sequence, DER.identifier(1, 2, 840, 113549, 1, 1, 1), DER.null)
    private static let indirectData = DER.identifier(1, 3, 6, 1, 4, 1, 311, 2, 1, 4)

    /// The DER of a PKCS #7 SignedData (RFC 2315 §9) over the digest of a program.
    private static func signedData(of digest: Digest, by key: SigningKey) throws(KeyError) -> [UInt8] {
        // SpcPeImageData: no flags, and the file name that every signer writes, in UTF-16.
        let fileName = "<<<Obsolete>>>".utf16.flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
        let imageData = DER.element(
            DER.sequence, DER.element(DER.bitString, [0]),
            DER.element(DER.context(0), DER.element(DER.context(2), DER.element(0x80, fileName))))
        let content =
            DER.element(DER.sequence, DER.identifier(1, 3, 6, 1, 4, 1, 311, 2, 1, 15), imageData)
            + DER.element(DER.sequence, sha256, DER.element(DER.octetString, digest.bytes))
        // The message is the content without the tag and length around it.
        let attributes =
            attribute(DER.identifier(1, 2, 840, 113549, 1, 9, 3), indirectData)
            + attribute(
                DER.identifier(1, 2, 840, 113549, 1, 9, 4),
                DER.element(DER.octetString, SHA256.hash(content).bytes))
        let certificate = key.certificate
        let version = DER.element(DER.integer, [1])
        // What is signed has the tag of a set, what is stored another one in its place (RFC 2315 §9.3).
        let signer = DER.element(
            DER.sequence, version, DER.element(DER.sequence, certificate.issuer, certificate.serialNumber), sha256,
            DER.element(DER.context(0), attributes), rsaEncryption,
            DER.element(DER.octetString, try key.sign(DER.element(DER.set, attributes))))
        let signedData = DER.element(
            DER.sequence, version, DER.element(DER.set, sha256),
            DER.element(
                DER.sequence, indirectData, DER.element(DER.context(0), DER.element(DER.sequence, content))),
            DER.element(DER.context(0), certificate.der), DER.element(DER.set, signer))
        return DER.element(
            DER.sequence, DER.identifier(1, 2, 840, 113549, 1, 7, 2), DER.element(DER.context(0), signedData))
    }

    private static func attribute(_ type: [UInt8], _ value: [UInt8]) -> [UInt8] {
        DER.element(DER.sequence, type, DER.element(DER.set, value))
    }
}
