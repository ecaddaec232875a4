/// A unified kernel image: systemd's EFI stub with kernel, initrd and command line as sections of the PE file
/// (UAPI specification "Unified Kernel Image").
public enum UnifiedKernelImage {
    /// A section of a PE file.
    public typealias Section = (name: String, content: [UInt8])

    /// Appends sections to a stub, in the given order; the bits depend on the arguments alone.
    /// - Throws: ``BootArtefactError`` if the stub is no PE file, a name is impossible or taken, or nothing fits.
    public static func assemble(stub: [UInt8], sections: [Section]) throws(BootArtefactError) -> [UInt8] { [] }

    /// All sections of a PE file, in the order of its section table.
    /// - Throws: ``BootArtefactError`` if it is no PE file or ends early.
    public static func sections(of image: [UInt8]) throws(BootArtefactError) -> [Section] { [] }
}
