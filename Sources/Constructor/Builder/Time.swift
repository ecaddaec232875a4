import BlueprintModel
import LinuxSystem

extension Customization {
    /// Sets the time zone (localtime(5)) and whether the clock follows the network.
    func makeTime() throws {
        let zone = blueprint.time.zone
        try require("usr/share/zoneinfo/\(zone)", for: "time zone \(zone)", package: "tzdata, or correct the name")
        // As tzdata writes it.
        try root.symlink("etc/localtime", to: "/usr/share/zoneinfo/\(zone)")
        guard blueprint.time.ntp else { return }
        try require(
            "usr/lib/systemd/system/systemd-timesyncd.service", for: "time: ntp", package: "systemd-timesyncd")
        try tool(["systemctl", "enable", "systemd-timesyncd.service"], making: "time: ntp")
    }
}
