internal import LinuxSystem

/// The variables of UEFI firmware in the flash of a virtual machine (EDK II, MdeModulePkg/Include/Guid/VariableFormat.h).
///
/// A firmware volume holds a variable store; the store holds one variable after another, and then erased flash.
enum FirmwareVariables {
    /// The volume with one certificate as platform key, key exchange key and signature database: the firmware starts
    /// only what that certificate's key has signed.
    /// - Throws: ``MachineError/option(_:)`` if the volume is none, has a platform key already or no room.
    static func enrolling(_ certificate: Certificate, in volume: [UInt8]) throws(MachineError) -> [UInt8] {
        let space = try erasedSpace(of: volume)
        let list = signatureList(of: certificate)
        // NON_VOLATILE, BOOTSERVICE_ACCESS, RUNTIME_ACCESS, TIME_BASED_AUTHENTICATED_WRITE_ACCESS.
        let authenticated: UInt32 = 0x27
        var content: [UInt8] = []
        for (name, vendor, attributes, value) in [
            ("PK", globalVariable, authenticated, list),
            ("KEK", globalVariable, authenticated, list),
            ("db", imageSecurityDatabase, authenticated, list),
            // EDK II's own switch: on.
            ("SecureBootEnable", secureBootEnable, 0x03, [1]),
        ] as [(String, [UInt8], UInt32, [UInt8])] {
            content += variable(name, vendor: vendor, attributes: attributes, value: value)
        }
        guard content.count <= space.count else {
            throw .option("a certificate of \(certificate.der.count) bytes has no room in the firmware's variables")
        }
        var result = volume
        result.replaceSubrange(space.prefix(content.count), with: content)
        return result
    }

    /// Where variables go in a volume that has none yet.
    private static func erasedSpace(of volume: [UInt8]) throws(MachineError) -> Range<Int> {
        // EFI_FIRMWARE_VOLUME_HEADER: its signature is at byte 40, its length at 48.
        guard volume.count >= 56, volume[40..<44].elementsEqual("_FVH".utf8) else {
            throw .option("the firmware's variables are no firmware volume: reinstall its package")
        }
        let start = Int(volume[48]) | Int(volume[49]) << 8
        // VARIABLE_STORE_HEADER: type, size, 0x5A for formatted, 0xFE for healthy.
        guard volume.count >= start + 28, volume[start..<start + 16].elementsEqual(authenticatedStore),
            volume[(start + 20)..<(start + 22)].elementsEqual([0x5A, 0xFE])
        else { throw .option("the firmware's variables are not in the format that Secure Boot needs") }
        let size = volume[(start + 16)..<(start + 20)].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard size >= 28, size <= volume.count - start else {
            throw .option("the firmware's variables end early: reinstall its package")
        }
        let space = (start + 28)..<(start + size)
        guard volume[space].allSatisfy({ $0 == 0xFF }) else {
            throw .option("the firmware has variables already: certificates are enrolled in a new machine only")
        }
        return space
    }

    /// An EFI_SIGNATURE_LIST (UEFI specification, "Signature Database") of one certificate.
    private static func signatureList(of certificate: Certificate) -> [UInt8] {
        let x509 = guid(0xA5C0_59A1, 0x94E4, 0x4AA7, [0x87, 0xB5, 0xAB, 0x15, 0x5C, 0x2B, 0xF0, 0x72])
        // The owner of a signature has no meaning to the firmware: the certificate's own digest.
        let signature = certificate.digest.bytes.prefix(16) + certificate.der
        var list = x509
        for number in [28 + signature.count, 0, signature.count] { list += littleEndian(UInt32(number)) }
        return list + signature
    }

    /// An AUTHENTICATED_VARIABLE_HEADER, name and value, up to the next multiple of 4.
    private static func variable(_ name: String, vendor: [UInt8], attributes: UInt32, value: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        for unit in name.utf16 { text += littleEndian(unit) }
        text += [0, 0]
        var bytes: [UInt8] = littleEndian(UInt16(0x55AA)) + [0x3F, 0] + littleEndian(attributes)
        bytes += littleEndian(UInt64(0))
        // 2000-01-01: whoever changes the keys later does so at a later time, as the firmware demands.
        bytes += littleEndian(UInt16(2000)) + [1, 1] + [UInt8](repeating: 0, count: 12)
        for number in [0, text.count, value.count] { bytes += littleEndian(UInt32(number)) }
        bytes += vendor + text + value
        return bytes + [UInt8](repeating: 0xFF, count: -bytes.count & 3)
    }

    private static func guid(_ first: UInt32, _ second: UInt16, _ third: UInt16, _ rest: [UInt8]) -> [UInt8] {
        littleEndian(first) + littleEndian(second) + littleEndian(third) + rest
    }

    private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    private static let globalVariable = guid(
        0x8BE4_DF61, 0x93CA, 0x11D2, [0xAA, 0x0D, 0x00, 0xE0, 0x98, 0x03, 0x2B, 0x8C])
    private static let imageSecurityDatabase = guid(
        0xD719_B2CB, 0x3D3A, 0x4596, [0xA3, 0xBC, 0xDA, 0xD0, 0x0E, 0x67, 0x65, 0x6F])
    private static let secureBootEnable = guid(
        0xF0A3_0BC7, 0xAF08, 0x4556, [0x99, 0xC4, 0x00, 0x10, 0x09, 0xC9, 0x3A, 0x44])
    private static let authenticatedStore = guid(
        0xAAF3_2C78, 0x947B, 0x439A, [0xA1, 0x80, 0x2E, 0x14, 0x4E, 0xC3, 0x77, 0x92])
}
