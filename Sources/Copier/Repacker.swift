internal import Archive
public import Debian
internal import Filesystems
internal import Glibc
public import LinuxSystem

/// Makes a package again of what dpkg knows of it and of the files that lie there: for a version that no repository has
/// any more.
///
/// Conffiles are packed as they were distributed, where such a file can be had; else as they are, and the result tells
/// the sum they were distributed with, for the lock: else somebody's change would count as shipped, and the next version
/// would replace it without a question.
public struct Repacker: Sendable {
    /// What was made.
    public struct Result: Sendable {
        /// The MD5 of each conffile that is packed in another form than it was distributed in.
        public var pristine: [String: String] = [:]
        /// What the package has otherwise than it was, for people.
        public var remarks: [String] = []
    }

    /// Gives a conffile as it was distributed, by the package's name, path and MD5; nil where that cannot be had.
    public typealias PristineReader = @Sendable (_ package: String, _ path: String, _ md5: String) -> [UInt8]?

    let root: SourceRoot
    private let dpkg: DpkgState
    private let epoch: Int64
    private let pristine: PristineReader
    private let information: [String]

    /// A repacker of a system's packages; no time in what it makes is later than `epoch`.
    public init(
        _ root: SourceRoot, _ dpkg: DpkgState, epoch: Int64, pristine: @escaping PristineReader = { _, _, _ in nil }
    ) {
        self.root = root
        self.dpkg = dpkg
        self.epoch = epoch
        self.pristine = pristine
        information = DpkgState.names(in: "\(dpkg.directory)/info", root)
    }

    /// Writes the package to the start of an empty file.
    ///
    /// - Throws: ``CopyError`` where dpkg does not know the package's files, errors of the system where they cannot be
    ///   read.
    public func repack(
        _ package: DpkgDatabase.InstalledPackage, to file: borrowing Descriptor
    ) throws -> Result {
        // dpkg wrote the list when it unpacked the package: whatever happens to others, the bits stay the same.
        let list = "\(dpkg.directory)/info/\(informationName(of: package)).list"
        let time = clamped(try root.statusOfLink(list)?.modified ?? .max)
        let members = try controlMembers(of: package, time)
        var payload = RepackedPayload(package: package, repacker: self, time: time)
        let sums = members.first { $0.name == "md5sums" }?.content ?? []
        try payload.read(try paths(in: list, of: package), sums: sums, diversions: dpkg.diversions)
        try DebWriter.write(members, modified: time, data: payload.tree, source: root.directory, to: file)
        return payload.result
    }

    /// A time that is neither before 1970 nor after the epoch.
    func clamped(_ time: Int64) -> Int64 { max(0, min(time, epoch)) }

    // MARK: - Control

    /// Fields that dpkg adds to what a package says of itself.
    private static let added = ["Status", "Conffiles", "Config-Version", "Triggers-Pending", "Triggers-Awaited"]
    private static let scripts = ["preinst", "postinst", "prerm", "postrm", "config"]

    private func controlMembers(of package: DpkgDatabase.InstalledPackage, _ time: Int64) throws -> [ControlMember] {
        var control = package.control
        for name in Self.added { control[name] = nil }
        func member(_ name: String, _ content: [UInt8]) -> ControlMember {
            ControlMember(
                name: name, mode: Self.scripts.contains(name) ? 0o755 : 0o644, modified: time, content: content)
        }
        var members = [member("control", Array(Deb822.write([control]).utf8))]
        let prefix = informationName(of: package) + "."
        for file in information where file.hasPrefix(prefix) {
            let name = String(file.utf8.dropFirst(prefix.utf8.count)) ?? ""
            // python3.11.list is none of python3's.
            if name == "list" || name.isEmpty || name.utf8.contains(UInt8(ascii: ".")) { continue }
            guard let content = try root.read("\(dpkg.directory)/info/\(file)") else { continue }
            members.append(member(name, content))
        }
        if !members.contains(where: { $0.name == "conffiles" }) {
            let lines = package.conffiles.filter { !$0.isObsolete }.map {
                ($0.isRemovedOnUpgrade ? "remove-on-upgrade " : "") + $0.path + "\n"
            }
            if !lines.isEmpty { members.append(member("conffiles", Array(lines.joined().utf8))) }
        }
        return members
    }

    /// What its names in `info/` begin with: one that became `Multi-Arch: same` may still have the other form.
    private func informationName(of package: DpkgDatabase.InstalledPackage) -> String {
        let names = [package.informationName, package.name, "\(package.name):\(package.architecture)"]
        return names.first { information.contains($0 + ".list") } ?? package.informationName
    }

    private func paths(in path: String, of package: DpkgDatabase.InstalledPackage) throws -> [String] {
        guard let bytes = try root.read(path) else {
            throw CopyError(
                "\(path): dpkg's list of the files of \(package.name) is missing, so that no package can be made of them",
                hint: "install the package again: apt-get install --reinstall \(package.name)")
        }
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let path = String(validating: line, as: UTF8.self), path != "/.", path.utf8.first == UInt8(ascii: "/")
            else { return nil }
            return path
        }
    }

    /// A conffile as it was distributed: beside it, where dpkg and ucf put such files, or from elsewhere.
    func pristineContent(of path: String, package: String, md5: String) -> [UInt8]? {
        let siblings = [".dpkg-dist", ".dpkg-new", ".dpkg-old", ".dpkg-bak", ".ucf-dist", ".ucf-old"]
        for sibling in siblings {
            if let bytes = try? root.read(path + sibling), md5Hex(bytes) == md5 { return bytes }
        }
        return pristine(package, path, md5)
    }
}

/// The MD5 of bytes in hexadecimal digits.
func md5Hex(_ bytes: [UInt8]) -> String {
    var hash = MD5()
    bytes.withUnsafeBytes { hash.update($0) }
    return hash.finish()
}
