import LinuxSystem

/// A target of Package.swift and the modules that its sources may import.
struct Module: Equatable {
    let name: String
    /// Counted from the bottom.
    let layer: Int
    let imports: Set<String>

    init(_ name: String, layer: Int, imports: Set<String> = []) {
        self.name = name
        self.layer = layer
        self.imports = imports
    }

    var isLibrary: Bool { layer >= 1 && !Module.executables.contains(name) }

    static let executables: Set = ["pisces", "pisces-enter", "pisces-init"]

    /// What any source may import: the platform. Not Foundation, whose data weigh more than all of Pisces.
    static let platform: Set = ["Dispatch", "Glibc", "Synchronization"]

    /// Who may import whom. README shows the same table, Package.swift declares the same dependencies.
    static let all = [
        Module("CLinux", layer: 0),
        Module("CInit", layer: 0),
        Module("CArchive", layer: 0),
        Module("CFdisk", layer: 0),
        Module("CBlkid", layer: 0),
        Module("CYAML", layer: 0),
        Module("CCrypto", layer: 0),
        Module("CXXHash", layer: 0),
        Module("LinuxSystem", layer: 1, imports: ["CLinux", "CCrypto"]),
        Module("BlueprintModel", layer: 1, imports: ["CYAML"]),
        Module("Debian", layer: 1, imports: ["LinuxSystem"]),
        Module("ContentStore", layer: 1, imports: ["CXXHash", "LinuxSystem"]),
        Module("Archive", layer: 1, imports: ["CArchive", "LinuxSystem"]),
        Module("Disk", layer: 1, imports: ["CFdisk", "CBlkid", "CLinux", "LinuxSystem"]),
        Module("Filesystems", layer: 1, imports: ["LinuxSystem"]),
        Module("BootArtefacts", layer: 1, imports: ["LinuxSystem"]),
        Module("VirtualMachine", layer: 1, imports: ["LinuxSystem"]),
        Module("SlotMachine", layer: 1),
        Module(
            "Verifier", layer: 2,
            imports: ["BlueprintModel", "Disk", "Filesystems", "BootArtefacts", "LinuxSystem"]),
        Module(
            "Constructor", layer: 2,
            imports: [
                "BlueprintModel", "Debian", "ContentStore", "Archive", "Disk", "Filesystems", "BootArtefacts",
                "LinuxSystem",
            ]),
        Module("Health", layer: 2, imports: ["BlueprintModel", "LinuxSystem"]),
        Module(
            "Controller", layer: 3,
            imports: [
                "SlotMachine", "Verifier", "BlueprintModel", "Disk", "Filesystems", "BootArtefacts", "LinuxSystem",
            ]),
        Module(
            "pisces", layer: 5,
            imports: [
                "Controller", "SlotMachine", "Constructor", "Verifier", "Health", "BlueprintModel", "Debian",
                "ContentStore",
                "Disk", "VirtualMachine", "LinuxSystem", "ArgumentParser",
            ]),
        Module("pisces-enter", layer: 5),
        Module("pisces-init", layer: 5, imports: ["CInit"]),
    ]

    /// The imports in `modules` that do not point downwards. LinuxSystem is what the rest of its layer stands on.
    static func upwardImports(in modules: [Module]) -> [String] {
        modules.flatMap { module in
            modules.filter { module.imports.contains($0.name) }
                .filter { $0.layer > module.layer || ($0.layer == module.layer && $0.name != "LinuxSystem") }
                .map { "\(module.name) imports \($0.name)" }
                .sorted(by: bytesPrecede)
        }
    }

    /// The imports of `file` that `modules` do not allow. The tests of a module may import it and what it may import;
    /// tests of no single module may import any.
    static func forbiddenImports(of file: SourceFile, in modules: [Module]) -> [String] {
        guard let target = file.target, let code = file.code else { return [] }
        var allowed = platform
        if file.path.hasPrefix("Tests/") {
            let tested = target.hasSuffix("Tests") ? String(target.dropLast("Tests".count)) : target
            allowed.formUnion(["Testing", "PiscesTesting", "FuzzTargets", "LinuxSystem", tested])
            allowed.formUnion(modules.first { $0.name == tested }?.imports ?? Set(modules.map(\.name)))
        } else {
            allowed.formUnion(modules.first { $0.name == target }?.imports ?? [])
        }
        return code.imports.filter { !allowed.contains($0.module) }.map { "\(file.path):\($0.line): \($0.module)" }
    }
}

// MARK: - Where else the table is written

extension Module {
    /// The dependencies that Package.swift declares for each target, tests apart.
    static func declared(in manifest: String) -> [String: Set<String>] {
        // A call that names its target by a literal; `library` and `systemLibrary` are the manifest's own functions.
        let call = #/(?:\b(library|systemLibrary)\(|\.(target|executableTarget)\(\s*name:)\s*"([^"]+)"/#
        var result: [String: Set<String>] = [:]
        let matches = manifest.matches(of: call)
        for (index, match) in matches.enumerated() {
            let end = index + 1 < matches.count ? matches[index + 1].range.lowerBound : manifest.endIndex
            let rest = manifest[match.range.upperBound..<end]
            let name = String(match.3)
            result[name] = []
            guard match.1 != "systemLibrary", let list = rest.firstMatch(of: #/^,\s*(?:dependencies:\s*)?\[/#) else {
                continue
            }
            result[name] = literals(upToClosingBracket: rest[list.range.upperBound...])
        }
        return result
    }

    private static func literals(upToClosingBracket text: Substring) -> Set<String> {
        let list = text.prefix { $0 != "]" }
        // The package that a product is from is no dependency by itself.
        let names = list.matches(of: #/(package:\s*)?"([^"]+)"/#).filter { $0.1 == nil }.map { String($0.2) }
        return Set(names)
    }

    /// The rows of README's table: `| layer | module | purpose | imports |`.
    static func rows(inReadme text: String) -> [Module] {
        text.split(separator: "\n").flatMap { line -> [Module] in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
            guard cells.count == 6, let layer = Int(cells[1].filter { $0 != " " }) else { return [] }
            let names = { (cell: Substring) in cell.matches(of: #/`([^`]+)`/#).map { String($0.1) } }
            return names(cells[2]).map { Module($0, layer: layer, imports: Set(names(cells[4]))) }
        }
    }
}
