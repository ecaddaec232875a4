/// Writes a cpio archive in the `newc` format (kernel: Documentation/driver-api/early-userspace/buffer-format.rst).
///
/// The same calls give the same bytes: inode numbers count up, times are 0, owner is root. Parents come before what is in
/// them, as the kernel needs it. Paths are relative: `usr/bin/busybox`.
public struct CpioArchive: Sendable {
    /// Starts an empty archive.
    public init() {}
    /// Adds a directory.
    public mutating func addDirectory(_ path: String, mode: UInt32 = 0o755) throws(BootArtefactError) {}
    /// Adds a regular file.
    public mutating func addFile(_ path: String, _ content: [UInt8], mode: UInt32 = 0o644) throws(BootArtefactError) {}
    /// Adds a symbolic link.
    public mutating func addSymlink(_ path: String, target: String) throws(BootArtefactError) {}
    /// Adds a character device, such as `dev/console` (5, 1) and `dev/null` (1, 3).
    public mutating func addCharacterDevice(
        _ path: String, major: UInt32, minor: UInt32, mode: UInt32 = 0o600
    ) throws(BootArtefactError) {}
    /// The archive with its trailer, padded to 512 bytes.
    public consuming func finish() -> [UInt8] { [] }
}
