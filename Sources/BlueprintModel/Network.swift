extension Blueprint {
    /// Host name and links.
    public struct Network: Sendable, Equatable {
        /// The host name; nil means the blueprint's name.
        public var hostname: String?
        /// Links by name or shell pattern such as `en*`, as in the `[Match]` section of systemd.network(5).
        public var links: [String: Link] = [:]

        /// No links.
        public init() {}
    }

    /// How a network link is configured.
    public struct Link: Sendable, Equatable {
        /// Whether addresses come by DHCP.
        public var dhcp = false
        /// Static addresses with prefix length, `192.0.2.5/24`.
        public var addresses: [String] = []
        /// Default gateways, at most one for each address family.
        public var gateways: [String] = []
        /// Name servers.
        public var dns: [String] = []

        /// A link without addresses.
        public init() {}
    }
}

extension Blueprint.Network {
    static let codec = Codec<Self>.record(
        "network", Self(),
        [
            Key("hostname", \.hostname, .text(.hostName), "The host name; by default the blueprint's name."),
            Key(
                "links", \.links, .map(.linkName, Blueprint.Link.codec),
                "Network links, by name or by pattern such as \"en*\"."),
        ])
}

extension Blueprint.Link {
    static let codec = Codec<Self>.record(
        "link", Self(),
        [
            Key("dhcp", \.dhcp, .bool, "Whether addresses come by DHCP."),
            Key("address", \.addresses, .list(.text(.prefix)), "Static addresses with prefix length."),
            Key("gateway", \.gateways, .list(.text(.address)), "Default gateways, one for each address family."),
            Key("dns", \.dns, .list(.text(.address)), "Name servers."),
        ]
    ) { link, node, decoding in
        for isVersion6 in [false, true] {
            let gateways = (node["gateway"]?.elements ?? []).filter {
                IPAddress($0.text ?? "")?.isVersion6 == isVersion6
            }
            if gateways.count > 1 {
                decoding.report(gateways[1].mark, "a second gateway for IPv\(isVersion6 ? 6 : 4)")
            }
        }
    }
}

// The files of the kind, as text: who constructs a system and who reads one back must mean the same.

extension Blueprint.Network {
    /// The content of hostname(5) and hosts(5), by path.
    ///
    /// - Parameter name: the blueprint's name.
    public func hostRegisters(name: String) -> [String: String] {
        let hostname = hostname ?? name
        let hosts = """
            127.0.0.1 localhost
            127.0.1.1 \(hostname)
            ::1 localhost ip6-localhost ip6-loopback
            ff02::1 ip6-allnodes
            ff02::2 ip6-allrouters

            """
        return ["/etc/hostname": "\(hostname)\n", "/etc/hosts": hosts]
    }

    /// A systemd.network(5) file for each link, by path.
    public var linkRegisters: [String: String] {
        let sorted = links.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        let files = sorted.enumerated().map { index, link in
            ("/etc/systemd/network/\(50 + index)-pisces.network", link.value.register(name: link.key))
        }
        return Dictionary(uniqueKeysWithValues: files)
    }
}

extension Blueprint.Link {
    fileprivate func register(name: String) -> String {
        var lines = ["[Match]", "Name=\(name)", "", "[Network]", "DHCP=\(dhcp ? "yes" : "no")"]
        lines += addresses.map { "Address=\($0)" } + gateways.map { "Gateway=\($0)" } + dns.map { "DNS=\($0)" }
        return lines.map { "\($0)\n" }.joined()
    }
}
