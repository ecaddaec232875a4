/// What the EFI system partition of an image holds beside its kernel image and boot loader: known alike to who writes
/// it and to who verifies it.
public struct SystemPartition: Sendable, Equatable {
    /// Debian's name of the architecture.
    public var architecture: String
    /// The one boot entry. It is not counted: there is no older generation to fall back to.
    public var entry: LoaderEntry

    /// The volume's name.
    public static let label = "ESP"

    /// Names the parts.
    public init(architecture: String, entry: LoaderEntry) {
        self.architecture = architecture
        self.entry = entry
    }

    /// How UEFI abbreviates an architecture (UEFI specification §3.5.1.1), in lower case.
    public static func suffix(ofArchitecture architecture: String) -> String {
        switch architecture {
        case "amd64": "x64"
        case "arm64": "aa64"
        default: architecture
        }
    }

    /// The file name of the boot loader, as the package systemd-boot-efi ships it.
    public var loaderName: String { "systemd-boot\(Self.suffix(ofArchitecture: architecture)).efi" }

    /// Where the boot loader is: where firmware looks on a disk it does not know, and where systemd does.
    public var loaderPaths: [String] {
        let suffix = Self.suffix(ofArchitecture: architecture).uppercased()
        return ["/EFI/BOOT/BOOT\(suffix).EFI", "/EFI/systemd/\(loaderName)"]
    }

    /// Where the kernel image is.
    public var kernelImagePath: String { LoaderEntry.imagePath(entry.image) }

    /// Where the entry of a generation is.
    public static func entryPath(_ generation: UInt64) -> String {
        "/loader/entries/\(LoaderEntryName(generation: generation))"
    }

    /// What the menu shows for a generation.
    public static func title(_ name: String, generation: UInt64) -> String { "\(name) (generation \(generation))" }

    /// The text files with their paths.
    public var texts: [(path: String, text: String)] {
        [
            ("/loader/loader.conf", LoaderConfiguration().text), ("/loader/entries.srel", "type1\n"),
            (Self.entryPath(entry.generation), entry.text),
        ]
    }
}
