/// The texts of dpkg's database below `var/lib/dpkg`, as dpkg itself writes them when it has unpacked packages.
///
/// Pure functions: they say what the files hold. Whoever unpacks writes, besides `status`, into `info/` the file list
/// and each member of the package's control archive but `control` itself with its mode, each as NAME.MEMBER
/// (``informationName(control:)``), the checksums if the package brings none, and `info/format`; into `triggers/` the
/// files of ``triggerFiles(_:)`` and an empty `Unincorp`.
public enum DpkgDatabase {
    /// The content of `info/format`.
    public static let format = "1\n"

    /// A file that keeps its local changes on upgrade (deb-conffiles(5)).
    public struct Conffile: Sendable, Equatable {
        /// The absolute path.
        public var path: String
        /// Whether the package no longer has the file and dpkg is to remove it.
        public var isRemovedOnUpgrade: Bool
        /// The MD5 of the content as hexadecimal digits once the package is configured; nil before.
        public var md5: String?
        /// Whether the package no longer has the file, which is left to its user.
        public var isObsolete: Bool

        /// Makes a conffile.
        public init(path: String, isRemovedOnUpgrade: Bool = false, md5: String? = nil, isObsolete: Bool = false) {
            self.path = path
            self.isRemovedOnUpgrade = isRemovedOnUpgrade
            self.md5 = md5
            self.isObsolete = isObsolete
        }
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
    public static func conffiles(_ text: [UInt8], file: String) throws(Deb822.SyntaxError) -> [Conffile] {
        guard let text = String(validating: text, as: UTF8.self) else {
            throw Deb822.SyntaxError(file: file, line: 1, "the list of conffiles is not UTF-8")
        }
        var conffiles: [Conffile] = []
        for (number, line) in lines(of: text).map(trimmed).enumerated() where !line.isEmpty {
            if line.utf8.first == UInt8(ascii: "/") {
                conffiles.append(Conffile(path: line))
                continue
            }
            let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
            guard parts.count == 2, parts[0] == "remove-on-upgrade", parts[1].utf8.first == UInt8(ascii: "/") else {
                throw Deb822.SyntaxError(
                    file: file, line: number + 1, "'\(line)' is neither an absolute path nor 'remove-on-upgrade PATH'")
            }
            conffiles.append(Conffile(path: String(parts[1]), isRemovedOnUpgrade: true))
        }
        return conffiles
    }

    /// The content of `info/NAME.list` for the names of a package's files, in the order of the package's archive; `./`,
    /// `./etc/` and `/etc` forms are understood.
    public static func fileList(_ names: [String]) -> String {
        var text = ""
        for name in names {
            var path = Substring(name).utf8
            if path.first == UInt8(ascii: ".") && (path.count == 1 || path.dropFirst().first == UInt8(ascii: "/")) {
                path = path.dropFirst()
            }
            path = path.drop { $0 == UInt8(ascii: "/") }
            while path.last == UInt8(ascii: "/") { path = path.dropLast() }
            text += "/" + (path.isEmpty ? "." : String(decoding: path, as: UTF8.self)) + "\n"
        }
        return text
    }

    /// Whether a package may take over the files of another (`Replaces` in deb-control(5)).
    public static func replaces(
        control: Deb822.Stanza, package: String, version: DebianVersion
    ) throws(Deb822.SyntaxError) -> Bool {
        try relations(of: control, "Replaces").joined().contains { relation in
            relation.name.utf8.elementsEqual(package.utf8) && relation.allows(version)
        }
    }

    /// The content of `info/NAME.md5sums`, which dpkg makes itself for a package that has no such member: the regular
    /// files in the order of the package's archive, `md5` as hexadecimal digits.
    public static func checksums(_ files: [(name: String, md5: String)]) -> String {
        files.map { "\($0.md5)  \(fileList([$0.name]).dropFirst())" }.joined()
    }

    /// What the names in `info/` begin with: `bash`, or `libc6:amd64` for a `Multi-Arch: same` package.
    public static func informationName(control: Deb822.Stanza) -> String {
        let name = control["Package"] ?? ""
        guard control["Multi-Arch"] == "same", let architecture = control["Architecture"] else { return name }
        return "\(name):\(architecture)"
    }

    /// The files of `triggers/` by name, for the members `triggers` of all packages in the order they were unpacked
    /// (deb-triggers(5)). Only interests are kept there; `file` in an error is the package's name.
    public static func triggerFiles(
        _ packages: [(control: Deb822.Stanza, triggers: [UInt8])]
    ) throws(Deb822.SyntaxError) -> [String: String] {
        // By file: its lines, each with what it is about; a later directive of the same package replaces the earlier.
        var files: [String: [(subject: String, line: String)]] = [:]
        for package in packages {
            let name = informationName(control: package.control)
            for (directive, trigger) in try directives(package.triggers, file: "\(name).triggers") {
                guard directive.hasPrefix("interest") else { continue }
                let isPath = trigger.utf8.first == UInt8(ascii: "/")
                let subject = isPath ? "\(trigger) \(name)" : name
                let line = subject + (directive == "interest-noawait" ? "/noawait\n" : "\n")
                var lines = files.removeValue(forKey: isPath ? "File" : trigger) ?? []
                if let index = lines.firstIndex(where: { $0.subject == subject }) {
                    lines[index].line = line
                } else {
                    lines.append((subject, line))
                }
                files[isPath ? "File" : trigger] = lines
            }
        }
        return files.mapValues { $0.map(\.line).joined() }
    }

    /// The file triggers that a package which ships `paths` (absolute) activates, of those that the member `triggers` of
    /// another package is interested in: those of the paths and of all directories above them. `file` is that package's
    /// name.
    public static func activated(
        by paths: [String], interests triggers: [UInt8], file: String
    ) throws(Deb822.SyntaxError) -> [String] {
        try directives(triggers, file: file).filter { directive, trigger in
            guard directive.hasPrefix("interest"), trigger.utf8.first == UInt8(ascii: "/") else { return false }
            return paths.contains { path in
                guard path.utf8.starts(with: trigger.utf8) else { return false }
                let rest = path.utf8.dropFirst(trigger.utf8.count)
                return rest.isEmpty || rest.first == UInt8(ascii: "/")
            }
        }.map(\.trigger)
    }

    private static func directives(
        _ text: [UInt8], file: String
    ) throws(Deb822.SyntaxError) -> [(directive: String, trigger: String)] {
        let known = [
            "interest", "interest-await", "interest-noawait", "activate", "activate-await", "activate-noawait",
        ]
        var result: [(String, String)] = []
        for (number, line) in lines(of: String(decoding: text, as: UTF8.self)).enumerated() {
            let parts = words(of: line)
            guard let directive = parts.first, directive.utf8.first != UInt8(ascii: "#") else { continue }
            guard parts.count == 2, known.contains(directive), isTriggerName(parts[1]) else {
                throw Deb822.SyntaxError(
                    file: file, line: number + 1, "'\(trimmed(line))' is not a trigger directive")
            }
            result.append((directive, parts[1]))
        }
        return result
    }

    /// A name without a slash becomes a file's name.
    private static func isTriggerName(_ name: String) -> Bool {
        let bytes = name.utf8
        if bytes.first == UInt8(ascii: "/") { return true }
        return bytes.first.map { isDigit($0) || isLetter($0) } == true && !bytes.contains(UInt8(ascii: "/"))
            && !["File", "Lock", "Unincorp"].contains(name)
    }
}
