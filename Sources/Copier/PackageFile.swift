internal import Archive
internal import Debian
internal import LinuxSystem

/// A package file that lies somewhere, as far as it tells which package it is.
struct PackageFile {
    let name: String
    let version: DebianVersion
    let architecture: String
    /// The member `md5sums`; nil where the package brings none.
    let sums: [UInt8]?
    private let declaresConffiles: Bool
    private let path: String

    /// Reads the control archive; nil for what is no package, and for one that was made again: it has conffiles as they
    /// were at that time.
    init?(path: String) {
        guard let file = try? Descriptor.open(path), let deb = try? DebFile(file, name: path),
            !deb.members.contains(DebWriter.mark), let members = try? deb.controlFiles(),
            let text = members.first(where: { $0.name == "control" })?.content,
            let control = try? Deb822.parse(text, file: path).first, let name = control["Package"],
            let version = control["Version"].flatMap({ DebianVersion($0) }), let architecture = control["Architecture"]
        else { return nil }
        (self.name, self.version, self.architecture, self.path) = (name, version, architecture, path)
        sums = members.first { $0.name == "md5sums" }?.content
        declaresConffiles = members.contains { $0.name == "conffiles" }
    }

    /// Whether it is the package that is installed: the same version has the same sums, or it is another build.
    func isThat(of package: DpkgDatabase.InstalledPackage, sums installed: [UInt8]?) -> Bool {
        name == package.name && architecture == package.architecture
            && version.canonical == DebianVersion(package.version)?.canonical
            && (installed == nil || (sums.map { $0 == installed } ?? hasFiles(of: installed ?? [])))
    }

    /// Whether the files that dpkg hashed itself, for a package that brings no sums, are those of this one.
    private func hasFiles(of sums: [UInt8]) -> Bool {
        guard let file = try? Descriptor.open(path), let deb = try? DebFile(file, name: path),
            let payload = try? deb.payload()
        else { return false }
        var known: [String: String] = [:]
        while let entry = try? payload.next() {
            let name = entry.path.hasPrefix("./") ? String(entry.path.dropFirst(2)) : entry.path
            switch entry.kind {
            case .file: known[name] = (try? payload.readToEnd(limit: 1 << 30)).map(md5Hex)
            case .hardlink(let target):
                known[name] = known[target.hasPrefix("./") ? String(target.dropFirst(2)) : target]
            default: break
            }
        }
        return sums.split(separator: UInt8(ascii: "\n")).allSatisfy { line in
            known[String(decoding: line.dropFirst(34), as: UTF8.self)]
                == String(decoding: line.prefix(32), as: UTF8.self)
        }
    }

    /// A conffile of it that has this sum.
    func conffile(_ conffile: String, md5: String) -> [UInt8]? {
        guard declaresConffiles, let file = try? Descriptor.open(path), let deb = try? DebFile(file, name: path),
            let payload = try? deb.payload()
        else { return nil }
        while let entry = try? payload.next() {
            guard case .file(let size) = entry.kind, size <= 64 << 20,
                entry.path == "." + conffile
                    || entry.path == String(conffile.dropFirst())
            else { continue }
            guard let bytes = try? payload.readToEnd(limit: 64 << 20), md5Hex(bytes) == md5 else { return nil }
            return bytes
        }
        return nil
    }
}
