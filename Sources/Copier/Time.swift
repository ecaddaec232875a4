internal import BlueprintModel
internal import LinuxSystem

extension Reading {
    /// Reads localtime(5). Whether the clock follows the network, the units tell.
    mutating func readTime(into blueprint: inout Blueprint) throws {
        let path = "/etc/localtime"
        guard try root.statusOfLink(path) != nil else { return }
        let folder = "/usr/share/zoneinfo/"
        guard let target = try root.linkTarget(path), let start = target.firstRange(of: folder) else {
            return leaveOut(
                "time", path, "it is no link to a zone below \(folder); `timedatectl set-timezone` makes one")
        }
        let zone = String(target[start.upperBound...])
        guard TextForm.zone.allows(zone) else { return leaveOut("time", path, "its target is no name of a zone") }
        blueprint.time.zone = zone
        explain(path)
        // Debian before 13 wrote the name down a second time.
        if try root.readText("/etc/timezone") == "\(zone)\n" { explain("/etc/timezone") }
    }
}
