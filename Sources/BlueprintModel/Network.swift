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
