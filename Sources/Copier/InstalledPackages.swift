internal import BlueprintModel
internal import Debian
internal import LinuxSystem

/// What dpkg and apt have written down about the packages of a system.
struct InstalledPackages {
    /// A package whose files are there.
    struct Package {
        var control: Deb822.Stanza
        var name: String
        /// Where only others wanted it (apt-mark(8)).
        var isAutomatic = false
        /// Whether it is to stay at its version (apt-mark(8)).
        var isHeld: Bool { words(of: control["Status"] ?? "").first == "hold" }
        /// Whether every system has it. A priority is the package's own word, which the archive may overrule: it counts
        /// only where nobody asked for the package.
        var isBase: Bool { control["Essential"] == "yes" || (control["Priority"] == "required" && isAutomatic) }
        /// The files that dpkg keeps as the administrator left them.
        var conffiles: [String] {
            (control.field("Conffiles")?.lines ?? []).compactMap { words(of: $0).first }
        }
    }

    /// By name.
    var packages: [Package] = []
    /// Debian's name of the machine.
    var architecture = ""
    /// The packages that are there in another way than installed, and why the blueprint cannot say so.
    var remarks: [(name: String, reason: String)] = []

    /// Reads dpkg's database.
    ///
    /// - Parameters:
    ///   - status: the file `status`.
    ///   - updates: the files of the journal, in the order of their names: newer paragraphs of single packages.
    ///   - extendedStates: apt's marks; nil where there are none.
    ///   - directory: what messages call the database.
    init(
        status: [UInt8], updates: [(name: String, bytes: [UInt8])], extendedStates: [UInt8]?, directory: String
    ) throws {
        var stanzas: [String: Deb822.Stanza] = [:]
        for (name, bytes) in [("status", status)] + updates.map({ ("updates/\($0.name)", $0.bytes) }) {
            let file = "\(directory)/\(name)"
            for stanza in try Self.parse(bytes, file) {
                let key = try Self.key(of: stanza, file)
                guard stanzas.updateValue(stanza, forKey: key) == nil || name != "status" else {
                    throw Self.broken("\(file):\(stanza.line): the package \(key) is there twice")
                }
            }
        }
        var kept: [Deb822.Stanza] = []
        for (_, stanza) in stanzas.sorted(by: { bytesPrecede($0.key, $1.key) }) where look(at: stanza) {
            kept.append(stanza)
        }
        guard let native = kept.first(where: { $0["Package"] == "dpkg" })?["Architecture"] else {
            throw CopyError(
                "\(directory)/status: the package dpkg is not installed", hint: "name the root of a Debian system")
        }
        architecture = native
        for stanza in kept {
            let (name, own) = (stanza["Package"] ?? "", stanza["Architecture"] ?? "")
            guard ["all", native].contains(own) else {
                remarks.append(("\(name):\(own)", "the blueprint has packages of one architecture, \(native)"))
                continue
            }
            packages.append(Package(control: stanza, name: name))
        }
        if let extendedStates { try mark(extendedStates) }
    }

    private static func parse(_ bytes: [UInt8], _ file: String) throws -> [Deb822.Stanza] {
        do throws(Deb822.SyntaxError) {
            return try Deb822.parse(bytes, file: file)
        } catch {
            throw broken("\(error)")
        }
    }

    private static func broken(_ message: String) -> CopyError {
        CopyError(
            message,
            hint: "correct that line, or restore the file from /var/backups or from the file of its name with "
                + "\"-old\" behind it, and see that `dpkg --audit` is content")
    }

    private static func key(of stanza: Deb822.Stanza, _ file: String) throws -> String {
        guard let name = stanza["Package"], TextForm.packageName.allows(name) else {
            throw broken("\(file):\(stanza.line): a paragraph without the name of a package")
        }
        guard words(of: stanza["Status"] ?? "").count == 3 else {
            throw broken("\(file):\(stanza.line): the package \(name) has no Status of three words")
        }
        return "\(name):\(stanza["Architecture"] ?? "")"
    }

    /// Whether the package counts as installed; notes what is remarkable about it.
    private mutating func look(at stanza: Deb822.Stanza) -> Bool {
        let status = words(of: stanza["Status"] ?? "")
        let name = stanza["Package"] ?? ""
        switch status[2] {
        case "installed", "triggers-awaited", "triggers-pending": break
        case "unpacked", "half-configured":
            remarks.append((name, "it is \(status[2]); the copy will have it whole"))
        case "half-installed":
            remarks.append((name, "it is half installed, and not in the copy; `apt-get -f install` mends it"))
            return false
        default:
            if status[0] == "hold" { remarks.append((name, "it is held, but not installed: there is nothing to hold")) }
            return false
        }
        if status[0] == "deinstall" || status[0] == "purge" {
            remarks.append((name, "it is to be removed, but still there, and so in the copy"))
        }
        return true
    }

    /// Reads apt's marks.
    private mutating func mark(_ bytes: [UInt8]) throws {
        let file = "/var/lib/apt/extended_states"
        let stanzas: [Deb822.Stanza]
        do throws(Deb822.SyntaxError) {
            stanzas = try Deb822.parse(bytes, file: file)
        } catch {
            throw CopyError(
                "\(error)", hint: "correct that line, or remove its paragraph: the package is then wanted by itself")
        }
        var automatic: Set<String> = []
        for stanza in stanzas where stanza["Auto-Installed"] == "1" {
            guard ["all", architecture, nil].contains(stanza["Architecture"]), let name = stanza["Package"] else {
                continue
            }
            automatic.insert(name)
        }
        for index in packages.indices { packages[index].isAutomatic = automatic.contains(packages[index].name) }
    }
}

extension Reading {
    /// Reads dpkg's and apt's registers.
    mutating func installedPackages() throws -> InstalledPackages {
        let directory = "/var/lib/dpkg"
        guard let status = try root.read("\(directory)/status", limit: 256 << 20) else {
            throw CopyError(
                "\(root.directory.name): this is no Debian system: there is no \(directory)/status",
                hint: "name the root of a Debian system by --root")
        }
        // Those of dpkg are numbers; others are on their way, and count for nothing (dpkg's dbmodify.c).
        let names = try root.listing(of: "\(directory)/updates").names.filter { name in
            name.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        let updates = try names.compactMap { name in
            try root.read("\(directory)/updates/\(name)").map { (name, $0) }
        }
        if !updates.isEmpty {
            leaveOut("packages", "\(directory)/updates", "dpkg is at work: copy again when it is done")
        }
        let packages = try InstalledPackages(
            status: status, updates: updates, extendedStates: try root.read("/var/lib/apt/extended_states"),
            directory: directory)
        conffiles = Set(packages.packages.flatMap(\.conffiles))
        for (name, reason) in packages.remarks { leaveOut("packages", name, reason) }
        return packages
    }
}
