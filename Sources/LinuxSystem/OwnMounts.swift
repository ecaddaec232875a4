internal import CLinux

/// Gives the calling thread and the programs that it starts mounts of their own (mount_namespaces(7)): what they mount
/// from now on nobody else sees, and it is gone with them. Only root may.
public func takeOwnMounts() throws(SystemError) {
    try call("unshare", "mounts") { clinux_own_mounts() }
}
