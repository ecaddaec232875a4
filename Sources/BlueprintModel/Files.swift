extension Blueprint {
    /// A file, symbolic link or directory that the blueprint puts into the root.
    public struct File: Sendable, Equatable {
        /// What is at the path.
        public enum Content: Sendable, Equatable {
            /// A regular file with these bytes.
            case regular([UInt8])
            /// A symbolic link to this target.
            case symlink(String)
            /// A directory.
            case directory
        }

        /// What is at the path.
        public var content: Content
        /// Permission bits, at most 0o7777; without meaning for a symbolic link.
        public var mode: UInt16
        /// Name of the owning user.
        public var owner = "root"
        /// Name of the owning group.
        public var group = "root"

        /// Makes an entry of root:root; a nil mode means 0644, and 0755 for a directory.
        public init(_ content: Content, mode: UInt16? = nil) {
            self.content = content
            self.mode = mode ?? Self.defaultMode(of: content)
        }

        static func defaultMode(of content: Content) -> UInt16 {
            switch content {
            case .regular: 0o644
            case .directory: 0o755
            case .symlink: 0o777
            }
        }
    }
}
