/// A unified kernel image: systemd's EFI stub with kernel, initrd and command line as sections of the PE file
/// (UAPI Group specification "Unified Kernel Image").
public enum UnifiedKernelImage {
    /// A section of a PE file.
    public typealias Section = (name: String, content: [UInt8])

    /// Appends sections to a stub, in the given order; the bits depend on the arguments alone.
    ///
    /// Each section starts on a page of its own behind the last one. The time stamp becomes 0, the checksum is right.
    /// Symbols that a linker left behind the stub's sections are dropped: what is in no section could not be signed.
    /// Needs about twice the memory of the result.
    /// - Throws: ``BootArtefactError`` if the stub is no unsigned 64-bit PE file, a name is impossible or taken, a
    ///   section is empty, or the result would be larger than 2 GiB.
    public static func assemble(stub: [UInt8], sections: [Section]) throws(BootArtefactError) -> [UInt8] {
        let executable = try PortableExecutable(stub)
        guard !executable.isSigned else {
            throw PortableExecutable.error(
                "the stub is signed, and sections would break the signature: take an unsigned one")
        }
        try check(sections, taken: executable.sections.map(\.name))
        let headersSize = try roomyHeadersSize(executable, adding: sections.count)
        let shift = headersSize - executable.headersSize
        var image: [UInt8] = []
        // With the padding, of at most a page each.
        image.reserveCapacity(sections.reduce(stub.count + shift) { $0 + $1.content.count + 2 * 4096 })
        image += stub[..<executable.headersSize]
        image.append(contentsOf: [UInt8](repeating: 0, count: shift))
        image.append(contentsOf: stub[executable.headersSize..<contentEnd(of: executable)])
        if shift > 0 { shiftRawOffsets(of: executable, in: &image, by: shift) }

        let alignment = max(executable.sectionAlignment, 4096)
        var address =
            executable.sections.map(\.virtualEnd).max() ?? headersSize
        guard address <= Int(Int32.max) else {
            throw PortableExecutable.error("the stub's sections reach to byte \(address)")
        }
        var header = executable.tableOffset + executable.sections.count * PortableExecutable.sectionHeaderSize
        var added = 0
        for (name, content) in sections {
            address = aligned(address, to: alignment)
            image.append(
                contentsOf: [UInt8](
                    repeating: 0, count: aligned(image.count, to: executable.fileAlignment) - image.count))
            let rawSize = aligned(content.count, to: executable.fileAlignment)
            guard address + rawSize <= Int(Int32.max), image.count + rawSize <= Int(Int32.max) else {
                throw PortableExecutable.error("with section \(name) of \(content.count) bytes it is larger than 2 GiB")
            }
            // A kernel is code: old ones are run where they are loaded.
            let characteristics: UInt32 = name == ".linux" ? 0x6000_0020 : 0x4000_0040
            var row = Array(name.utf8) + [UInt8](repeating: 0, count: 8 - name.utf8.count)
            for value in [content.count, address, rawSize, image.count, 0, 0, 0] { row += bytes(UInt32(value)) }
            row += bytes(characteristics)
            image.replaceSubrange(header..<header + row.count, with: row)
            image.append(contentsOf: content)
            image.append(contentsOf: [UInt8](repeating: 0, count: rawSize - content.count))
            header += row.count
            address += content.count
            added += rawSize
        }
        try seal(&image, executable, count: sections.count, headersSize: headersSize, end: address, added: added)
        return image
    }

    /// All sections of a PE file, in the order of its section table, without the padding behind their content.
    /// - Throws: ``BootArtefactError`` if it is no 64-bit PE file or ends early.
    public static func sections(of image: [UInt8]) throws(BootArtefactError) -> [Section] {
        try PortableExecutable(image).sections.map { section in
            let count = section.virtualSize == 0 ? section.rawSize : min(section.virtualSize, section.rawSize)
            return (section.name, count == 0 ? [] : Array(image[section.rawOffset..<section.rawOffset + count]))
        }
    }
}

// MARK: - Parts

extension UnifiedKernelImage {
    private static func check(_ sections: [Section], taken: [String]) throws(BootArtefactError) {
        var names = Set(taken)
        for (name, content) in sections {
            guard (1...8).contains(name.utf8.count), name.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
                !name.hasPrefix("/")
            else { throw PortableExecutable.error("\"\(name)\" is no section name of 1 to 8 ASCII characters") }
            guard names.insert(name).inserted else {
                throw PortableExecutable.error(
                    "there would be two sections \(name): the stub or the list has it already")
            }
            guard !content.isEmpty else { throw PortableExecutable.error("section \(name) is empty: leave it out") }
        }
    }

    /// How large the headers become so that the table holds `count` more sections: as they are, if there is room.
    private static func roomyHeadersSize(
        _ executable: PortableExecutable, adding count: Int
    ) throws(BootArtefactError) -> Int {
        let total = executable.sections.count + count
        // The limit of the PE specification.
        guard total <= 96 else {
            throw PortableExecutable.error("\(total) sections are more than the 96 a PE file may have")
        }
        let needed = executable.tableOffset + total * PortableExecutable.sectionHeaderSize
        let firstRaw = executable.sections.filter { $0.rawSize > 0 }.map(\.rawOffset).min() ?? executable.headersSize
        guard firstRaw >= executable.headersSize else {
            throw PortableExecutable.error("a section of the stub lies inside its headers")
        }
        if needed <= executable.headersSize { return executable.headersSize }
        let size = executable.headersSize + aligned(needed - executable.headersSize, to: executable.fileAlignment)
        let firstAddress = executable.sections.map(\.virtualAddress).min() ?? .max
        guard size <= firstAddress else {
            throw PortableExecutable.error(
                "the headers need \(size) bytes for \(total) sections, but the first section is at \(firstAddress)"
            )
        }
        return size
    }

    /// Where the content of the last section ends in the file.
    private static func contentEnd(of executable: PortableExecutable) -> Int {
        executable.sections.filter { $0.rawSize > 0 }.map { $0.rawOffset + $0.rawSize }.max() ?? executable.headersSize
    }

    /// The content of the sections has moved.
    private static func shiftRawOffsets(of executable: PortableExecutable, in image: inout [UInt8], by shift: Int) {
        for (index, section) in executable.sections.enumerated() where section.rawSize > 0 {
            let field = executable.tableOffset + index * PortableExecutable.sectionHeaderSize + 20
            image.replaceSubrange(field..<field + 4, with: bytes(UInt32(section.rawOffset + shift)))
        }
    }

    /// Brings the header's sums up to date.
    private static func seal(
        _ image: inout [UInt8], _ executable: PortableExecutable, count: Int, headersSize: Int, end: Int, added: Int
    ) throws(BootArtefactError) {
        let optional = executable.optionalOffset
        let total = UInt16(executable.sections.count + count)
        let data = try image.u32(at: optional + 8)
        let imageSize = max(executable.imageSize, aligned(end, to: executable.sectionAlignment))
        let fields: [(Int, [UInt8])] = [
            (executable.coffOffset + 2, [UInt8(truncatingIfNeeded: total), UInt8(truncatingIfNeeded: total >> 8)]),
            // No time, no symbols.
            (executable.coffOffset + 4, [UInt8](repeating: 0, count: 12)),
            (optional + 8, bytes(data &+ UInt32(added))),
            (optional + 56, bytes(UInt32(imageSize))),
            (optional + 60, bytes(UInt32(headersSize))),
            (optional + 64, bytes(0)),
        ]
        for (offset, value) in fields { image.replaceSubrange(offset..<offset + value.count, with: value) }
        image.replaceSubrange(optional + 64..<optional + 68, with: bytes(PortableExecutable.checksum(image)))
    }

    private static func aligned(_ value: Int, to alignment: Int) -> Int { (value + alignment - 1) & ~(alignment - 1) }

    private static func bytes(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}
