import BlueprintModel
import LinuxSystem

extension Customization {
    /// Writes fstab(5), and makes the directories that something is mounted on.
    func makeMounts() throws {
        if blueprint.mounts.isEmpty { return }
        try root.write(blueprint.fstab, to: "etc/fstab")
        for path in blueprint.mounts.keys.sorted(by: bytesPrecede) {
            // Those of the machine's own file systems are made there, as something is mounted.
            if volatilePlaces.contains(where: { (path + "/").hasPrefix($0 + "/") }) { continue }
            if !root.exists(path) {
                try root.makeDirectory(path)
            } else if !root.isDirectory(path), blueprint.mounts[path]?.options.contains("bind") == false {
                throw ConstructorError(
                    "mounts: \(path): there is something that is no directory",
                    hint: "name another place, or leave out what is there")
            }
        }
    }
}
