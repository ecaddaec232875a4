internal import LinuxSystem

extension Fat32Reader {
    /// An entry whose chain is still to be followed.
    struct Item {
        var entry: Entry
        var cluster: Int
    }

    /// What a directory holds, in the order of its slots; `parent` is what its `..` must say.
    func items(of directory: Entry, cluster: Int, parent: Int) throws(FilesystemError) -> [Item] {
        var items: [Item] = []
        var long = LongName()
        var seen: Set<String> = []
        var number = 0
        slots: for extent in directory.extents {
            let data = try bytes(extent)
            for start in stride(from: 0, to: data.count, by: Self.slotSize) {
                let slot = Array(data[start..<start + Self.slotSize])
                let range = extent.lowerBound + start..<extent.lowerBound + start + Self.slotSize
                defer { number += 1 }
                func require(_ holds: Bool, _ problem: String) throws(FilesystemError) {
                    if !holds { throw broken(range, "\(directory.path): \(problem)") }
                }
                if slot[0] == 0 { break slots }
                if directory.path != "/", number < 2 {
                    try require(
                        Self.isDots(slot, number, [cluster, parent][number]), "its first names are not . and ..")
                    continue
                }
                if slot[0] == 0xE5 {
                    try require(long.isEmpty, "a long name without its file")
                } else if slot[11] & 0x3F == 0x0F {
                    try require(long.add(slot), "a broken long name")
                } else if slot[11] & 0x08 != 0 {
                    // The volume's name; nobody reads it from here.
                    try require(directory.path == "/" && long.isEmpty, "a volume's name out of place")
                } else {
                    let name = long.isEmpty ? Self.shortName(slot) : long.name(for: slot)
                    try require(name != nil, "a broken name")
                    let item = Self.item(slot, path: FileTree.join(directory.path, name ?? ""), range)
                    // FAT does not tell letters' case apart.
                    try require(seen.insert((name ?? "").uppercased()).inserted, "\(name ?? "") is there twice")
                    try require(item.entry.path.utf8.count <= 4095, "a path of more than 4095 bytes")
                    try require(!item.entry.isDirectory || slot[28...] == [0, 0, 0, 0], "a directory with a size")
                    items.append(item)
                    long = LongName()
                }
            }
        }
        if !long.isEmpty { throw broken(directory.extents[0], "\(directory.path): a long name without its file") }
        return items
    }

    private static func item(_ slot: [UInt8], path: String, _ range: Range<Int>) -> Item {
        let isDirectory = slot[11] & 0x10 != 0
        let size = Int(slot.load(UInt32.self, at: 28) ?? 0)
        return Item(
            entry: Entry(path: path, isDirectory: isDirectory, size: isDirectory ? 0 : size, extents: [], slot: range),
            cluster: cluster(slot))
    }

    private static func cluster(_ slot: [UInt8]) -> Int {
        Int(slot.load(UInt16.self, at: 20) ?? 0) << 16 | Int(slot.load(UInt16.self, at: 26) ?? 0)
    }

    /// Whether this is `.` or `..`, a directory at `cluster`.
    private static func isDots(_ slot: [UInt8], _ number: Int, _ cluster: Int) -> Bool {
        let name = [UInt8](repeating: UInt8(ascii: "."), count: number + 1)
        return slot[..<11] == (name + [UInt8](repeating: UInt8(ascii: " "), count: 10 - number))[...]
            && slot[11] & 0x10 != 0 && self.cluster(slot) == cluster
    }

    /// An 8.3 name; Windows NT's bits tell which part of it is in lower case. nil for one that is none, or whose letters
    /// depend on a code page.
    private static func shortName(_ slot: [UInt8]) -> String? {
        func part(_ bytes: ArraySlice<UInt8>, isLower: Bool) -> String? {
            let length = bytes.lastIndex { $0 != UInt8(ascii: " ") }.map { $0 + 1 - bytes.startIndex } ?? 0
            let text = bytes.prefix(length)
            let isPlain = text.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: "!#$%&'()-@^_`{}~".utf8.contains(byte)
                }
            }
            if !isPlain { return nil }
            let name = String(decoding: text, as: UTF8.self)
            return isLower ? name.lowercased() : name
        }
        guard let base = part(slot[..<8], isLower: slot[12] & 0x08 != 0), !base.isEmpty,
            let suffix = part(slot[8..<11], isLower: slot[12] & 0x10 != 0)
        else { return nil }
        return suffix.isEmpty ? base : "\(base).\(suffix)"
    }

    /// A long name, collected from the slots before its 8.3 name: the last part comes first.
    private struct LongName {
        private var units: [UInt16] = []
        private var checksum: UInt8 = 0
        /// The number of the part that must come next; 0 once all are there.
        private var missing = 0
        private(set) var isEmpty = true

        /// Takes a part; false for one that does not fit.
        mutating func add(_ slot: [UInt8]) -> Bool {
            let number = Int(slot[0] & 0x3F)
            if slot[0] & 0x40 != 0 {
                guard isEmpty, (1...20).contains(number) else { return false }
                (isEmpty, missing, checksum) = (false, number, slot[13])
            }
            guard !isEmpty, number == missing, number > 0, slot[0] & 0x80 == 0, slot[13] == checksum, slot[12] == 0,
                slot[26] == 0, slot[27] == 0
            else { return false }
            missing -= 1
            let own = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30].compactMap { slot.load(UInt16.self, at: $0) }
            units = own + units
            return true
        }

        /// The name, if it is whole and belongs to this 8.3 name.
        func name(for slot: [UInt8]) -> String? {
            let sum = slot[..<11].reduce(UInt8(0)) { sum, byte in (sum >> 1 | sum << 7) &+ byte }
            guard missing == 0, sum == checksum else { return nil }
            let text = units.prefix { $0 != 0 }
            // Behind the name come one zero and then ones, and no part is nothing else.
            guard units.dropFirst(text.count + 1).allSatisfy({ $0 == 0xFFFF }), !text.isEmpty, text.count <= 255,
                units.count - text.count < 13, let name = String(validating: text, as: UTF16.self), name != ".",
                name != "..",
                !name.unicodeScalars.contains(where: {
                    $0.value < 0x20 || "\"*/:<>?\\|\u{7F}".unicodeScalars.contains($0)
                })
            else { return nil }
            return name
        }
    }
}
