/// The names of one directory in FAT: long names as they are, and the 8.3 names that stand for them.
enum Fat32Names {
    /// The 11 bytes of an 8.3 name, and whether the long name must be written beside it.
    struct ShortName: Equatable {
        var bytes: [UInt8]
        var needsLongName: Bool
    }

    /// Gives every name of a directory its 8.3 name, in the same order.
    ///
    /// A name that is an 8.3 name already keeps it. The others get one made from their letters, with a numeric tail
    /// where it lost something or is taken, counted up in the order given.
    static func shortNames(for names: [String], in directory: String) throws(FilesystemError) -> [ShortName] {
        var seen: [String: String] = [:]
        var taken: Set<[UInt8]> = []
        for name in names {
            try check(name, path: FileTree.join(directory, name))
            // FAT keeps case but does not tell it apart.
            if let other = seen.updateValue(name, forKey: name.uppercased()) {
                throw .tree(
                    path: FileTree.join(directory, name),
                    problem: "FAT does not tell this name from \"\(other)\" beside it")
            }
            if let exact = exactShortName(name) { taken.insert(exact) }
        }
        var result: [ShortName] = []
        for name in names {
            if let exact = exactShortName(name) {
                result.append(ShortName(bytes: exact, needsLongName: false))
            } else {
                let made = madeShortName(name, taken: taken)
                taken.insert(made)
                result.append(ShortName(bytes: made, needsLongName: true))
            }
        }
        return result
    }

    private static func check(_ name: String, path: String) throws(FilesystemError) {
        if name.utf16.count > 255 { throw .tree(path: path, problem: "FAT names have at most 255 UTF-16 units") }
        let forbidden = "\"*/:<>?\\|\u{7F}".unicodeScalars
        if let bad = name.unicodeScalars.first(where: { $0.value < 0x20 || forbidden.contains($0) }) {
            throw .tree(path: path, problem: "FAT names cannot hold U+\(String(bad.value, radix: 16, uppercase: true))")
        }
        // Readers strip these, so the file would not be found under its name.
        if let last = name.unicodeScalars.last, last == "." || last == " " {
            throw .tree(path: path, problem: "FAT names cannot end in a dot or a space")
        }
    }

    /// Whether a byte may be in an 8.3 name as it is.
    private static func isShort(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'()-@^_`{}~".utf8.contains(byte)
        }
    }

    /// The 8.3 form of a name that is one: upper case, at most 8 and 3 bytes, no other character.
    private static func exactShortName(_ name: String) -> [UInt8]? {
        let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard let base = parts.first, (1...8).contains(base.count), parts.count <= 2, base.allSatisfy(isShort) else {
            return nil
        }
        let suffix = parts.count == 2 ? Array(parts[1]) : []
        guard suffix.count <= 3, suffix.allSatisfy(isShort), parts.count == 1 || !suffix.isEmpty else { return nil }
        return padded(Array(base), suffix)
    }

    private static func madeShortName(_ name: String, taken: Set<[UInt8]>) -> [UInt8] {
        let scalars = Array(name.unicodeScalars)
        let visible = scalars.drop { $0 == "." || $0 == " " }
        let dot = visible.lastIndex(of: ".") ?? visible.endIndex
        let base = shortened(visible[..<dot], limit: 8)
        let suffix = shortened(visible[dot...].dropFirst(), limit: 3)
        let stem = base.bytes.isEmpty ? [UInt8(ascii: "_")] : base.bytes
        let plain = padded(stem, suffix.bytes)
        if visible.count == scalars.count && !base.lost && !suffix.lost && !taken.contains(plain) { return plain }
        var number = 1
        while true {
            let tail = Array("~\(number)".utf8)
            let tailed = padded(Array(stem.prefix(8 - tail.count)) + tail, suffix.bytes)
            if !taken.contains(tailed) { return tailed }
            number += 1
        }
    }

    /// The letters of one part of a name as 8.3 has them, and whether any were lost.
    private static func shortened(_ part: ArraySlice<Unicode.Scalar>, limit: Int) -> (bytes: [UInt8], lost: Bool) {
        var bytes: [UInt8] = []
        var lost = false
        for scalar in part {
            let upper = scalar.properties.uppercaseMapping.utf8
            if scalar == "." || scalar == " " {
                lost = true
            } else if scalar.isASCII, let byte = upper.first, isShort(byte) {
                bytes.append(byte)
            } else {
                lost = true
                bytes.append(UInt8(ascii: "_"))
            }
        }
        return (Array(bytes.prefix(limit)), lost || bytes.count > limit)
    }

    private static func padded(_ base: [UInt8], _ suffix: [UInt8]) -> [UInt8] {
        let space = UInt8(ascii: " ")
        return base + [UInt8](repeating: space, count: 8 - base.count) + suffix
            + [UInt8](repeating: space, count: 3 - suffix.count)
    }

    /// The entries that carry a long name, to be written before the entry of its 8.3 name: 13 UTF-16 units in each, the
    /// last part first.
    static func longNameEntries(_ name: String, short: [UInt8]) -> [UInt8] {
        var units = Array(name.utf16)
        let parts = units.count.roundedUp(to: 13) / 13
        if units.count % 13 != 0 { units.append(0) }
        units += [UInt16](repeating: 0xFFFF, count: parts * 13 - units.count)
        // The sum ties a long name to its 8.3 name.
        let checksum = short.reduce(UInt8(0)) { sum, byte in (sum >> 1 | sum << 7) &+ byte }
        var entries: [UInt8] = []
        for part in (0..<parts).reversed() {
            let own = units[(part * 13)..<(part * 13 + 13)]
            entries.append(UInt8(part + 1) | (part == parts - 1 ? 0x40 : 0))
            for unit in own.prefix(5) { entries.append(littleEndian: unit) }
            entries += [0x0F, 0, checksum]
            for unit in own.dropFirst(5).prefix(6) { entries.append(littleEndian: unit) }
            entries += [0, 0]
            for unit in own.suffix(2) { entries.append(littleEndian: unit) }
        }
        return entries
    }
}
