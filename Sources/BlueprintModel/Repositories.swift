extension Blueprint {
    /// A source of packages beside Debian's own archives.
    public enum Repository: Sendable, Equatable {
        /// A remote archive.
        case archive(Archive)
        /// A directory that holds `.deb` files; its path is relative to the directory of the blueprint that was loaded.
        case directory(String)
    }

    /// A remote archive, as in sources.list(5).
    public struct Archive: Sendable, Equatable {
        /// Where the archive is.
        public var uri: String
        /// Its suites.
        public var suites: [String]
        /// Its components; empty where the suites are exact paths that end in `/`.
        public var components: [String]
        /// The OpenPGP public keys that may sign it: the bytes of the key file.
        public var signedBy: [UInt8]

        /// An archive from its parts.
        public init(uri: String, suites: [String], components: [String], signedBy: [UInt8]) {
            self.uri = uri
            self.suites = suites
            self.components = components
            self.signedBy = signedBy
        }
    }
}
