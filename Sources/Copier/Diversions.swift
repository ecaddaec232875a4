internal import BlueprintModel
internal import LinuxSystem

extension Reading {
    private static let kind = "diversions"

    /// Reads dpkg-divert(1)'s register: three lines each, the last the package's name, or ":" for the administrator.
    /// Those of packages come with the packages.
    mutating func readDiversions(into blueprint: inout Blueprint) {
        let file = "/var/lib/dpkg/diversions"
        var lines = (bytes(of: file, Self.kind) ?? []).split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        for start in stride(from: 0, to: lines.count, by: 3) {
            let slash = UInt8(ascii: "/")
            guard start + 2 < lines.count, lines[start].first == slash, lines[start + 1].first == slash,
                let package = lines[start + 2].first, package != slash
            else {
                return leaveOut(
                    Self.kind, "\(file):\(start + 1)",
                    "it is not two paths and a package, each on a line: dpkg cannot read this and what follows either")
            }
            guard lines[start + 2].elementsEqual(":".utf8) else { continue }
            let (path, target) = (
                String(decoding: lines[start], as: UTF8.self), String(decoding: lines[start + 1], as: UTF8.self)
            )
            guard [path, target].allSatisfy(TextForm.absolutePath.allows),
                lines[start].elementsEqual(path.utf8), lines[start + 1].elementsEqual(target.utf8)
            else {
                leaveOut(Self.kind, "\(file):\(start + 1)", "a blueprint cannot have files of these names")
                continue
            }
            let others = blueprint.diversions
            guard path != target, others[path] == nil, others[target] == nil, !others.values.contains(target),
                !others.values.contains(path)
            else {
                leaveOut(Self.kind, path, "it leads to itself, or another diversion has one of its paths")
                continue
            }
            blueprint.diversions[path] = target
        }
    }
}
