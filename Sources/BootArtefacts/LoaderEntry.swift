public import LinuxSystem

/// The tries of a boot entry (systemd.io/AUTOMATIC_BOOT_ASSESSMENT): how many are left, how many were used.
public struct BootTries: Sendable, Hashable {
    /// Tries left; 0 is a bad entry.
    public var left: Int
    /// Tries done.
    public var done: Int

    /// Makes a counter; none is negative.
    public init(left: Int, done: Int = 0) {
        precondition(left >= 0 && done >= 0, "tries are counted from 0")
        self.left = left
        self.done = done
    }
}

/// The file name of a boot entry of ours: `pisces-7.conf`, `pisces-7+3.conf`, `pisces-7+2-1.conf`.
public struct LoaderEntryName: Sendable, Hashable, CustomStringConvertible {
    /// The generation.
    public var generation: UInt64
    /// The counter; nil for an entry that is not counted: a good one.
    public var tries: BootTries?

    /// Makes a name.
    public init(generation: UInt64, tries: BootTries? = nil) {
        self.generation = generation
        self.tries = tries
    }

    /// Reads a file name; nil for one that is not ours.
    ///
    /// Counters may have leading zeros, as the boot loader accepts them; the generation may not.
    public init?(_ fileName: String) {
        guard fileName.hasPrefix("pisces-"), fileName.hasSuffix(".conf") else { return nil }
        let parts = fileName.dropFirst(7).dropLast(5).split(separator: "+", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let generation = UInt64(parts[0]), "\(generation)" == parts[0] else {
            return nil
        }
        self.generation = generation
        if parts.count == 1 { return }
        let counters = parts[1].split(separator: "-", omittingEmptySubsequences: false)
        guard (1...2).contains(counters.count), let left = Int(counters[0]),
            let done = counters.count == 2 ? Int(counters[1]) : 0
        else { return nil }
        tries = BootTries(left: left, done: done)
    }

    /// The file name.
    public var description: String {
        guard let tries else { return "pisces-\(generation).conf" }
        return "pisces-\(generation)+\(tries.left)\(tries.done > 0 ? "-\(tries.done)" : "").conf"
    }

    /// What the boot loader calls it in `LoaderEntrySelected`: the file name without the counter.
    public var identifier: String { LoaderEntryName(generation: generation).description }
}

/// A boot entry (Boot Loader Specification, type 1) that starts a unified kernel image.
///
/// It has no `options`: they would replace the command line inside the image.
public struct LoaderEntry: Sendable, Hashable {
    /// The generation: a higher one is booted first.
    public let generation: UInt64
    /// What the menu shows, one line.
    public let title: String
    /// The digest that names the image: `/EFI/pisces/<digest>.efi`.
    public let image: Digest

    /// Makes an entry.
    /// - Throws: ``BootArtefactError`` if the title is not one line of text with something in it.
    public init(generation: UInt64, title: String, image: Digest) throws(BootArtefactError) {
        let isLine = title.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) }
        guard !title.isEmpty, title.utf8.first != UInt8(ascii: " "), title.utf8.last != UInt8(ascii: " "), isLine else {
            throw BootArtefactError("boot entry", "the title \"\(title)\" is not one line of text")
        }
        self.generation = generation
        self.title = title
        self.image = image
    }

    /// Reads the text of an entry of ours; comments and empty lines are skipped.
    /// - Throws: ``BootArtefactError`` for a line that ``text`` does not write, or one that is missing or there twice.
    public init(parsing text: String) throws(BootArtefactError) {
        var values: [String: String] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(maxSplits: 1, whereSeparator: { $0 == " " || $0 == "\t" })
            guard parts.count == 2, Self.keys.contains(String(parts[0])) else {
                throw BootArtefactError("boot entry", "\"\(line)\" is no line of an entry of ours")
            }
            let value = parts[1].drop { $0 == " " || $0 == "\t" }
            guard values.updateValue(String(value), forKey: String(parts[0])) == nil else {
                throw BootArtefactError("boot entry", "\(parts[0]) is there twice")
            }
        }
        guard let title = values["title"], values["sort-key"] == "pisces" else {
            throw BootArtefactError("boot entry", "the title or 'sort-key pisces' is missing")
        }
        guard let version = values["version"], let generation = UInt64(version), "\(generation)" == version else {
            throw BootArtefactError("boot entry", "the version \"\(values["version"] ?? "")\" is no generation")
        }
        let path = values["linux"] ?? ""
        guard let image = Digest(hex: path.dropFirst(12).dropLast(4)), Self.imagePath(image) == path else {
            throw BootArtefactError("boot entry", "\"\(path)\" is no path of a unified kernel image of ours")
        }
        try self.init(generation: generation, title: title, image: image)
    }

    private static let keys: Set<String> = ["title", "sort-key", "version", "linux"]

    /// The file's text.
    public var text: String {
        "title \(title)\nversion \(generation)\nsort-key pisces\nlinux \(Self.imagePath(image))\n"
    }

    /// The image's path on the EFI system partition.
    public static func imagePath(_ image: Digest) -> String { "/EFI/pisces/\(image.hex).efi" }
}

/// `loader/loader.conf` of systemd-boot: only what was chosen on purpose, and never a default entry, which would
/// override counting.
public struct LoaderConfiguration: Sendable, Hashable {
    /// How long the menu is shown; 0 for not at all.
    public var timeoutSeconds: UInt32

    /// Makes a configuration.
    public init(timeoutSeconds: UInt32 = 0) { self.timeoutSeconds = timeoutSeconds }

    /// The file's text.
    public var text: String { "timeout \(timeoutSeconds)\neditor no\nauto-entries no\nauto-firmware no\n" }
}
