internal import BlueprintModel
internal import Debian
internal import LinuxSystem

extension Reading {
    /// Notes what has no place in a blueprint.
    mutating func reportOthers() throws {
        for path in ["/etc/apt/preferences"]
            + names(in: "/etc/apt/preferences.d", "repositories").map({ "/etc/apt/preferences.d/\($0)" })
        where try root.statusOfLink(path)?.type == 0o100000 {
            leaveOut("repositories", path, "it travels as a file; the lock, not pins, says which versions are taken")
        }
    }
}
