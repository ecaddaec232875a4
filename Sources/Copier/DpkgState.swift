public import Debian
internal import Glibc
public import LinuxSystem

/// What dpkg and its configuration say of a root.
public struct DpkgState: Sendable {
    /// Where the database is: `/var/lib/dpkg`, or `/usr/lib/sysimage/dpkg` in a system whose `/var` is data alone.
    public let directory: String
    /// The packages that are installed, or have left conffiles.
    public let packages: [DpkgDatabase.InstalledPackage]
    /// Paths that packages have elsewhere.
    public let diversions: [DpkgDatabase.Diversion]
    /// Owners and modes that packages do not decide.
    public let overrides: [DpkgDatabase.StatOverride]
    /// The names of update-alternatives, in byte order.
    public let alternatives: [DpkgDatabase.Alternative]
    /// `path-exclude` and `path-include` in the order in which they count: the last that matches does.
    public let filters: [(isExcluded: Bool, pattern: String)]
    /// What to tell people: that the database is being changed, what is half done, what cannot be read.
    public private(set) var notes: [String] = []
    /// Whether the database is or was being changed: then the survey is to be repeated.
    public private(set) var isProvisional = false

    static let directories = ["/var/lib/dpkg", "/usr/lib/sysimage/dpkg"]

    /// Reads all of it.
    ///
    /// - Throws: ``SurveyError`` if there is no database, or if a file of it is broken, with file and line.
    public init(of root: SourceRoot) throws(SurveyError) {
        var found: (directory: String, status: [UInt8])?
        for directory in Self.directories where found == nil {
            let status = try surveying { () throws(SystemError) in try root.read("\(directory)/status") }
            if let status { found = (directory, status) }
        }
        guard let (directory, status) = found else { throw .notDebian(root.directory.name) }
        self.directory = directory
        let notes = Notes()
        let journal = try Self.journal(root, directory)
        if !journal.isEmpty {
            notes.add(
                "dpkg has \(journal.count) changes in its journal (\(directory)/updates): they are taken into account")
            notes.isProvisional = true
        }
        Self.lookForLocks(root, directory, notes)
        packages = try parsing { () throws(Deb822.SyntaxError) in
            try DpkgDatabase.packages(status: status, file: "\(directory)/status", journal: journal)
        }
        for package in packages where !package.isSettled {
            let flag = package.flag == "ok" ? "" : " (\(package.flag))"
            notes.add("\(package.informationName) is \(package.state)\(flag): what it owns may be there in part")
            notes.isProvisional = true
        }
        func text(_ path: String) throws(SurveyError) -> String? {
            try surveying { () throws(SystemError) in try root.readText(path) }
        }
        let diversions = try text("\(directory)/diversions") ?? ""
        self.diversions = try parsing { () throws(Deb822.SyntaxError) in
            try DpkgDatabase.diversions(diversions, file: "\(directory)/diversions")
        }
        let overrides = try text("\(directory)/statoverride") ?? ""
        self.overrides = try parsing { () throws(Deb822.SyntaxError) in
            try DpkgDatabase.statOverrides(overrides, file: "\(directory)/statoverride")
        }
        var alternatives: [DpkgDatabase.Alternative] = []
        for name in Self.names(in: "\(directory)/alternatives", root) {
            let path = "\(directory)/alternatives/\(name)"
            guard let content = try? root.readText(path) else { continue }
            // One broken file is one name that is not known; update-alternatives says the same of it.
            do throws(Deb822.SyntaxError) {
                alternatives.append(try DpkgDatabase.alternative(content, name: name, file: path))
            } catch {
                notes.add("\(error)")
            }
        }
        self.alternatives = alternatives
        var filters: [(isExcluded: Bool, pattern: String)] = []
        let parts = Self.names(in: "/etc/dpkg/dpkg.cfg.d", root).filter { $0.utf8.allSatisfy(Self.isConfigurationName) }
        for path in parts.map({ "/etc/dpkg/dpkg.cfg.d/\($0)" }) + ["/etc/dpkg/dpkg.cfg"] {
            if let content = try? root.readText(path) { filters += DpkgDatabase.pathFilters(content) }
        }
        self.filters = filters
        self.notes = notes.lines
        isProvisional = notes.isProvisional
    }

    /// What tells whether `status` was replaced meanwhile.
    struct Stamp: Equatable {
        var inode: UInt64
        var modified: Int64
        var size: Int64
    }

    /// The identity of `status` as it is now; nil if it is not there.
    static func stamp(_ root: SourceRoot, _ directory: String) -> Stamp? {
        guard let file = try? root.directory.openInRoot(String("\(directory)/status".dropFirst())) else { return nil }
        var status = stat()
        guard fstat(file.rawValue, &status) == 0 else { return nil }
        let facts = PathTree.Facts(status)
        return Stamp(inode: facts.inode, modified: facts.modified, size: facts.size)
    }

    /// The names in a directory in byte order; none if it cannot be read.
    static func names(in directory: String, _ root: SourceRoot) -> [String] {
        let opened = try? root.directory.openInRoot(String(directory.dropFirst()), O_RDONLY | O_DIRECTORY)
        guard let opened, let names = try? opened.entries() else { return [] }
        return names
    }

    /// The records in `updates/`, whose names are digits alone (deb's tools write others as `tmp.i` before).
    private static func journal(
        _ root: SourceRoot, _ directory: String
    ) throws(SurveyError) -> [(file: String, content: [UInt8])] {
        var journal: [(String, [UInt8])] = []
        for name in names(in: "\(directory)/updates", root)
        where name.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            let path = "\(directory)/updates/\(name)"
            if let content = try surveying({ () throws(SystemError) in try root.read(path) }) {
                journal.append((path, content))
            }
        }
        return journal
    }

    private static func lookForLocks(_ root: SourceRoot, _ directory: String, _ notes: Notes) {
        for name in ["lock-frontend", "lock"] {
            guard let file = try? root.directory.openInRoot(String("\(directory)/\(name)".dropFirst())),
                let isLocked = try? file.isLockedByAnother(), isLocked
            else { continue }
            notes.add(
                "another process is working with dpkg's database (\(directory)/\(name)): repeat the survey after it")
            notes.isProvisional = true
        }
    }

    private static func isConfigurationName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private final class Notes {
        var lines: [String] = []
        var isProvisional = false
        func add(_ line: String) { lines.append(line) }
    }
}

/// Why a survey could not be made.
public enum SurveyError: Error, Sendable, CustomStringConvertible {
    /// There is no dpkg database below the root, whose path this is.
    case notDebian(String)
    /// A file of the database is broken.
    case syntax(Deb822.SyntaxError)
    /// A system call failed on something that nothing works without.
    case system(SystemError)

    /// One sentence: what, where, why.
    public var description: String {
        switch self {
        case .notDebian(let root):
            "\(root): this is not the root of a Debian system: there is neither "
                + DpkgState.directories.map { "\($0)/status" }.joined(separator: " nor ")
        case .syntax(let error): "\(error)"
        case .system(let error): "\(error)"
        }
    }
}

func surveying<Value: ~Copyable>(_ body: () throws(SystemError) -> Value) throws(SurveyError) -> Value {
    do { return try body() } catch { throw .system(error) }
}

func parsing<Value>(_ body: () throws(Deb822.SyntaxError) -> Value) throws(SurveyError) -> Value {
    do { return try body() } catch { throw .syntax(error) }
}
