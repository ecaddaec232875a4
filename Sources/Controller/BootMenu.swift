internal import LinuxSystem

/// A boot entry as systemd-boot reads it from `/loader/entries` (Boot Loader Specification, type 1).
public struct MenuEntry: Sendable, Hashable {
    /// The file's name.
    public var fileName: String
    /// The name without counter.
    public var identifier: String
    /// Tries left and done; nil for an entry that is not counted.
    public var tries: (left: Int, done: Int)? {
        get { left.map { ($0, done) } }
        set { (left, done) = (newValue?.left, newValue?.done ?? 0) }
    }
    private var left: Int?
    private var done = 0
    /// The keys that decide the order, and what is booted.
    public var sortKey: String?
    /// See ``sortKey``.
    public var machineID: String?
    /// See ``sortKey``.
    public var version: String?
    /// The path of the kernel image, with `/` between its parts.
    public var linux: String
    /// The command line, if the entry has one: it replaces the one in the image.
    public var options: String?

    /// Reads a file; nil for one that the boot loader passes over: of another name, or without a `linux` (or `efi`).
    public init?(fileName: String, bytes: [UInt8]) {
        guard fileName.hasSuffix(".conf"), !fileName.hasPrefix("auto-"), fileName.utf8.count > 5 else { return nil }
        self.fileName = fileName
        let stem = fileName.dropLast(5)
        let (name, counter) = Self.counter(of: stem)
        identifier = name + ".conf"
        linux = ""
        tries = counter
        for line in bytes.split(whereSeparator: { $0 == 10 || $0 == 13 }) {
            let text = String(decoding: line, as: UTF8.self)
            let words = text.split(maxSplits: 1, whereSeparator: { $0 == " " || $0 == "\t" })
            guard words.count == 2, !words[0].hasPrefix("#") else { continue }
            var value = words[1].drop { $0 == " " || $0 == "\t" }
            while value.last == " " || value.last == "\t" { value.removeLast() }
            switch words[0] {
            case "sort-key": sortKey = String(value)
            case "machine-id": machineID = String(value)
            case "version": version = String(value)
            case "linux", "efi", "uki": linux = String(value)
            case "options": options = (options.map { $0 + " " } ?? "") + value
            default: break
            }
        }
        if linux.isEmpty { return nil }
    }

    /// Parts a name without suffix from `+LEFT` or `+LEFT-DONE` at its end, numbers below 2^31; all else is part of the
    /// name.
    private static func counter(of stem: Substring) -> (name: String, tries: (left: Int, done: Int)?) {
        guard let plus = stem.lastIndex(of: "+") else { return (String(stem), nil) }
        let counters = stem[stem.index(after: plus)...].split(separator: "-", omittingEmptySubsequences: false)
        let numbers = counters.map { digits in
            digits.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                ? Int32(digits).map { Int($0) } : nil
        }
        guard (1...2).contains(numbers.count), let left = numbers[0], let done = numbers.count == 2 ? numbers[1] : 0
        else { return (String(stem), nil) }
        return (String(stem[..<plus]), (left, done))
    }

    /// The file's name after the boot loader has taken a try; the same if it is not counted. One without tries left,
    /// which is booted where there is no other, is counted on as well.
    public var nameOnceTried: String {
        guard let tries else { return fileName }
        return "\(identifier.dropLast(5))+\(max(0, tries.left - 1))-\(min(tries.done + 1, Int(Int32.max))).conf"
    }
}

/// Which entry systemd-boot starts when nobody chooses one: the model that the controller and its tests go by.
///
/// Sources: Boot Loader Specification, "Sorting"; systemd.io/AUTOMATIC_BOOT_ASSESSMENT. It holds where no default
/// entry is set, neither in `loader.conf` nor in an EFI variable: such a one is booted whatever its counter says.
public enum BootMenu {
    /// The entries in their order: the first is booted.
    public static func sorted(_ entries: [MenuEntry]) -> [MenuEntry] { entries.sorted { order($0, $1) < 0 } }

    /// What the boot loader compares (systemd 257): it makes names lower case, but then takes those of counted entries
    /// from their files anew.
    private static func name(_ entry: MenuEntry) -> String {
        entry.tries == nil ? entry.identifier.lowercased() : entry.identifier
    }

    /// Negative if `left` comes before `right`.
    private static func order(_ left: MenuEntry, _ right: MenuEntry) -> Int {
        // No tries left: behind all others.
        let isBad = (left.tries?.left == 0, right.tries?.left == 0)
        if isBad.0 != isBad.1 { return isBad.0 ? 1 : -1 }
        if (left.sortKey == nil) != (right.sortKey == nil) { return left.sortKey == nil ? 1 : -1 }
        if left.sortKey != nil {
            for texts in [(left.sortKey, right.sortKey), (left.machineID, right.machineID)] where texts.0 != texts.1 {
                return bytesPrecede(texts.0 ?? "", texts.1 ?? "") ? -1 : 1
            }
            let versions = VersionOrder.compare(right.version ?? "", left.version ?? "")
            if versions != 0 { return versions }
        }
        let identifiers = VersionOrder.compare(name(right), name(left))
        guard identifiers == 0, let ours = left.tries, let theirs = right.tries else { return identifiers }
        return ours.left == theirs.left ? ours.done - theirs.done : theirs.left - ours.left
    }
}
