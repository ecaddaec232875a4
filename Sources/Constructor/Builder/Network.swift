import BlueprintModel
import LinuxSystem

extension Customization {
    /// Writes hostname(5), hosts(5) and one systemd.network(5) file per link.
    func makeNetwork() throws {
        let network = blueprint.network
        let hostname = network.hostname ?? blueprint.name
        try root.write("\(hostname)\n", to: "etc/hostname")
        try root.write(
            """
            127.0.0.1 localhost
            127.0.1.1 \(hostname)
            ::1 localhost ip6-localhost ip6-loopback
            ff02::1 ip6-allnodes
            ff02::2 ip6-allrouters

            """, to: "etc/hosts")
        for (index, link) in network.links.sorted(by: { bytesPrecede($0.key, $1.key) }).enumerated() {
            var lines = ["[Match]", "Name=\(link.key)", "", "[Network]", "DHCP=\(link.value.dhcp ? "yes" : "no")"]
            lines += link.value.addresses.map { "Address=\($0)" }
            lines += link.value.gateways.map { "Gateway=\($0)" }
            lines += link.value.dns.map { "DNS=\($0)" }
            let text = lines.map { "\($0)\n" }.joined()
            try root.write(text, to: "etc/systemd/network/\(50 + index)-pisces.network")
        }
        // Names that DHCP or the links bring are resolved by systemd-resolved, where it is installed.
        if root.exists("usr/lib/systemd/systemd-resolved") {
            try root.symlink("etc/resolv.conf", to: "../run/systemd/resolve/stub-resolv.conf")
        }
        if !network.links.isEmpty {
            try tool(["systemctl", "enable", "systemd-networkd.service"], making: "network: links")
        }
    }
}
