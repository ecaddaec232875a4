internal import BlueprintModel
internal import Debian
internal import LinuxSystem

/// What the maintainer scripts of the installed packages write when they are configured.
///
/// Many files that no package owns are the text of a here-document (sh(1)), or are touched. As long as they are just
/// that, the constructed system has them by its packages.
struct MaintainerScripts {
    /// The package whose script has a here-document, by its text, for each line that names where it goes.
    private var documents: [[UInt8]: [(command: String, package: String)]] = [:]
    /// Lines that make an empty file.
    private var touches: [(command: String, package: String)] = []
    /// Lines that make a program a login shell (add-shell(8)).
    private var shells: [String] = []
    /// Symlinks in `/etc` by path, with their targets: what a person has a choice of.
    private(set) var links: [String: (target: String, package: String)] = [:]
    /// Scripts that call setcap(8), with their packages.
    private var capabilities: [(script: String, package: String)] = []
    /// Scripts that call dpkg-statoverride(1).
    private var overriding: [String] = []
    /// Scripts that call update-alternatives(1).
    private var offering: [String] = []
    /// The packages that these are of, as the files of dpkg's database name them.
    private(set) var registering: Set<String> = []

    /// Reads the scripts of a root.
    init(_ root: SourceRoot) {
        let folder = "/var/lib/dpkg/info"
        for name in DpkgState.names(in: folder, root) {
            guard let dot = name.lastIndex(of: "."), ["preinst", "postinst"].contains(name[dot...].dropFirst()),
                let bytes = try? root.read("\(folder)/\(name)", limit: 1 << 20)
            else { continue }
            add(bytes, of: String(name[..<dot].prefix { $0 != ":" }))
            if holds(bytes, "dpkg-statoverride") { overriding.append(String(decoding: bytes, as: UTF8.self)) }
            if holds(bytes, "update-alternatives") {
                offering.append(String(decoding: bytes, as: UTF8.self))
                registering.insert(String(name[..<dot]))
            }
        }
    }

    /// Whether a script makes an override just as it is: it names the path, the owner, the group and the mode. What
    /// somebody has changed since is not among its words.
    func makes(_ override: DpkgDatabase.StatOverride) -> Bool {
        overriding.contains { script in
            guard Self.names(override.path, in: script) else { return false }
            let words = Set(Self.names(in: script))
            let mode = String(override.mode, radix: 8)
            return words.contains(override.user) && words.contains(override.group)
                && ["", "0", "00"].contains { words.contains($0 + mode) }
        }
    }

    /// Whether a script that calls update-alternatives(1) names a path.
    func registers(_ path: String) -> Bool { offering.contains { Self.names(path, in: $0) } }

    /// The package whose script makes a file with this content; nil if none does.
    func author(of path: String, _ content: [UInt8]) -> String? {
        let known = content.isEmpty ? touches : documents[content] ?? []
        return known.first { Self.names(path, in: $0.command) }?.package
    }

    /// Whether a script makes a program a login shell.
    func isShell(_ path: String) -> Bool { shells.contains { Self.names(path, in: $0) } }

    /// The package whose script gives a program these capabilities; nil if none does.
    ///
    /// Scripts keep the path in variables, so that its last name and the capabilities' have to do.
    func giver(of capabilities: Blueprint.Capabilities?, _ path: String) -> String? {
        guard let capabilities, let name = path.split(separator: "/").last else { return nil }
        let words = [String(name)] + parts(of: capabilities.text, at: "=")[0].split(separator: ",").map(String.init)
        return self.capabilities.first { known in words.allSatisfy { known.script.contains($0) } }?.package
    }

    private mutating func add(_ script: [UInt8], of package: String) {
        if holds(script, "setcap ") { capabilities.append((String(decoding: script, as: UTF8.self), package)) }
        var lines = script.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)[...]
        while let line = lines.popFirst() {
            guard ["<<", "ln", "touch ", "add-shell "].contains(where: { holds(line, $0) }) else { continue }
            let command = String(decoding: line, as: UTF8.self)
            if holds(line, "touch ") { touches.append((command, package)) }
            if holds(line, "add-shell ") { shells.append(command) }
            if let link = Self.link(command) { links[link.path] = (link.target, package) }
            guard let start = HereDocument(command) else { continue }
            var text: [UInt8] = []
            while let next = lines.popFirst() {
                let line = start.isIndented ? next.drop { $0 == UInt8(ascii: "\t") } : next
                if line.elementsEqual(start.end.utf8) { break }
                text += start.isLiteral ? Array(line) : Self.unescaped(line)
                text.append(UInt8(ascii: "\n"))
            }
            documents[text, default: []].append((command, package))
        }
    }

    /// What `ln -s TARGET /etc/PATH` makes, where both are written out.
    private static func link(_ command: String) -> (path: String, target: String)? {
        let words = words(of: command)
        guard let start = words.firstIndex(of: "ln"), words.count == start + 4, words[start + 1].hasPrefix("-s"),
            words[(start + 2)...].allSatisfy({ $0.utf8.allSatisfy(isOfPath) }), words[start + 3].hasPrefix("/etc/")
        else { return nil }
        return (words[start + 3], words[start + 2])
    }

    /// Without the backslashes that keep the shell from expanding what follows.
    private static func unescaped(_ line: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var rest = line
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), let next = rest.first, "$`\\".utf8.contains(next) {
                rest.removeFirst()
                result.append(next)
            } else {
                result.append(byte)
            }
        }
        return result
    }

    /// Whether a command names a path, and no longer one.
    private static func names(_ path: String, in command: String) -> Bool {
        command.utf8.split { !isOfPath($0) }.contains { word in
            // The root that dpkg works on may come before it.
            word.count >= path.utf8.count && word.suffix(path.utf8.count).elementsEqual(path.utf8)
        }
    }

    /// Runs of what the names of accounts and numbers have.
    private static func names(in script: String) -> [String] {
        script.utf8.split { byte in !isOfPath(byte) || "/:".utf8.contains(byte) }.map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private static func isOfPath(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "/._-+@:".utf8.contains(byte)
        }
    }
}

/// The beginning of a here-document: `cat > /etc/file <<-'END'`.
private struct HereDocument {
    let end: String
    /// Whether tabs at the beginnings of lines do not count.
    let isIndented: Bool
    /// Whether the shell takes the text as it is.
    let isLiteral: Bool

    /// Nil for a command without one.
    init?(_ command: String) {
        let bytes = Array(command.utf8)
        let marks = bytes.indices.dropLast().filter {
            bytes[$0] == UInt8(ascii: "<") && bytes[$0 + 1] == UInt8(ascii: "<")
        }
        guard marks.count == 1, let mark = marks.first else { return nil }
        var rest = bytes[(mark + 2)...]
        isIndented = rest.first == UInt8(ascii: "-")
        if isIndented { rest.removeFirst() }
        rest = rest.drop(while: isBlank)
        let quotes = "'\"\\".utf8
        isLiteral = rest.first.map(quotes.contains) ?? false
        if isLiteral { rest.removeFirst() }
        let word = rest.prefix { !isBlank($0) && !quotes.contains($0) && !";|&<>()".utf8.contains($0) }
        guard !word.isEmpty else { return nil }
        end = String(decoding: word, as: UTF8.self)
    }
}
