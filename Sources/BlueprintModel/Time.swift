extension Blueprint {
    /// Zone and clock.
    public struct Time: Sendable, Equatable {
        /// Name of the zone below `/usr/share/zoneinfo`.
        public var zone = "Etc/UTC"
        /// Whether systemd-timesyncd sets the clock.
        public var ntp = false

        /// UTC without clock setting.
        public init() {}
    }
}

extension Blueprint.Time {
    static let codec = Codec<Self>.record(
        "time", Self(),
        [
            Key("zone", \.zone, .text(.zone), "Name of the time zone."),
            Key("ntp", \.ntp, .bool, "Whether systemd-timesyncd sets the clock."),
        ])
}
