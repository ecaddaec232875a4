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
