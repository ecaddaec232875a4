import BlueprintModel
import LinuxSystem

extension Customization {
    /// Writes hostname(5), hosts(5) and one systemd.network(5) file per link.
    func makeNetwork() throws {
        let network = blueprint.network
        try write(network.hostRegisters(name: blueprint.name))
        try write(network.linkRegisters)
        // Names that DHCP or the links bring are resolved by systemd-resolved, where it is installed.
        if root.exists("usr/lib/systemd/systemd-resolved") {
            try root.symlink("etc/resolv.conf", to: "../run/systemd/resolve/stub-resolv.conf")
        }
        if !network.links.isEmpty {
            try tool(["systemctl", "enable", "systemd-networkd.service"], making: "network: links")
        }
    }
}
