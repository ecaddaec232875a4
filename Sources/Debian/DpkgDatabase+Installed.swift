extension DpkgDatabase {
    /// A package as `status` has it.
    public struct InstalledPackage: Sendable {
        /// The name.
        public var name: String
        /// The version as written; empty where dpkg knows none.
        public var version: String
        /// The architecture.
        public var architecture: String
        /// What is wanted of it: `install`, `hold`, `deinstall`, `purge` or `unknown`.
        public var selection: String
        /// `ok` or `reinstreq`.
        public var flag: String
        /// How far it is installed: `installed`, `config-files`, `half-installed`, `unpacked`, … (dpkg(1)).
        public var state: String
        /// Its conffiles in the order of the field.
        public var conffiles: [Conffile]
        /// The whole paragraph.
        public var control: Deb822.Stanza

        /// What its names in `info/` begin with.
        public var informationName: String { DpkgDatabase.informationName(control: control) }
        /// Whether its files are there and configured, with nothing left to do.
        public var isSettled: Bool { flag == "ok" && (state == "installed" || state == "config-files") }
    }

    /// Reads `status`; what is not installed is left out. Bytes that are not UTF-8 become U+FFFD: old packages have
    /// such maintainers, and dpkg does not mind.
    ///
    /// - Parameter journal: the files of `updates/` in the order of their numbers, each with its path: whole paragraphs
    ///   that replace those of `status` (deb-old tools that read `status` alone see a stale state).
    public static func packages(
        status: [UInt8], file: String, journal: [(file: String, content: [UInt8])] = []
    ) throws(Deb822.SyntaxError) -> [InstalledPackage] {
        var packages: [InstalledPackage] = []
        var places: [String: Int] = [:]
        for (file, content) in [(file, status)] + journal {
            let text =
                String(validating: content, as: UTF8.self) == nil
                ? Array(String(decoding: content, as: UTF8.self).utf8) : content
            for stanza in try Deb822.parse(text, file: file) {
                let package = try installedPackage(stanza, file: file)
                let key = "\(package.name):\(package.architecture)"
                if let place = places[key] {
                    packages[place] = package
                } else {
                    places[key] = packages.count
                    packages.append(package)
                }
            }
        }
        return packages.filter { $0.state != "not-installed" }
    }

    private static func installedPackage(
        _ stanza: Deb822.Stanza, file: String
    ) throws(Deb822.SyntaxError) -> InstalledPackage {
        guard let name = stanza.field("Package"), isPackageName(name.value) else {
            throw Deb822.SyntaxError(file: file, line: stanza.line, "the paragraph names no package")
        }
        guard let status = stanza.field("Status") else {
            throw Deb822.SyntaxError(file: file, line: stanza.line, "the package '\(name.value)' has no field 'Status'")
        }
        let parts = words(of: status.value)
        guard parts.count == 3 else {
            throw Deb822.SyntaxError(
                file: file, line: status.line, "'\(status.value)' is not of the form 'install ok installed'")
        }
        let architecture = stanza["Architecture"] ?? ""
        guard !architecture.utf8.contains(UInt8(ascii: "/")) else {
            throw Deb822.SyntaxError(file: file, line: stanza.line, "'\(architecture)' is no architecture")
        }
        return InstalledPackage(
            name: name.value, version: stanza["Version"] ?? "", architecture: architecture,
            selection: parts[0], flag: parts[1], state: parts[2],
            conffiles: try recordedConffiles(stanza.field("Conffiles"), file: file), control: stanza)
    }

    /// The name becomes a file's name, so nothing else may be in it.
    private static func isPackageName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy {
                isLetter($0) || isDigit($0) || [UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ".")].contains($0)
            }
    }

    /// The lines `PATH MD5 [obsolete] [remove-on-upgrade]`; in place of the sum dpkg has a word before it knows one.
    private static func recordedConffiles(
        _ field: Deb822.Field?, file: String
    ) throws(Deb822.SyntaxError) -> [Conffile] {
        guard let field else { return [] }
        var conffiles: [Conffile] = []
        for (number, line) in field.lines.enumerated() where !line.isEmpty {
            var parts = line.utf8.split(separator: UInt8(ascii: " "))
            var flags: Set<String> = []
            while parts.count > 2, let last = parts.last, let flag = String(last),
                ["obsolete", "remove-on-upgrade"].contains(flag)
            {
                flags.insert(flag)
                parts.removeLast()
            }
            guard parts.count >= 2, line.utf8.first == UInt8(ascii: "/"), let sum = parts.last.flatMap({ String($0) })
            else {
                throw Deb822.SyntaxError(
                    file: file, line: field.line + number + 1, "'\(line)' is not of the form '/PATH MD5'")
            }
            // A path may have spaces, what follows it none.
            let end = parts[parts.count - 2].endIndex
            conffiles.append(
                Conffile(
                    path: String(line[..<end]), isRemovedOnUpgrade: flags.contains("remove-on-upgrade"),
                    md5: sum.utf8.count == 32 ? sum : nil, isObsolete: flags.contains("obsolete")))
        }
        return conffiles
    }
}
