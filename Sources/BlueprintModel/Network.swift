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
