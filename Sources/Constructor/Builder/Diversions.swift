import BlueprintModel
import LinuxSystem

extension Customization {
    /// Moves files of packages away by the root's own dpkg-divert(1); what the blueprint has in their places comes after.
    func makeDiversions() throws {
        for (path, target) in blueprint.diversions.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            try checkDiversion(path, to: target)
            let folder = parentDirectory(of: target)
            if !root.exists(folder) { try root.makeDirectory(folder) }
            try tool(
                ["dpkg-divert", "--local", "--rename", "--divert", target, "--add", path],
                making: "diversions: \(path)", hint: "name a file that no package diverts, and a path that is free")
        }
    }

    /// Refuses what dpkg-divert(1) refuses in words of its own, or would lose.
    private func checkDiversion(_ path: String, to target: String) throws {
        for place in volatilePlaces where (target + "/").hasPrefix(place + "/") {
            throw ConstructorError(
                "diversions: \(path): \(place) is empty in every image and filled at boot", hint: "name another path")
        }
        if root.isDirectory(path) {
            throw ConstructorError(
                "diversions: \(path): this is a directory, and dpkg diverts files", hint: "name the files in it")
        }
        if root.exists(path), root.exists(target) {
            throw ConstructorError(
                "diversions: \(path): there is something at \(target) already", hint: "name a path at which nothing is")
        }
    }
}
