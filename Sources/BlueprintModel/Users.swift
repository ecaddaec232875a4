extension Blueprint {
    /// A user account.
    public struct User: Sendable, Equatable {
        /// The numeric id; nil lets the lock choose one and keep it.
        public var uid: Int?
        /// Supplementary groups; the primary group bears the user's name.
        public var groups: [String] = []
        /// The login shell; nil means `/bin/bash`, for a system user `/usr/sbin/nologin`.
        public var shell: String?
        /// The home directory; nil means `/home/NAME`, for a system user `/nonexistent`.
        public var home: String?
        /// Public keys that may log in, as lines of authorized_keys(5) without options.
        public var sshKeys: [String] = []
        /// The full name (GECOS).
        public var comment = ""
        /// Whether this is an account of a service, not of a person.
        public var system = false
        /// Where the password hash comes from at run time; nil locks password login.
        public var password: Secret?

        /// A person's account with a locked password.
        public init() {}
    }

    /// A group of users.
    public struct Group: Sendable, Equatable {
        /// The numeric id; nil lets the lock choose one and keep it.
        public var gid: Int?
        /// Whether the id comes from the range of services.
        public var system = false

        /// A group of persons.
        public init() {}
    }

    /// A reference to a secret: a systemd credential that the running machine has and the blueprint has not.
    public struct Secret: Sendable, Equatable {
        /// The credential's name.
        public var name: String

        /// Refers to the credential of this name.
        public init(name: String) { self.name = name }
    }
}
