extension Blueprint {
    /// Which packages are wanted; their dependencies follow by themselves.
    public struct Packages: Sendable, Equatable {
        /// Names of packages to install, in the order written.
        public var install: [String] = []
        /// Names of packages that must not be installed, whatever asks for them.
        public var without: [String] = []
        /// Whether recommended packages are installed too.
        public var recommends = false

        /// No packages.
        public init() {}
    }
}
