internal import CLinux

extension Descriptor {
    /// Opens the root of a device's file system without a mount point: nobody else sees the mount, and it goes with the
    /// last descriptor of a file in it, also when the process is killed.
    ///
    /// - Parameter type: as in `/proc/filesystems`.
    public static func filesystem(
        _ type: String, on device: String, isReadOnly: Bool
    ) throws(SystemError) -> Descriptor {
        let result = try call("fsopen", device) { clinux_open_filesystem(type, device, isReadOnly ? 1 : 0) }
        return Descriptor(adopting: result, name: device)
    }

    /// Opens a directory as its own file system has it: without what is mounted over what it holds.
    public static func bareDirectory(_ path: String) throws(SystemError) -> Descriptor {
        let result = try call("open_tree", path) { clinux_open_bare(path) }
        return Descriptor(adopting: result, name: path)
    }
}
