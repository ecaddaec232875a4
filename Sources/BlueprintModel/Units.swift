extension Blueprint {
    /// What systemd starts, and what it must not.
    public struct Units: Sendable, Equatable {
        /// Units to enable, by full name.
        public var enable: [String] = []
        /// Units to disable although their package enables them.
        public var disable: [String] = []
        /// Units that nothing may start.
        public var mask: [String] = []
        /// Units of the blueprint itself: name to the text of the unit file (valid UTF-8).
        public var own: [String: [UInt8]] = [:]
        /// Drop-ins: unit name to file name (`*.conf`) to text (valid UTF-8).
        public var dropIns: [String: [String: [UInt8]]] = [:]

        /// No change to what the packages bring.
        public init() {}
    }
}

extension Blueprint.Units {
    static let codec = Codec<Self>.record(
        "units", Self(),
        [
            Key("enable", \.enable, .list(.text(.unitName)), "Units to start at boot or as their [Install] section says."),
            Key("disable", \.disable, .list(.text(.unitName)), "Units not to enable although their package does."),
            Key("mask", \.mask, .list(.text(.unitName)), "Units that nothing may start."),
            Key("own", \.own, .map(.unitName, .textContents("unit")), "Units of this blueprint itself, by name."),
            Key(
                "drop-ins", \.dropIns, .map(.unitName, .map(.dropInName, .textContents("drop-in"))),
                "Additions to units, by unit and file name."),
        ]
    ) { units, node, decoding in
        var places: [String: String] = [:]
        for key in ["enable", "disable", "mask"] {
            for element in node[key]?.elements ?? [] {
                guard let name = element.text, let other = places.updateValue(key, forKey: name), other != key else {
                    continue
                }
                decoding.report(element.mark, "\(quoted(name)) stands in both \(other) and \(key)")
            }
        }
    }
}
