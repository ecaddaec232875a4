internal import Disk
internal import Glibc
internal import LinuxSystem

/// Where a generation is: what `SOURCE` of a command means.
public enum UpgradeLocation: Sendable, Equatable {
    /// A directory of this machine with the generation's files.
    case directory(String)
    /// An archive of such a directory.
    case archive(String)
    /// The same on a web server: a URL up to and with its last slash.
    case remoteDirectory(String)
    /// The URL of an archive.
    case remoteArchive(String)

    /// Tells apart URLs of directories, which end in a slash or in `manifest.json`, of archives, and paths.
    ///
    /// - Throws: ``ControllerError`` of kind `source` for other schemes, for what is no URL, and if there is nothing at
    ///   the path.
    public init(_ text: String) throws(ControllerError) {
        guard let scheme = text.firstRange(of: "://") else {
            self = try Self.local(text)
            return
        }
        let shown = Self.shown(text)
        guard ["http", "https"].contains(text[..<scheme.lowerBound].lowercased()) else {
            throw ControllerError(.source, shown, "only http:// and https:// are known, and paths")
        }
        let isPrintable = text.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"\"\\<>#^`{|}".utf8.contains($0) }
        let host = text[scheme.upperBound...].prefix { !"/?".contains($0) }
        guard isPrintable, !host.isEmpty, host.last != "@", text[scheme.upperBound...].contains("/") else {
            throw ControllerError(
                .source, shown, "it is no URL with a host and a path; write blanks and such as %20")
        }
        if text.hasSuffix("/") {
            self = .remoteDirectory(text)
        } else if text.hasSuffix("/\(SplitName.manifest)") {
            self = .remoteDirectory(String(text.dropLast(SplitName.manifest.count)))
        } else {
            self = .remoteArchive(text)
        }
    }

    private static func local(_ path: String) throws(ControllerError) -> UpgradeLocation {
        var status = Glibc.stat()
        guard stat(path, &status) == 0 else {
            let error = SystemError(call: "stat", subject: path, code: errno)
            throw ControllerError(.source, path, "\(error)")
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return .directory(path)
        case S_IFREG:
            return baseName(of: path) == SplitName.manifest ? .directory(parentDirectory(of: path)) : .archive(path)
        default:
            throw ControllerError(
                .source, path, "it is neither a directory with \(SplitName.manifest) nor an archive of one")
        }
    }

    /// A URL without what may be secret in it: user, password and query.
    public static func shown(_ url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return url }
        let rest = url[scheme.upperBound...].prefix { !"?#".contains($0) }
        let authority = rest.prefix { $0 != "/" }
        // A password may have any character.
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        return "\(url[..<scheme.upperBound])\(host)\(rest[authority.endIndex...])"
    }
}
