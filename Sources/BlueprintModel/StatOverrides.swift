extension Blueprint {
    /// Owner and mode that a path has whatever its package says (dpkg-statoverride(1)).
    public struct StatOverride: Sendable, Equatable {
        /// Name of the owning user.
        public var owner = "root"
        /// Name of the owning group.
        public var group = "root"
        /// Permission bits, at most 0o7777.
        public var mode: UInt16

        /// Makes an override of root:root.
        public init(mode: UInt16) { self.mode = mode }
    }
}

extension Blueprint.StatOverride {
    static let codec = Codec<Self>.record(
        "override", Self(mode: 0),
        [
            Key("owner", \.owner, .text(.accountName), "The owning user."),
            Key("group", \.group, .text(.accountName), "The owning group."),
            Key("mode", \.mode, Blueprint.File.modeCodec, "Permission bits in octal.", presence: .required),
        ])
}

extension Blueprint {
    /// A path has one owner and one mode: where an override says them, `files` does not.
    static func checkOverrides(_ blueprint: Blueprint, _ node: YAMLNode, _ decoding: inout Decoding) {
        for entry in node["files"]?.entries ?? [] where blueprint.statOverrides[entry.key] != nil {
            for key in ["mode", "owner", "group"] {
                guard let value = entry.value[key] else { continue }
                decoding.report(
                    value.mark, "files.\(entry.key).\(key): stat-overrides.\(entry.key) says it; leave it out here")
            }
            if case .symlink? = blueprint.files[entry.key]?.content {
                decoding.report(
                    entry.keyMark,
                    "files.\(entry.key) is a symbolic link, which has no mode of its own: override the path it leads to"
                )
            }
        }
    }
}
