internal import BlueprintModel
internal import LinuxSystem

extension Reading {
    /// Finds out what the running system's root is made of. Of another root, or one that Pisces did not make, nothing of
    /// its image is known: the defaults hold.
    mutating func readImage(into blueprint: inout Blueprint) throws {
        guard isRunning, let words = try root.readText("/proc/cmdline").map(words(of:)),
            words.contains(where: { $0.hasPrefix("roothash=") }), let mounts = try root.readText("/proc/self/mounts")
        else { return }
        // The verified root, which is the one mount of a device at "/".
        for mount in parts(of: mounts, at: "\n").map(words(of:)) where mount.count >= 3 && mount[1] == "/" {
            if let root = Blueprint.RootFileSystem(rawValue: mount[2]) { blueprint.image.root = root }
        }
        leaveOut("image", "compression, slot, data", "they cannot be seen in a running system: the defaults stand")
    }
}
