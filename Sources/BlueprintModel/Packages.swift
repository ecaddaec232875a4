extension Blueprint {
    /// Which packages are wanted; their dependencies follow by themselves.
    public struct Packages: Sendable, Equatable {
        /// Names of packages to install, in the order written.
        public var install: [String] = []
        /// Names of packages that must not be installed, whatever asks for them.
        public var without: [String] = []
        /// Names of packages that stay at their version until somebody takes the mark away (apt-mark(8)); which version
        /// that is, the lock says.
        public var hold: [String] = []
        /// Whether recommended packages are installed too.
        public var recommends = false

        /// No packages.
        public init() {}
    }
}

extension Blueprint.Packages {
    static let codec = Codec<Self>.record(
        "packages", Self(), shorthand: .list("install"),
        [
            Key(
                "install", \.install, .list(.text(.packageName)),
                "Packages to install; dependencies follow by themselves."),
            Key(
                "without", \.without, .list(.text(.packageName)),
                "Packages that must not be installed, whatever asks for them."),
            Key(
                "hold", \.hold, .list(.text(.packageName)),
                "Installed packages that apt and dpkg of the machine leave at their version."),
            Key("recommends", \.recommends, .bool, "Whether recommended packages are installed too."),
        ]
    ) { packages, node, decoding in
        for element in node["without"]?.elements ?? [] {
            let name = element.text ?? ""
            for (key, names) in [("install", packages.install), ("hold", packages.hold)] where names.contains(name) {
                decoding.report(element.mark, "\(quoted(name)) stands in both \(key) and without")
            }
        }
    }
}
