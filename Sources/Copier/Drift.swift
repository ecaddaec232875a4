public import BlueprintModel
internal import Debian
internal import Glibc
internal import LinuxSystem

/// One thing that a system is, other than its blueprint says.
public struct Drift: Sendable, Equatable, CustomStringConvertible {
    /// From what the blueprint says to what is.
    public let change: Blueprint.Change
    /// When it came, and by which command as far as somebody wrote that down.
    public let cause: String?

    /// A change and its cause.
    public init(_ change: Blueprint.Change, cause: String? = nil) {
        self.change = change
        self.cause = cause
    }

    /// The change, and the cause on the same line.
    public var description: String { cause.map { "\(change)  (\($0))" } ?? change.description }
}

extension Copier {
    /// Compares the system with a blueprint.
    ///
    /// What the blueprint says and the system fulfils in any way is no difference, however few words a copy would need:
    /// a unit that its package enables anyway may be enabled once more. What an image is made of, and which version a
    /// package has, is not looked at: the lock says that.
    /// - Parameter survey: takes one of the same root, when the registers have been read.
    /// - Returns: the differences in the order of the blueprint's paths.
    /// - Throws: as ``copy()`` does.
    public func drift(
        from blueprint: Blueprint, survey: @escaping @Sendable () throws -> Survey
    ) throws -> [Drift] {
        var copier = self
        copier.name = blueprint.name
        var policy = FilesPolicy()
        policy.known = blueprint.files
        policy.isComparison = true
        policy.hasher = hasher
        let overrides = blueprint.statOverrides
        copier.files = { [policy] root, copied, report in
            var copied = copied
            copied.statOverrides.merge(overrides) { found, _ in found }
            return try Self.files(of: try survey(), policy)(root, copied, &report)
        }
        let copy = try copier.copy()
        let (wanted, alike) = Self.comparable(blueprint, copy, isRunning: isRunning)
        let found = comparable(alike, with: wanted, copy.report)
        let history = AptHistory(root)
        return Blueprint.diff(wanted, found).map { Drift($0, cause: cause(of: $0, history)) }
    }

    /// Both without what says the same in other words, and without what nobody can tell from a system.
    private static func comparable(
        _ blueprint: Blueprint, _ copy: SystemCopy, isRunning: Bool
    ) -> (wanted: Blueprint, found: Blueprint) {
        var (wanted, found) = (blueprint, copy.blueprint)
        let sorted = { (names: [String]) in Set(names).sorted(by: bytesPrecede) }
        // A wish that is fulfilled stands in the copy only if nothing else brings the package.
        wanted.packages.install = sorted(wanted.packages.install).filter {
            found.packages.install.contains($0) || !copy.packages.contains($0)
        }
        wanted.packages.without = sorted(wanted.packages.without).filter(copy.packages.contains)
        found.packages.without = []
        wanted.packages.hold = sorted(wanted.packages.hold).filter {
            found.packages.hold.contains($0) || !copy.holding.packages.contains($0)
        }
        // A link that leads there, and an override that is there, are so whoever made them.
        wanted.alternatives = wanted.alternatives.filter { name, path in
            found.alternatives[name] != nil || copy.holding.choices[name] != path
        }
        wanted.statOverrides = wanted.statOverrides.filter { path, override in
            found.statOverrides[path] != nil || copy.holding.overrides[path] != override
        }
        // Which of its packages a question is written under, and whether it need be written, is all the same.
        for (package, answers) in wanted.debconf {
            for (question, answer) in answers where copy.holding.answers[question] == answer {
                for other in found.debconf.keys { found.debconf[other]?[question] = nil }
                found.debconf[package, default: [:]][question] = answer
            }
        }
        found.debconf = found.debconf.filter { !$0.value.isEmpty }
        wanted.packages.recommends = found.packages.recommends
        wanted.repositories = wanted.repositories.filter { _, repository in
            if case .archive = repository { true } else { false }
        }
        wanted.distribution = found.distribution
        wanted.units.enable = sorted(wanted.units.enable).filter {
            found.units.enable.contains($0) || !copy.units.contains($0)
        }
        wanted.units.disable = sorted(wanted.units.disable).filter {
            found.units.disable.contains($0) || copy.units.contains($0)
        }
        wanted.units.mask = sorted(wanted.units.mask)
        found.units.mask = sorted(found.units.mask)
        // Where the blueprint gives no number, the lock does.
        for (name, user) in wanted.users where user.uid == nil { found.users[name]?.uid = nil }
        for (name, group) in wanted.groups where group.gid == nil { found.groups[name]?.gid = nil }
        if !isRunning { found.kernel.commandLine = wanted.kernel.commandLine }
        found.image = wanted.image
        return (wanted, found)
    }

    private func cause(of change: Blueprint.Change, _ history: AptHistory) -> String? {
        switch change.path.first {
        case "alternatives" where change.path.count > 1:
            ((try? root.statusOfLink("/etc/alternatives/\(change.path[1])")) ?? nil).map {
                "changed \(Self.time($0.modified)) UTC"
            }
        case "packages" where change.path.last != "hold": (change.new ?? change.old)?.string.flatMap(history.cause)
        case "files" where change.path.count > 1:
            ((try? root.statusOfLink(change.path[1])) ?? nil).map { "changed \(Self.time($0.modified)) UTC" }
        default: nil
        }
    }

    /// Seconds since the epoch as `2026-11-23 14:05:09`.
    private static func time(_ seconds: Int64) -> String {
        var (seconds, fields) = (time_t(seconds), tm())
        gmtime_r(&seconds, &fields)
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S", &fields)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// What apt wrote down of its work (apt.conf(5), Dir::Log::History).
private struct AptHistory {
    /// Paragraphs, the newest last.
    private let entries: [Deb822.Stanza]

    init(_ root: SourceRoot) {
        let path = "/var/log/apt/history.log"
        let bytes = (try? root.read(path)) ?? []
        entries = (try? Deb822.parse(bytes, file: path)) ?? []
    }

    /// When and by which command a package came or went; nil if no paragraph names it.
    func cause(_ package: String) -> String? {
        for entry in entries.reversed() {
            for field in ["Install", "Remove", "Purge"]
            where (entry[field] ?? "").split(separator: " ").contains(where: { $0.hasPrefix("\(package):") }) {
                let command = entry["Commandline"].map { ", by \($0)" } ?? ""
                return "\(field.lowercased()), \(entry["Start-Date"] ?? "some time")\(command)"
            }
        }
        return nil
    }
}
