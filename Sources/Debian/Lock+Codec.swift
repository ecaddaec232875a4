public import LinuxSystem

// The lock's text is a control file (deb822(5)): one paragraph for the lock, then one for each release, package, image,
// user and group, each kind in its order. Whoever reads a change of it sees one line for one fact.

// MARK: - Writing

extension Lock {
    /// The version of the format that this code writes, and the only one it reads.
    static let format = "1"

    /// The lock's text: the same lock is always the same bytes.
    public var text: String {
        var head = Deb822.Stanza([
            Deb822.Field("Pisces-Lock", Self.format),
            Deb822.Field("Blueprint", blueprintName),
            Deb822.Field("Blueprint-SHA256", blueprint.hex),
            Deb822.Field("Architecture", architecture),
            Deb822.Field("Epoch", "\(epoch)"),
        ])
        if !tools.isEmpty {
            let names = tools.keys.sorted(by: bytesPrecede)
            head["Tools"] = names.map { "\n \($0) \(tools[$0] ?? "")" }.joined()
        }
        let stanzas =
            [head] + releases.sorted { bytesPrecede($0.name, $1.name) }.map(Self.stanza)
            + packages.sorted(by: LockedPackage.precedes).map { Self.stanza(of: $0) }
            + toolPackages.sorted(by: LockedPackage.precedes).map { Self.stanza(of: $0, role: "tool") }
            + images.sorted { bytesPrecede($0.reference, $1.reference) }.map { Self.stanza(of: $0) }
            + Self.stanzas(users, "User", "Uid") + Self.stanzas(groups, "Group", "Gid")
        return Deb822.write(stanzas)
    }

    /// The digest of the lock's text.
    public var digest: Digest { SHA256.hash(Array(text.utf8)) }

    private static func stanza(of release: LockedRelease) -> Deb822.Stanza {
        Deb822.Stanza([
            Deb822.Field("Release", release.name),
            Deb822.Field("URI", release.uri),
            Deb822.Field("Suite", release.suite),
            Deb822.Field("Components", release.components.joined(separator: " ")),
            Deb822.Field("SHA256", release.digest.hex),
            Deb822.Field("Date", Timestamp.text(release.date)),
        ])
    }

    private static func stanza(of package: LockedPackage, role: String? = nil) -> Deb822.Stanza {
        var stanza = Deb822.Stanza([
            Deb822.Field("Package", package.name),
            Deb822.Field("Version", package.version.description),
            Deb822.Field("Architecture", package.architecture),
        ])
        stanza["Role"] = role
        if package.isEssential { stanza["Essential"] = "yes" }
        stanza["Priority"] = package.priority
        switch package.source {
        case .release(let name): stanza["Source-Release"] = name
        case .directory(let name): stanza["Source-Directory"] = name
        case .system(let origin): stanza["Source-System"] = origin.rawValue
        }
        stanza["Filename"] = package.filename
        stanza["Size"] = "\(package.size)"
        stanza["SHA256"] = package.digest.hex
        stanza["Installed"] = package.isManual ? "manual" : "auto"
        if !package.pristine.isEmpty {
            // The sum first: a path may have spaces.
            let conffiles = package.pristine.sorted { bytesPrecede($0.key, $1.key) }
            stanza["Conffiles"] = conffiles.map { "\n \($0.value) \($0.key)" }.joined()
        }
        return stanza
    }

    private static func stanza(of image: LockedImage) -> Deb822.Stanza {
        var blobs = [(image.manifest, "manifest"), (image.config, "config")] + image.layers.map { ($0, "layer") }
        if let index = image.index { blobs.insert((index, "index"), at: 0) }
        return Deb822.Stanza([
            Deb822.Field("Image", image.reference),
            Deb822.Field("Blobs", blobs.map { "\n \($0.digest) \($0.size) \($1)" }.joined()),
        ])
    }

    private static func stanzas(_ ids: [String: UInt32], _ name: String, _ id: String) -> [Deb822.Stanza] {
        ids.sorted { bytesPrecede($0.key, $1.key) }.map {
            Deb822.Stanza([Deb822.Field(name, $0.key), Deb822.Field(id, "\($0.value)")])
        }
    }
}

// MARK: - Reading

extension Lock {
    /// Reads a lock. A field or a paragraph this version does not know is an error, so is one that is there twice: a
    /// lock that is half understood would be a different lock. Errors name file and line.
    public init(parsing bytes: [UInt8], file: String) throws(Deb822.SyntaxError) {
        let stanzas = try Deb822.parse(bytes, file: file)
        guard let first = stanzas.first, first.field("Pisces-Lock") != nil else {
            throw Deb822.SyntaxError(file: file, line: 1, "not a lock: the first field must be 'Pisces-Lock: 1'")
        }
        var head = Reader(first, file)
        let format = try head.text("Pisces-Lock")
        guard format == Self.format else {
            throw head.error("Pisces-Lock", "the format is \(format), this version of Pisces reads \(Self.format)")
        }
        self.init(
            blueprintName: try head.text("Blueprint"), blueprint: try head.digest("Blueprint-SHA256"),
            architecture: try head.word("Architecture"), epoch: try head.number("Epoch", in: 0...0xFFFF_FFFF),
            tools: try head.tools())
        try head.end()

        var lines: [String: Int] = [:]
        for stanza in stanzas.dropFirst() {
            var reader = Reader(stanza, file)
            let key = try add(&reader)
            try reader.end()
            if let earlier = lines.updateValue(stanza.line, forKey: key) {
                throw Deb822.SyntaxError(
                    file: file, line: stanza.line, "\(key) is there twice; it was first given in line \(earlier)")
            }
        }
        try checkSources(stanzas, file)
        releases.sort { bytesPrecede($0.name, $1.name) }
        packages.sort(by: LockedPackage.precedes)
        toolPackages.sort(by: LockedPackage.precedes)
        images.sort { bytesPrecede($0.reference, $1.reference) }
    }

    /// Takes in one paragraph; returns what it is about.
    private mutating func add(_ reader: inout Reader) throws(Deb822.SyntaxError) -> String {
        switch reader.stanza.fields.first?.name {
        case "Release":
            let release = try LockedRelease(&reader)
            releases.append(release)
            return "release \(release.name)"
        case "Package":
            let isTool = try reader.choice("Role", ["tool": true], otherwise: false)
            let package = try LockedPackage(&reader)
            if isTool { toolPackages.append(package) } else { packages.append(package) }
            return "package \(package.name):\(package.architecture)\(isTool ? " as a tool" : "")"
        case "Image":
            let image = try LockedImage(&reader)
            images.append(image)
            return "image \(image.reference)"
        case "User":
            let name = try reader.word("User")
            users[name] = try reader.number("Uid")
            return "user \(name)"
        case "Group":
            let name = try reader.word("Group")
            groups[name] = try reader.number("Gid")
            return "group \(name)"
        case let other:
            throw reader.error(
                other ?? "", "a paragraph begins with Release, Package, Image, User or Group, not with '\(other ?? "")'"
            )
        }
    }

    /// Every package must come from a release of this lock.
    private func checkSources(_ stanzas: [Deb822.Stanza], _ file: String) throws(Deb822.SyntaxError) {
        let known = Set(releases.map(\.name))
        for stanza in stanzas {
            guard let field = stanza.field("Source-Release"), !known.contains(field.value) else { continue }
            throw Deb822.SyntaxError(
                file: file, line: field.line, "there is no paragraph 'Release: \(field.value)' in this lock")
        }
    }
}

extension LockedRelease {
    fileprivate init(_ reader: inout Reader) throws(Deb822.SyntaxError) {
        self.init(
            name: try reader.word("Release"), uri: try reader.word("URI"), suite: try reader.word("Suite"),
            components: words(of: try reader.text("Components")), digest: try reader.digest("SHA256"),
            date: try reader.date("Date"))
    }
}

extension LockedPackage {
    fileprivate init(_ reader: inout Reader) throws(Deb822.SyntaxError) {
        let name = try reader.word("Package")
        let versionText = try reader.word("Version")
        guard let version = DebianVersion(versionText) else {
            throw reader.error("Version", "'\(versionText)' is not a version (deb-version(7))")
        }
        let essential = try reader.choice("Essential", ["yes": true], otherwise: false)
        let priority = try reader.optionalText("Priority")
        let source: Source
        if let release = try reader.optionalText("Source-Release") {
            source = .release(release)
        } else if let text = try reader.optionalText("Source-System") {
            guard let origin = Origin(rawValue: text) else {
                throw reader.error("Source-System", "'Source-System' is installed or repacked, not '\(text)'")
            }
            source = .system(origin)
        } else {
            source = .directory(try reader.text("Source-Directory"))
        }
        let filename = try reader.text("Filename")
        // The name becomes part of a URI or of a path: it must stay below where it is put.
        if filename.utf8.first == UInt8(ascii: "/")
            || filename.utf8.split(separator: UInt8(ascii: "/")).contains(where: { $0.elementsEqual("..".utf8) })
        {
            throw reader.error("Filename", "'\(filename)' must be a relative path without '..'")
        }
        // Far above any package, far below what sums could overflow.
        let size: Int64 = try reader.number("Size", in: 0...1 << 40)
        self.init(
            name: name, version: version, architecture: try reader.word("Architecture"), isEssential: essential,
            priority: priority, source: source, filename: filename, size: size, digest: try reader.digest("SHA256"),
            isManual: try reader.choice("Installed", ["manual": true, "auto": false]))
        pristine = try reader.conffiles()
    }
}

extension LockedImage {
    fileprivate init(_ reader: inout Reader) throws(Deb822.SyntaxError) {
        let reference = try reader.word("Image")
        var blobs: [String: [Blob]] = [:]
        for (number, parts) in reader.rows("Blobs") {
            guard parts.count == 3, let digest = Digest(hex: parts[0]), let size = Int64(parts[1]), size >= 0,
                ["index", "manifest", "config", "layer"].contains(parts[2])
            else {
                throw Deb822.SyntaxError(
                    file: reader.file, line: number, "wanted SHA-256, size and index, manifest, config or layer")
            }
            blobs[parts[2], default: []].append(Blob(digest: digest, size: size))
        }
        let indexes = blobs["index"] ?? []
        guard let manifest = blobs["manifest"], manifest.count == 1, let config = blobs["config"], config.count == 1,
            indexes.count <= 1
        else { throw reader.error("Blobs", "an image has one manifest, one config and at most one index") }
        self.init(
            reference: reference, index: indexes.first, manifest: manifest[0], config: config[0],
            layers: blobs["layer"] ?? [])
    }
}

/// Takes the fields out of a paragraph one by one; what is left at the end is unknown.
private struct Reader {
    let stanza: Deb822.Stanza
    let file: String
    var taken: Set<String> = []

    init(_ stanza: Deb822.Stanza, _ file: String) {
        self.stanza = stanza
        self.file = file
    }

    func error(_ name: String, _ message: String) -> Deb822.SyntaxError {
        Deb822.SyntaxError(file: file, line: stanza.field(name)?.line ?? stanza.line, message)
    }

    mutating func optionalText(_ name: String) throws(Deb822.SyntaxError) -> String? {
        taken.insert(name)
        guard let field = stanza.field(name) else { return nil }
        if field.value.isEmpty { throw error(name, "'\(name)' is empty") }
        if field.value.utf8.contains(UInt8(ascii: "\n")) { throw error(name, "'\(name)' must be one line") }
        return field.value
    }

    mutating func text(_ name: String) throws(Deb822.SyntaxError) -> String {
        guard let text = try optionalText(name) else { throw error(name, "the field '\(name)' is missing") }
        return text
    }

    mutating func word(_ name: String) throws(Deb822.SyntaxError) -> String {
        let text = try text(name)
        if text.utf8.contains(where: isBlank) { throw error(name, "'\(text)' must be one word") }
        return text
    }

    mutating func digest(_ name: String) throws(Deb822.SyntaxError) -> Digest {
        let text = try text(name)
        guard let digest = Digest(hex: text) else { throw error(name, "'\(text)' is not 64 hexadecimal digits") }
        return digest
    }

    mutating func number<Number: FixedWidthInteger>(
        _ name: String, in range: ClosedRange<Number> = Number.min...Number.max
    ) throws(Deb822.SyntaxError) -> Number {
        let text = try text(name)
        guard let number = Number(text), "\(number)" == text, range.contains(number) else {
            throw error(name, "'\(text)' is not a number between \(range.lowerBound) and \(range.upperBound)")
        }
        return number
    }

    mutating func date(_ name: String) throws(Deb822.SyntaxError) -> Int64 {
        let text = try text(name)
        guard let date = Timestamp.parse(text) else {
            throw error(name, "'\(text)' is not a time of the form 2025-11-15T08:00:00Z")
        }
        return date
    }

    mutating func choice(
        _ name: String, _ values: [String: Bool], otherwise: Bool? = nil
    ) throws(Deb822.SyntaxError) -> Bool {
        guard let text = try otherwise == nil ? text(name) : optionalText(name) else { return otherwise ?? false }
        guard let value = values[text] else {
            let known = values.keys.sorted(by: bytesPrecede).joined(separator: " or ")
            throw error(name, "'\(name)' is \(known), not '\(text)'")
        }
        return value
    }

    mutating func tools() throws(Deb822.SyntaxError) -> [String: String] {
        var tools: [String: String] = [:]
        for (line, parts) in rows("Tools") {
            guard parts.count == 2, tools.updateValue(parts[1], forKey: parts[0]) == nil else {
                let text = parts.joined(separator: " ")
                throw Deb822.SyntaxError(file: file, line: line, "'\(text)' is not 'name version', each name once")
            }
        }
        return tools
    }

    /// The lines `MD5 /PATH`, each path once.
    mutating func conffiles() throws(Deb822.SyntaxError) -> [String: String] {
        var conffiles: [String: String] = [:]
        taken.insert("Conffiles")
        guard let field = stanza.field("Conffiles") else { return [:] }
        for (number, line) in lines(of: field.value).enumerated() where number > 0 || !line.isEmpty {
            let parts = trimmed(line).split(separator: " ", maxSplits: 1).map(String.init)
            guard parts.count == 2, MD5Digest(hex: Array(parts[0].utf8)) != nil,
                parts[1].utf8.first == UInt8(ascii: "/"),
                conffiles.updateValue(parts[0], forKey: parts[1]) == nil
            else {
                throw Deb822.SyntaxError(
                    file: file, line: field.line + number, "'\(trimmed(line))' is not 'MD5 /PATH', each path once")
            }
        }
        return conffiles
    }

    /// The words of each line of a field, with the line's number in the file; none where there is no such field.
    mutating func rows(_ name: String) -> [(line: Int, words: [String])] {
        taken.insert(name)
        guard let field = stanza.field(name) else { return [] }
        return lines(of: field.value).enumerated().compactMap { number, line in
            number == 0 && line.isEmpty ? nil : (field.line + number, words(of: line))
        }
    }

    func end() throws(Deb822.SyntaxError) {
        for field in stanza.fields where !taken.contains(where: { sameName($0, field.name) }) {
            throw Deb822.SyntaxError(
                file: file, line: field.line, "the field '\(field.name)' is not one that belongs here")
        }
    }
}
