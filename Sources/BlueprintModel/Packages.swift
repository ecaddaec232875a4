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

extension Blueprint.Packages {
    static let codec = Codec<Self>.record(
        "packages", Self(), shorthand: .list("install"),
        [
            Key("install", \.install, .list(.text(.packageName)), "Packages to install; dependencies follow by themselves."),
            Key(
                "without", \.without, .list(.text(.packageName)),
                "Packages that must not be installed, whatever asks for them."),
            Key("recommends", \.recommends, .bool, "Whether recommended packages are installed too."),
        ]
    ) { packages, node, decoding in
        for element in node["without"]?.elements ?? [] where packages.install.contains(element.text ?? "") {
            decoding.report(element.mark, "\(quoted(element.text ?? "")) stands in both install and without")
        }
    }
}
