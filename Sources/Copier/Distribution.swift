internal import BlueprintModel
internal import LinuxSystem

extension Reading {
    /// Reads os-release(5); the architecture is that of dpkg itself.
    func distribution(_ packages: InstalledPackages) throws -> Blueprint.Distribution {
        let bytes = try root.read("/etc/os-release") ?? root.read("/usr/lib/os-release") ?? []
        let release = OSRelease(TextLine.lines(of: bytes).lines)
        guard release["ID"] == "debian" else {
            throw CopyError(
                "\(root.directory.name): this is no Debian system: os-release says it is "
                    + (release["PRETTY_NAME"] ?? release["ID"] ?? "nothing"),
                hint: "name the root of a Debian system by --root")
        }
        let (codename, number) = (release["VERSION_CODENAME"] ?? "", release["VERSION_ID"] ?? "")
        guard let debian = Blueprint.Release(rawValue: codename) else {
            let known = Blueprint.Release.allCases.map(\.rawValue).joined(separator: " and ")
            throw CopyError(
                "\(root.directory.name): Debian \(codename.isEmpty ? number : codename) is not supported",
                hint: "copy a system of one of these: \(known)")
        }
        guard let architecture = Blueprint.Architecture(rawValue: packages.architecture) else {
            let known = Blueprint.Architecture.allCases.map(\.rawValue).joined(separator: " and ")
            throw CopyError(
                "\(root.directory.name): the architecture \(packages.architecture) is not supported",
                hint: "copy a system of one of these: \(known)")
        }
        return .init(debian: debian, architecture: architecture)
    }
}

/// The content of os-release(5): names and values, of which a later one counts.
struct OSRelease {
    private var values: [String: String] = [:]

    init(_ lines: [TextLine]) {
        for (key, value) in lines.compactMap({ $0.content.flatMap(assignment) }) { values[key] = unquoted(value) }
    }

    subscript(name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }
}
