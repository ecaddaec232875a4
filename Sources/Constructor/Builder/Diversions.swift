import BlueprintModel
import LinuxSystem

extension Customization {
    /// Moves files of packages away by the root's own dpkg-divert(1); what the blueprint has in their places comes after.
    func makeDiversions() throws {
        for (path, target) in blueprint.diversions.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            let folder = parentDirectory(of: target)
            if !root.exists(folder) { try root.makeDirectory(folder) }
            try tool(
                ["dpkg-divert", "--local", "--rename", "--divert", target, "--add", path],
                making: "diversions: \(path)",
                hint: "name a path at which nothing is, and a file, not a directory, that no package diverts")
        }
    }
}
