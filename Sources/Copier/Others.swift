internal import BlueprintModel
internal import Debian
internal import LinuxSystem

extension Reading {
    /// Notes what has no place in a blueprint yet.
    mutating func reportOthers() throws {
        reportAlternatives()
        reportDiversions()
        let scripts = scripts()
        for line in lines(of: "/var/lib/dpkg/statoverride", "statoverrides") {
            let words = words(of: line.text)
            // One that a package's script makes comes with the package.
            guard words.count == 4, scripts.firstRange(of: Array(words[3].utf8)) == nil else { continue }
            leaveOut(
                "statoverrides", words[3], "a blueprint has no overrides; give the file's owner and mode under `files`")
        }
        for path in ["/etc/apt/preferences"]
            + names(in: "/etc/apt/preferences.d", "repositories").map({ "/etc/apt/preferences.d/\($0)" })
        where try root.statusOfLink(path)?.type == 0o100000 {
            leaveOut("repositories", path, "it travels as a file; the lock, not pins, says which versions are taken")
        }
    }

    /// The scripts that packages run when they are configured, behind each other.
    private mutating func scripts() -> [UInt8] {
        let folder = "/var/lib/dpkg/info"
        return names(in: folder, "statoverrides").filter { $0.hasSuffix(".postinst") }.flatMap { name in
            bytes(of: "\(folder)/\(name)", "statoverrides") ?? []
        }
    }

    /// A choice that was made by hand: update-alternatives(1) keeps it as the first word of its register.
    private mutating func reportAlternatives() {
        let folder = "/var/lib/dpkg/alternatives"
        for name in names(in: folder, "alternatives") {
            let lines = lines(of: "\(folder)/\(name)", "alternatives")
            guard lines.first?.text == "manual" else { continue }
            leaveOut(
                "alternatives", name, "it was set by hand; a blueprint has no alternatives, name the link under `files`"
            )
        }
    }

    /// dpkg-divert(1): three lines each, the last the package's name or ":" for the administrator.
    private mutating func reportDiversions() {
        let lines = lines(of: "/var/lib/dpkg/diversions", "diversions").map(\.text)
        for start in stride(from: 0, to: lines.count - 2, by: 3) where lines[start + 2] == ":" {
            leaveOut("diversions", lines[start], "it was made by hand; a blueprint has no diversions")
        }
    }
}
