internal import BlueprintModel
internal import Debian
internal import LinuxSystem

extension Reading {
    private static let kind = "alternatives"
    private static let folder = "/var/lib/dpkg/alternatives"

    /// Reads what update-alternatives(1) keeps: which choices somebody made by hand.
    mutating func readAlternatives(into blueprint: inout Blueprint) throws {
        // update-alternatives leaves files out that it was writing when it was stopped.
        let names = names(in: Self.folder, Self.kind).filter { !$0.hasSuffix(".dpkg-tmp") }
        if names.isEmpty { return }
        let offers = try AlternativeOffers(root, maintainerScripts())
        for name in names {
            guard let group = alternative(name), let path = try choice(of: group, name) else { continue }
            holding.choices[name] = path
            guard offers.contains(path) else {
                leaveOut(
                    Self.kind, name,
                    "\(path) is no package's: somebody registered it (update-alternatives --install); do that again in "
                        + "the copy, or let a package of your own do it")
                continue
            }
            if group.isAutomatic { continue }
            guard TextForm.alternativeName.allows(name), TextForm.absolutePath.allows(path) else {
                leaveOut(Self.kind, name, "a blueprint cannot name this, or what was chosen")
                continue
            }
            blueprint.alternatives[name] = path
            explain("/etc/alternatives/\(name)")
        }
    }

    /// The register of one name; nil where it is broken, which is noted.
    private mutating func alternative(_ name: String) -> DpkgDatabase.Alternative? {
        let file = "\(Self.folder)/\(name)"
        guard let bytes = bytes(of: file, Self.kind) else { return nil }
        do throws(Deb822.SyntaxError) {
            return try DpkgDatabase.alternative(String(decoding: bytes, as: UTF8.self), name: name, file: file)
        } catch {
            leaveOut(
                Self.kind, name, "\(error): update-alternatives cannot read it either; the copy has what packages say")
            return nil
        }
    }

    /// Which of its choices a group's link leads to; nil for none of them. A link to something else was made by hand,
    /// and travels as a file.
    private mutating func choice(of group: DpkgDatabase.Alternative, _ name: String) throws -> String? {
        guard let target = try root.linkTarget("/etc/alternatives/\(name)") else {
            if !group.isAutomatic {
                leaveOut(Self.kind, name, "it was set by hand, but there is no link /etc/alternatives/\(name)")
            }
            return nil
        }
        return group.choices.first { $0.path == target }?.path
    }
}

/// What packages give update-alternatives(1) to choose from.
private struct AlternativeOffers {
    private let scripts: MaintainerScripts
    /// The files of the packages whose scripts call it: these name what they offer by variables, too.
    private var files: Set<String> = []

    init(_ root: SourceRoot, _ scripts: MaintainerScripts) throws {
        self.scripts = scripts
        for name in scripts.registering {
            let list = try root.read("/var/lib/dpkg/info/\(name).list") ?? []
            files.formUnion(
                list.split(separator: UInt8(ascii: "\n")).map { Self.merged(String(decoding: $0, as: UTF8.self)) })
        }
    }

    /// Whether a package offers the path.
    func contains(_ path: String) -> Bool { files.contains(Self.merged(path)) || scripts.registers(path) }

    /// The path below `/usr` of what old packages ship beside it.
    private static func merged(_ path: String) -> String {
        ["/bin/", "/sbin/", "/lib/"].contains(where: path.hasPrefix) ? "/usr" + path : path
    }
}
