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
    public init?(_ fileName: String) { return nil }

    /// The file name.
    public var description: String { "" }

    /// What the boot loader calls it in `LoaderEntrySelected`: the file name without the counter.
    public var identifier: String { LoaderEntryName(generation: generation).description }
}

/// A boot entry (Boot Loader Specification, type 1) that starts a unified kernel image.
///
/// It has no `options`: they would replace the command line inside the image.
public struct LoaderEntry: Sendable, Hashable {
    /// The generation: a higher one is booted first.
    public var generation: UInt64
    /// What the menu shows, one line.
    public var title: String
    /// The digest that names the image: `/EFI/pisces/<digest>.efi`.
    public var image: Digest

    /// Makes an entry.
    public init(generation: UInt64, title: String, image: Digest) {
        self.generation = generation
        self.title = title
        self.image = image
    }

    /// Reads the text of an entry of ours.
    public init(parsing text: String) throws(BootArtefactError) { throw BootArtefactError("", "") }

    /// The file's text.
    public var text: String { "" }

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
