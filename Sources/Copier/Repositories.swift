internal import BlueprintModel
internal import Debian
internal import LinuxSystem

extension Reading {
    private static let kind = "repositories"

    /// Reads apt's sources in both formats, with their keys. Debian's own are the distribution's mirrors; where they are
    /// those that the host uses anyway, nobody would write them down.
    mutating func readRepositories(
        _ packages: InstalledPackages, hostMirror: HostMirror?, into blueprint: inout Blueprint
    ) throws {
        let release = blueprint.distribution.debian.rawValue
        let components = Set(packages.packages.compactMap { Self.component(ofSection: $0.control["Section"] ?? "") })
        for var source in sources() {
            guard source.isDebian(release) else {
                addRepository(source, to: &blueprint)
                continue
            }
            if source.suites.contains(where: { $0.hasSuffix("-security") }) {
                blueprint.distribution.securityMirror = mirror(source.uri, hostMirror?.securityMirror)
            } else if source.suites.contains(where: { [release, "stable", "oldstable"].contains($0) }) {
                blueprint.distribution.mirror = mirror(source.uri, hostMirror?.mirror)
            }
            // The blueprint's mirrors are those of main.
            let others = source.components.filter { $0 != "main" }
            source.components = others.filter(components.contains)
            source.name = "debian-" + source.components.joined(separator: "-")
            if source.suites.contains(where: { $0.hasSuffix("-security") }) { source.name += "-security" }
            for name in others where !components.contains(name) {
                leaveOut(Self.kind, "\(source.place) \(name)", "nothing installed comes from that component of Debian")
            }
            if !source.components.isEmpty { addRepository(source, to: &blueprint) }
        }
    }

    /// Packages of other components than main have the component's name in front of their section.
    private static func component(ofSection section: String) -> String? {
        let names = parts(of: section, at: "/")
        return names.count == 2 ? names[0] : nil
    }

    private mutating func mirror(_ uri: String, _ host: String?) -> String? {
        let plain = withoutSlash(uri)
        if host.map(withoutSlash) == plain { return nil }
        if TextForm.uri.allows(plain) { return plain }
        leaveOut(Self.kind, "Debian's mirror", "its URI is of a kind that a blueprint cannot name, or holds a password")
        return nil
    }

    private mutating func addRepository(_ source: AptSource, to blueprint: inout Blueprint) {
        guard TextForm.uri.allows(source.uri) else {
            return leaveOut(
                Self.kind, source.place, "its URI is of a kind that a blueprint cannot name, or holds a password")
        }
        let exact = source.suites.filter { $0.hasSuffix("/") }.count
        guard !source.suites.isEmpty, (source.suites + source.components).allSatisfy(TextForm.suite.allows),
            exact == (source.components.isEmpty ? source.suites.count : 0)
        else { return leaveOut(Self.kind, source.place, "its suites and components do not go together") }
        guard let keys = keys(of: source) else { return }
        if Secrets.kind(in: keys) != nil {
            return leaveOut(Self.kind, source.place, "its keyring holds a private key: put the public one there")
        }
        var name = source.name
        var number = 1
        while blueprint.repositories[name] != nil {
            number += 1
            name = "\(source.name.utf8.prefix(50))-\(number)"
        }
        blueprint.repositories[name] = .archive(
            .init(uri: source.uri, suites: source.suites, components: source.components, signedBy: keys))
    }

    // MARK: - Sources

    /// The sources of packages that are switched on, one for each URI.
    private mutating func sources() -> [AptSource] {
        let folder = "/etc/apt/sources.list.d"
        let paths = names(in: folder, Self.kind).map { "\(folder)/\($0)" } + ["/etc/apt/sources.list"]
        var sources: [AptSource] = []
        for path in paths where !conffiles.contains(path) {
            let parsed: AptSources
            switch path {
            case _ where path.hasSuffix(".sources"): parsed = AptSources(deb822: bytes(of: path, Self.kind) ?? [], path)
            case _ where path.hasSuffix(".list"): parsed = AptSources(lines: lines(of: path, Self.kind), path)
            default: continue
            }
            for (place, problem) in parsed.problems { leaveOut(Self.kind, place, problem) }
            sources += parsed.sources
            if parsed.problems.isEmpty { explain(path) }
        }
        return sources
    }

    // MARK: - Keys

    /// The bytes of the keys that may sign a source; nil where they are not to be had, which is noted.
    private mutating func keys(of source: AptSource) -> [UInt8]? {
        if let key = source.embeddedKey { return Array(key.utf8) }
        var paths = source.keyrings
        if paths.isEmpty {
            let folder = "/etc/apt/trusted.gpg.d"
            paths = names(in: folder, Self.kind).filter { $0.hasSuffix(".gpg") || $0.hasSuffix(".asc") }
                .map { "\(folder)/\($0)" }
            if (try? root.statusOfLink("/etc/apt/trusted.gpg")) != nil { paths.append("/etc/apt/trusted.gpg") }
        }
        let rings = paths.compactMap { path in bytes(of: path, Self.kind).map { (path: path, bytes: $0) } }
        let armored = rings.filter { $0.bytes.starts(with: "-----BEGIN".utf8) }
        guard !rings.isEmpty, rings.count == paths.count, armored.isEmpty || armored.count == rings.count else {
            let problem = rings.isEmpty ? "has no keys" : "has keys that are missing, or of both forms"
            leaveOut(Self.kind, source.place, "it \(problem); name one keyring by Signed-By, and copy again")
            return nil
        }
        for ring in rings where ring.path.hasPrefix("/etc/apt/keyrings/") { explain(ring.path) }
        // Both forms may stand behind each other.
        return rings.flatMap(\.bytes)
    }
}

private func withoutSlash(_ uri: String) -> String { uri.hasSuffix("/") ? String(uri.dropLast()) : uri }

/// A source of packages, as in sources.list(5).
struct AptSource: Equatable {
    /// What a blueprint may call it.
    var name: String
    /// File and line, for messages.
    var place: String
    var uri: String
    var suites: [String]
    var components: [String]
    /// The files with the keys that may sign it; none where all trusted ones may.
    var keyrings: [String] = []
    /// A key that stands in the source itself.
    var embeddedKey: String?

    /// Whether it is an archive of this release of Debian itself.
    func isDebian(_ release: String) -> Bool {
        // The last is what Debian 10 called its security archive.
        let own = [release, "stable", "oldstable"].flatMap { [$0, "\($0)-updates", "\($0)-security", "\($0)/updates"] }
        let keyring = "/usr/share/keyrings/debian-archive-"
        let directory = parts(of: withoutSlash(uri), at: "/").last ?? ""
        guard suites.allSatisfy(own.contains), !suites.isEmpty, embeddedKey == nil else { return false }
        if !keyrings.isEmpty { return keyrings.allSatisfy { $0.hasPrefix(keyring) } }
        return ["debian", "debian-security"].contains(directory) && components.contains("main")
    }
}

/// The sources of one file, and what is wrong with the others in it.
struct AptSources {
    private(set) var sources: [AptSource] = []
    /// File and line, and what is wrong.
    private(set) var problems: [(place: String, problem: String)] = []

    /// Reads the paragraphs of a `.sources` file.
    init(deb822 bytes: [UInt8], _ file: String) {
        let stanzas: [Deb822.Stanza]
        do throws(Deb822.SyntaxError) {
            stanzas = try Deb822.parse(bytes, file: file)
        } catch {
            problems.append(("\(file):\(error.line)", error.message))
            return
        }
        for stanza in stanzas where !["no", "false", "0"].contains((stanza["Enabled"] ?? "yes").lowercased()) {
            let place = "\(file):\(stanza.line)"
            guard words(of: stanza["Types"] ?? "").contains("deb") else { continue }
            let uris = words(of: stanza["URIs"] ?? "")
            guard !uris.isEmpty else {
                problems.append((place, "the paragraph has no URIs"))
                continue
            }
            var source = AptSource(
                name: Self.name(of: file), place: place, uri: "", suites: words(of: stanza["Suites"] ?? "").unique,
                components: words(of: stanza["Components"] ?? "").unique)
            if let field = stanza.field("Signed-By"), !field.value.isEmpty {
                let lines = field.lines.map(trimmed)
                if lines.contains(where: { $0.hasPrefix("-----BEGIN") }) {
                    // deb822(5): an empty line of a value is written as a point.
                    source.embeddedKey = lines.drop { $0.isEmpty }.map { ($0 == "." ? "" : $0) + "\n" }.joined()
                } else {
                    source.keyrings = words(of: field.value.replacing(",", with: " ")).filter { $0.hasPrefix("/") }
                }
            }
            for uri in uris.unique {
                source.uri = uri
                sources.append(source)
            }
        }
    }

    /// Reads the lines of a `.list` file: `deb [OPTION=VALUE…] URI SUITE COMPONENT…`.
    init(lines: [TextLine], _ file: String) {
        for line in lines {
            guard let text = line.content else { continue }
            let place = "\(file):\(line.number)"
            // A comment may follow.
            var rest = words(of: parts(of: text, at: "#")[0])[...]
            let type = rest.popFirst()
            if type == "deb-src" { continue }
            var options = ""
            if rest.first?.hasPrefix("[") == true {
                while let word = rest.popFirst() {
                    options += " \(word)"
                    if word.hasSuffix("]") { break }
                }
            }
            guard type == "deb", let uri = rest.popFirst(), let suite = rest.popFirst(), !uri.hasPrefix("[") else {
                problems.append((place, "it is not of the form 'deb [OPTIONS] URI SUITE COMPONENTS'"))
                continue
            }
            var source = AptSource(
                name: Self.name(of: file), place: place, uri: uri, suites: [suite], components: Array(rest).unique)
            for option in words(of: options.filter { $0 != "[" && $0 != "]" }) where option.hasPrefix("signed-by=") {
                source.keyrings = parts(of: option.dropFirst("signed-by=".count), at: ",").filter { $0.hasPrefix("/") }
            }
            // Lines of one archive that differ in their suite only are one source.
            if let index = sources.firstIndex(where: {
                $0.uri == source.uri && $0.components == source.components && $0.keyrings == source.keyrings
            }) {
                if !sources[index].suites.contains(suite) { sources[index].suites.append(suite) }
            } else {
                sources.append(source)
            }
        }
    }

    /// The file's name without its ending, as a blueprint may have it.
    private static func name(of file: String) -> String {
        let base = parts(of: file, at: "/").last ?? ""
        let stem = parts(of: base, at: ".").dropLast().joined(separator: "-").lowercased()
        let bytes = stem.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
            default: UInt8(ascii: "-")
            }
        }
        let name = String(decoding: bytes.drop { $0 == UInt8(ascii: "-") }.prefix(50), as: UTF8.self)
        return name.isEmpty ? "archive" : name
    }
}
