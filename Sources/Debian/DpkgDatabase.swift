/// The texts of dpkg's database below `var/lib/dpkg`, as dpkg itself writes them when it has unpacked a package.
///
/// Pure functions: they say what the files hold, not where they are written.
public enum DpkgDatabase {
    /// The content of `info/format`.
    public static let format = "1\n"

    /// A file that keeps its local changes on upgrade (deb-conffiles(5)).
    public struct Conffile: Sendable, Equatable {
        /// The absolute path.
        public var path: String
        /// Whether the package no longer has the file and dpkg is to remove it.
        public var isRemovedOnUpgrade: Bool
    }

    /// What a person wants of a package.
    public enum Selection: String, Sendable {
        /// Installed and upgraded.
        case install
        /// Installed and left as it is.
        case hold
    }

    /// How far a package is installed.
    public enum State: String, Sendable {
        /// The files are there, the package is not configured.
        case unpacked
        /// The package is configured.
        case installed
    }

    /// Reads the member `conffiles` of a package.
    public static func conffiles(_ text: [UInt8], file: String) throws(Deb822.SyntaxError) -> [Conffile] { [] }

    /// The paragraph of a package in `status`.
    public static func statusStanza(
        control: Deb822.Stanza, conffiles: [Conffile], selection: Selection = .install, state: State
    ) -> Deb822.Stanza { control }

    /// The content of `info/NAME.list` for the names of a package's files, in the order of the package's archive; `./`,
    /// `./etc/` and `/etc` forms are understood.
    public static func fileList(_ names: [String]) -> String { "" }

    /// What the names in `info/` begin with: `bash`, or `libc6:amd64` for a `Multi-Arch: same` package.
    public static func informationName(control: Deb822.Stanza) -> String { "" }

    /// The files of `triggers/` by name, for the members `triggers` of all packages in the order they were unpacked.
    public static func triggerFiles(
        _ packages: [(control: Deb822.Stanza, triggers: [UInt8])]
    ) throws(Deb822.SyntaxError) -> [String: String] { [:] }
}
