internal import BlueprintModel
internal import LinuxSystem

extension Reading {
    private static let kind = "units"
    private static let folder = "/etc/systemd/system"

    /// Reads the administrator's units, drop-ins and links. What packages enable by themselves, and what other kinds of
    /// the blueprint enable, is not said again.
    mutating func readUnits(_ packages: InstalledPackages, into blueprint: inout Blueprint) throws {
        readOwnUnits(into: &blueprint.units)
        let links = enablingLinks()
        let standard = unitsEnabledByPackages(packages)
        var enabled: Set<String> = []
        for (path, unit) in links.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            guard let file = unitFile(unit), file.links.contains(path), TextForm.unitName.allows(unit) else { continue }
            explain("\(Self.folder)/\(path)")
            enabled.insert(unit)
        }
        enabledUnits = enabled
        blueprint.time.ntp = enabled.contains("systemd-timesyncd.service")
        let own = enabled.filter { standard[$0] == nil && !isMadeByPisces($0) }
        blueprint.units.enable = withoutImplied(own, by: blueprint).sorted(by: bytesPrecede)
        blueprint.units.disable = standard.filter { unit, paths in
            !paths.isEmpty && !enabled.contains(unit) && !blueprint.units.mask.contains(unit)
                && TextForm.unitName.allows(unit) && unitFile(unit) != nil && !paths.contains { links[$0] != nil }
        }.map(\.key).sorted(by: bytesPrecede)
    }

    private func isMadeByPisces(_ unit: String) -> Bool {
        unit.hasPrefix("pisces-") && report.explained.contains("\(Self.folder)/\(unit)")
            || unit == "pisces-ssh-keys.service"
    }

    /// The units without those that others enable with themselves, or that other kinds enable.
    private mutating func withoutImplied(_ units: Set<String>, by blueprint: Blueprint) -> Set<String> {
        var implied: [String] = []
        if !blueprint.network.links.isEmpty { implied.append("systemd-networkd.service") }
        if blueprint.time.ntp { implied.append("systemd-timesyncd.service") }
        var rest = units
        func remove(whatComesWith unit: String, in reading: inout Reading) {
            var open = [unit]
            var seen: Set<String> = [unit]
            while let next = open.popLast() {
                for other in reading.unitFile(next)?.also ?? [] where seen.insert(other).inserted {
                    rest.remove(other)
                    open.append(other)
                }
            }
        }
        for unit in implied {
            rest.remove(unit)
            remove(whatComesWith: unit, in: &self)
        }
        for unit in units.sorted(by: bytesPrecede) where rest.contains(unit) { remove(whatComesWith: unit, in: &self) }
        return rest
    }

    // MARK: - Files

    /// Units, drop-ins and masks in the administrator's folder.
    private mutating func readOwnUnits(into units: inout Blueprint.Units) {
        for name in names(in: Self.folder, Self.kind) {
            let path = "\(Self.folder)/\(name)"
            guard let type = (try? root.statusOfLink(path))??.type, !report.explained.contains(path) else { continue }
            if type == 0o120000, (try? root.linkTarget(path)) == "/dev/null", TextForm.unitName.allows(name) {
                units.mask.append(name)
                explain(path)
            } else if type == 0o100000, TextForm.unitName.allows(name), !conffiles.contains(path) {
                units.own[name] = unitText(path)
            } else if type == 0o040000, name.hasSuffix(".d"), TextForm.unitName.allows(String(name.dropLast(2))) {
                readDropIns(of: String(name.dropLast(2)), into: &units)
            }
        }
    }

    private mutating func readDropIns(of unit: String, into units: inout Blueprint.Units) {
        let folder = "\(Self.folder)/\(unit).d"
        for name in names(in: folder, Self.kind) where !conffiles.contains("\(folder)/\(name)") {
            let path = "\(folder)/\(name)"
            guard TextForm.dropInName.allows(name), (try? root.statusOfLink(path))??.type == 0o100000 else { continue }
            if let text = unitText(path) { units.dropIns[unit, default: [:]][name] = text }
        }
        if units.dropIns[unit] != nil { explain(folder) }
    }

    /// The text of a unit or drop-in; nil for what is none, which stays a file, and for what holds a secret.
    private mutating func unitText(_ path: String) -> [UInt8]? {
        guard let bytes = bytes(of: path, Self.kind) else { return nil }
        guard !bytes.contains(0), String(validating: bytes, as: UTF8.self) != nil else {
            leaveOut(Self.kind, path, "it is no text: it stays a file")
            return nil
        }
        if let secret = SecretFiles.kind(in: bytes) {
            leaveOut(Self.kind, path, "it holds \(secret): give it to the unit by LoadCredential=")
            return nil
        }
        explain(path)
        return bytes
    }

    // MARK: - Links

    /// The links that enable units, by their place below the administrator's folder, with the unit that they start.
    private mutating func enablingLinks() -> [String: String] {
        var links: [String: String] = [:]
        for name in names(in: Self.folder, Self.kind) {
            if [".wants", ".requires", ".upholds"].contains(where: name.hasSuffix) {
                for unit in names(in: "\(Self.folder)/\(name)", Self.kind)
                where (try? root.linkTarget("\(Self.folder)/\(name)/\(unit)")) != nil {
                    links["\(name)/\(unit)"] = unit
                }
            } else if let target = try? root.linkTarget("\(Self.folder)/\(name)"), target != "/dev/null" {
                links[name] = parts(of: target, at: "/").last
            }
        }
        return links
    }

    /// The [Install] section of a unit, wherever its file is; nil where there is none.
    private mutating func unitFile(_ name: String) -> UnitFile? {
        for file in [name] + (UnitFile.template(of: name).map { [$0] } ?? []) {
            for folder in [Self.folder, "/usr/lib/systemd/system", "/lib/systemd/system"] {
                let path = "\(folder)/\(file)"
                guard (try? root.linkTarget(path)) != "/dev/null", let bytes = bytes(of: path, Self.kind) else {
                    continue
                }
                return UnitFile(TextLine.lines(of: bytes).lines, name: name)
            }
        }
        return nil
    }

    private mutating func presets() -> Presets {
        // A file in the administrator's folder stands for the one of its name that a package has.
        var folders: [String: String] = [:]
        for folder in ["/usr/lib/systemd/system-preset", "/etc/systemd/system-preset"] {
            for name in names(in: folder, Self.kind) where name.hasSuffix(".preset") { folders[name] = folder }
        }
        var presets = Presets()
        for (name, folder) in folders.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            presets.add(lines(of: "\(folder)/\(name)", Self.kind))
        }
        return presets
    }

    /// The units that packages enable when they are installed, with the links that they make for it where these are
    /// known: deb-systemd-helper(1) keeps them, other scripts only name the unit.
    private mutating func unitsEnabledByPackages(_ packages: InstalledPackages) -> [String: [String]] {
        var units: [String: [String]] = [:]
        let records = "/var/lib/systemd/deb-systemd-helper-enabled"
        for file in names(in: records, Self.kind) where file.hasSuffix(".dsh-also") {
            let links = lines(of: "\(records)/\(file)", Self.kind).map(\.text)
                .filter { $0.hasPrefix("\(Self.folder)/") }.map { String($0.dropFirst(Self.folder.count + 1)) }
            // On record are also units that their package leaves disabled: only links that it made are there, too.
            let made = links.filter { ((try? root.statusOfLink("\(records)/\($0)")) ?? nil) != nil }
            if !made.isEmpty { units[String(file.dropLast(".dsh-also".count))] = made }
        }
        // Where a preset is against it, deb-systemd-helper keeps its record and makes no link.
        let presets = presets()
        units = units.filter { !presets.disable($0.key) }
        let scripts = "/var/lib/dpkg/info"
        for file in names(in: scripts, Self.kind) where file.hasSuffix(".postinst") {
            for line in lines(of: "\(scripts)/\(file)", Self.kind) {
                let words = words(of: line.text)
                guard words.contains("enable"), words.contains(where: { $0.hasSuffix("systemctl") }) else { continue }
                for unit in words.map(unquoted) where TextForm.unitName.allows(unit) && units[unit] == nil {
                    units[unit] = unitFile(unit)?.links ?? []
                }
            }
        }
        return units
    }
}
