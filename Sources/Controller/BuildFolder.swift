internal import LinuxSystem

/// A folder on this machine's data partition, for one process at a time to make a generation in: nothing else has room
/// for one. It goes with its owner; what a process left that was killed goes when the next begins.
public struct BuildFolder: ~Copyable {
    /// Where it is.
    public let path = "\(RunningMachine.state)/build"
    private let lock: Descriptor

    /// Makes it, empty.
    public static func make() throws(ControllerError) -> BuildFolder {
        let folder = BuildFolder(lock: try RunningMachine.takeLock("/run/pisces/build-lock"))
        try system { () throws(SystemError) in
            try removeTree(folder.path)
            try makeDirectories(folder.path)
        }
        return folder
    }

    private init(lock: consuming Descriptor) { self.lock = lock }

    deinit { try? removeTree(path) }
}
