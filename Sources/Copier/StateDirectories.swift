internal import LinuxSystem

extension PathRules {
    /// Adds what the root itself says of paths that come and go: tmpfiles.d(5), the directories of services
    /// (systemd.exec(5)), and rules that packages bring for the program cruft.
    mutating func addState(_ root: SourceRoot, packages: Set<String>) {
        addTmpfiles(root)
        addUnits(root)
        addCruft(root, packages: packages)
    }

    // MARK: tmpfiles.d

    private mutating func addTmpfiles(_ root: SourceRoot) {
        // A file in /etc hides that of the same name in /usr/lib.
        var files: [String: String] = [:]
        for directory in ["/usr/lib/tmpfiles.d", "/etc/tmpfiles.d"] {
            for name in DpkgState.names(in: directory, root) where name.utf8.suffix(5).elementsEqual(".conf".utf8) {
                files[name] = "\(directory)/\(name)"
            }
        }
        for (name, path) in files.sorted(by: { $0.key < $1.key }) {
            guard let text = try? root.readText(path) else { continue }
            for line in text.split(separator: "\n") { addTmpfile(line, file: name) }
        }
    }

    private mutating func addTmpfile(_ line: Substring, file: String) {
        let fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
        guard fields.count > 1, let type = fields[0].first, "fFwdDevqQpLcbCaAtThH".contains(type),
            let path = Self.expanded(Self.unquoted(fields[1]))
        else { return }
        // Where everything is somebody's, a rule for all of it explains nothing.
        guard path.utf8.count(where: { $0 == UInt8(ascii: "/") }) > 1 || type == "L" else { return }
        let reason = "tmpfiles.d: \(file)"
        switch type {
        case "d", "D", "e", "v", "q", "Q":
            add(path, .state, reason)
            let isAged = fields.count > 5 && fields[5] != "-"
            if path.hasPrefix("/var/lib/") || isAged {
                add("\(path)/**", isAged ? .volatile : .state, isAged ? "\(reason), removed by age" : reason)
            }
        case "C":
            add(path, .derived, "\(reason), a copy")
            add("\(path)/**", .derived, "\(reason), a copy")
        case "a", "A", "t", "T", "h", "H", "w": break
        case "L":
            // What another link leads to is somebody else's.
            let target = fields.count > 6 && !fields[6].contains("%") ? String(fields[6]) : ""
            add(path, .state, reason, if: .symlink([target]))
        default: add(path, .state, reason)
        }
    }

    /// The path with its specifiers (`%S` and its kin) in full; what depends on the host becomes `*`. Nil if it is no
    /// absolute path.
    private static func expanded(_ path: Substring) -> String? {
        var result = ""
        var isSpecifier = false
        for character in path {
            if !isSpecifier {
                if character == "%" { isSpecifier = true } else { result.append(character) }
                continue
            }
            isSpecifier = false
            switch character {
            case "%": result.append("%")
            case "S": result += "/var/lib"
            case "C": result += "/var/cache"
            case "L": result += "/var/log"
            case "t": result += "/run"
            case "T": result += "/tmp"
            case "V": result += "/var/tmp"
            default: result += "*"
            }
        }
        while result.utf8.count > 1 && result.utf8.last == UInt8(ascii: "/") { result.removeLast() }
        return result.utf8.first == UInt8(ascii: "/") ? result : nil
    }

    private static func unquoted(_ text: Substring) -> Substring {
        text.count > 1 && text.first == "\"" && text.last == "\"" ? text.dropFirst().dropLast() : text
    }

    // MARK: Services

    private mutating func addUnits(_ root: SourceRoot) {
        let parents = ["/usr/lib/systemd/system", "/lib/systemd/system", "/etc/systemd/system"]
        for parent in parents {
            for name in DpkgState.names(in: parent, root) {
                if name.hasSuffix(".service") {
                    addUnit(root, "\(parent)/\(name)", name)
                } else if name.hasSuffix(".service.d") {
                    for part in DpkgState.names(in: "\(parent)/\(name)", root) {
                        addUnit(root, "\(parent)/\(name)/\(part)", String(name.dropLast(2)))
                    }
                }
            }
        }
    }

    private mutating func addUnit(_ root: SourceRoot, _ path: String, _ name: String) {
        // A unit that is masked is a link to /dev/null, which is no file to read.
        guard let text = try? root.readText(path) else { return }
        for line in text.split(separator: "\n") {
            guard let equals = line.firstIndex(of: "="),
                let (base, cause) = Self.directories[line[..<equals].filter { $0 != " " && $0 != "\t" }]
            else { continue }
            for value in line[line.index(after: equals)...].split(separator: " ") {
                guard let part = value.split(separator: ":").first, let directory = Self.expanded("/" + part) else {
                    continue
                }
                for place in ["\(base)\(directory)", "\(base)/private\(directory)"] {
                    add(place, cause, "a directory of \(name)")
                    add("\(place)/**", cause, "a directory of \(name)")
                }
                add("\(base)/private", cause, "directories of services")
            }
        }
    }

    private static let directories: [String: (String, Finding.Cause)] = [
        "StateDirectory": ("/var/lib", .state), "CacheDirectory": ("/var/cache", .volatile),
        "LogsDirectory": ("/var/log", .volatile),
    ]

    // MARK: Rules of packages

    /// `/usr/share/cruft/rules/PACKAGE`: a pattern per line; a directory may end with a slash, `**` stands for all below.
    private mutating func addCruft(_ root: SourceRoot, packages: Set<String>) {
        let directory = "/usr/share/cruft/rules"
        for name in DpkgState.names(in: directory, root) where packages.contains(name) {
            guard let text = try? root.readText("\(directory)/\(name)") else { continue }
            for line in text.split(separator: "\n") {
                let pattern = line.prefix { $0 != " " && $0 != "\t" && $0 != "#" }
                guard pattern.utf8.first == UInt8(ascii: "/"), pattern.utf8.count > 1 else { continue }
                let cause: Finding.Cause =
                    pattern.hasPrefix("/var/log/") || pattern.hasPrefix("/var/cache/") || pattern.hasPrefix("/run/")
                    ? .volatile : pattern.hasPrefix("/var/") ? .state : .derived
                add(String(pattern), cause, "a rule of the package \(name)")
            }
        }
    }
}
