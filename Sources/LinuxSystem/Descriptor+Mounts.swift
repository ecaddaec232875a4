internal import CLinux

extension Descriptor {
    /// Opens the root of a device's file system without a mount point: nobody else sees the mount, and it goes with the
    /// last descriptor of a file in it, also when the process is killed.
    ///
    /// - Parameters:
    ///   - type: as in `/proc/filesystems`.
    ///   - flags: mount options without a value.
    public static func filesystem(
        _ type: String, on device: String, flags: [String] = [], isReadOnly: Bool
    ) throws(SystemError) -> Descriptor {
        // Separated by zero bytes, an empty one last.
        let options = Array(flags.map { $0.utf8 + [0] }.joined()) + [0]
        let result = try call("fsopen", device) {
            options.withUnsafeBytes { bytes in
                clinux_open_filesystem(
                    type, device, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), isReadOnly ? 1 : 0)
            }
        }
        return Descriptor(adopting: result, name: device)
    }

    /// Opens a directory as its own file system has it: without what is mounted over what it holds.
    public static func bareDirectory(_ path: String) throws(SystemError) -> Descriptor {
        let result = try call("open_tree", path) { clinux_open_bare(path) }
        return Descriptor(adopting: result, name: path)
    }
}
