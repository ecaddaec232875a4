/// The headers of a 64-bit PE file, as EFI programs are (Microsoft's "PE Format" specification): every field that is
/// used here was checked against the file's length.
struct PortableExecutable {
    struct Section {
        var name: String
        var virtualSize: Int
        var virtualAddress: Int
        var rawSize: Int
        var rawOffset: Int

        /// Where it ends in memory.
        var virtualEnd: Int { virtualAddress + (virtualSize == 0 ? rawSize : virtualSize) }
    }

    /// File offset of the COFF header.
    let coffOffset: Int
    /// File offset of the optional header.
    let optionalOffset: Int
    /// File offset of the section table.
    let tableOffset: Int
    let sectionAlignment: Int
    let fileAlignment: Int
    let headersSize: Int
    let imageSize: Int
    /// Where the header says that the certificate table is, and the file offset at which it says so; nothing of it is
    /// checked. Nil if the headers have no place for it.
    let certificateTable: (field: Int, offset: Int, size: Int)?
    let sections: [Section]

    static let sectionHeaderSize = 40

    var isSigned: Bool { certificateTable.map { $0.size != 0 } ?? false }

    init(_ bytes: [UInt8]) throws(BootArtefactError) {
        guard bytes.starts(with: Array("MZ".utf8)) else {
            throw Self.error("this is no PE file: it does not start with MZ")
        }
        let signature = Int(try bytes.u32(at: 0x3C))
        guard try bytes.u32(at: signature) == 0x4550 else {
            throw Self.error("this is no PE file: no PE signature at byte \(signature)")
        }
        coffOffset = signature + 4
        optionalOffset = coffOffset + 20
        let count = Int(try bytes.u16(at: coffOffset + 2))
        let optionalSize = Int(try bytes.u16(at: coffOffset + 16))
        guard try bytes.u16(at: optionalOffset) == 0x20B, optionalSize >= 112 else {
            throw Self.error("only 64-bit PE files (PE32+) are supported")
        }
        tableOffset = optionalOffset + optionalSize
        sectionAlignment = Int(try bytes.u32(at: optionalOffset + 32))
        fileAlignment = Int(try bytes.u32(at: optionalOffset + 36))
        guard Self.isAlignment(fileAlignment), Self.isAlignment(sectionAlignment) else {
            throw Self.error("the alignments \(sectionAlignment) and \(fileAlignment) are no powers of two up to 2 MiB")
        }
        imageSize = Int(try bytes.u32(at: optionalOffset + 56))
        headersSize = Int(try bytes.u32(at: optionalOffset + 60))
        let directories = try bytes.u32(at: optionalOffset + 108)
        let field = optionalOffset + 144
        certificateTable =
            directories > 4 && optionalSize >= 152
            ? (field, Int(try bytes.u32(at: field)), Int(try bytes.u32(at: field + 4))) : nil
        var sections: [Section] = []
        for index in 0..<count {
            sections.append(try Self.section(bytes, at: tableOffset + index * Self.sectionHeaderSize))
        }
        self.sections = sections
        guard headersSize >= tableOffset + count * Self.sectionHeaderSize, headersSize <= bytes.count else {
            throw Self.error("\(headersSize) bytes of headers do not hold the table of \(count) sections")
        }
    }

    private static func section(_ bytes: [UInt8], at offset: Int) throws(BootArtefactError) -> Section {
        let section = Section(
            name: String(decoding: try bytes.slice(at: offset, count: 8).prefix { $0 != 0 }, as: UTF8.self),
            virtualSize: Int(try bytes.u32(at: offset + 8)),
            virtualAddress: Int(try bytes.u32(at: offset + 12)),
            rawSize: Int(try bytes.u32(at: offset + 16)),
            rawOffset: Int(try bytes.u32(at: offset + 20)))
        guard section.rawSize == 0 || section.rawOffset + section.rawSize <= bytes.count else {
            throw error(
                "section \(section.name) ends at byte \(section.rawOffset + section.rawSize), beyond the file's "
                    + "\(bytes.count)")
        }
        return section
    }

    private static func isAlignment(_ value: Int) -> Bool { value > 0 && value <= 1 << 21 && value & (value - 1) == 0 }

    static func error(_ message: String) -> BootArtefactError { BootArtefactError("unified kernel image", message) }

    /// The checksum of a file whose own checksum field is 0: its 16-bit words added with carry, plus its length (the
    /// algorithm of IMAGHELP's CheckSumMappedFile).
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        // Larger words, folded at the end, have the same sum.
        var sum: UInt64 = 0
        bytes.withUnsafeBytes { buffer in
            let whole = buffer.count & ~7
            var offset = 0
            while offset < whole {
                let word = UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                sum &+= (word & 0xFFFF_FFFF) &+ (word >> 32)
                offset += 8
            }
            for (index, byte) in buffer[whole...].enumerated() { sum &+= UInt64(byte) << (8 * UInt64(index & 1)) }
        }
        while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }
        return UInt32(sum) &+ UInt32(truncatingIfNeeded: bytes.count)
    }
}

/// Little-endian numbers of a PE file.
extension [UInt8] {
    fileprivate func slice(at offset: Int, count: Int) throws(BootArtefactError) -> ArraySlice<UInt8> {
        guard offset >= 0, count <= self.count, offset <= self.count - count else {
            throw PortableExecutable.error("the file of \(self.count) bytes ends inside its headers (byte \(offset))")
        }
        return self[offset..<offset + count]
    }

    func u16(at offset: Int) throws(BootArtefactError) -> UInt16 {
        try slice(at: offset, count: 2).reversed().reduce(0) { $0 << 8 | UInt16($1) }
    }

    func u32(at offset: Int) throws(BootArtefactError) -> UInt32 {
        try slice(at: offset, count: 4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
