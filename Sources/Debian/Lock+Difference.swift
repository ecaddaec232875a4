internal import LinuxSystem

extension Lock {
    /// What changed since `old`, one sentence a line; empty when nothing did.
    ///
    /// The order is that of the lock: the lock itself, releases, packages, images, users, groups.
    public func difference(from old: Lock) -> [String] {
        var lines: [String] = []
        func note(_ what: String, _ before: String, _ after: String) {
            if before != after { lines.append("\(what): \(before) → \(after)") }
        }
        note("blueprint", old.blueprintName, blueprintName)
        note("blueprint digest", old.blueprint.hex, blueprint.hex)
        note("architecture", old.architecture, architecture)
        note("epoch", Timestamp.text(old.epoch), Timestamp.text(epoch))
        lines += Self.changes("tool", old.tools, tools) { "\($0)" }
        lines += Self.changes("release", Self.byName(old.releases, \.name), Self.byName(releases, \.name)) {
            Self.description(of: $0)
        }
        lines += Self.packageChanges(from: old.packages, to: packages)
        lines += Self.packageChanges(from: old.toolPackages, to: toolPackages).map { "as a tool: \($0)" }
        lines += Self.changes(
            "image", Self.byName(old.images, \.reference), Self.byName(images, \.reference)
        ) { "\($0.digest)" }
        lines += Self.changes("user", old.users, users) { "uid \($0)" }
        lines += Self.changes("group", old.groups, groups) { "gid \($0)" }
        return lines
    }

    private static func packageChanges(from old: [LockedPackage], to new: [LockedPackage]) -> [String] {
        let before = byName(old) { "\($0.name):\($0.architecture)" }
        let after = byName(new) { "\($0.name):\($0.architecture)" }
        return Set(before.keys).union(after.keys).sorted(by: bytesPrecede).flatMap { name -> [String] in
            switch (before[name], after[name]) {
            case (nil, let new?): ["added \(name) \(new.version)"]
            case (let old?, nil): ["removed \(name) \(old.version)"]
            case (let old?, let new?): changes(name, old, new)
            case (nil, nil): []
            }
        }
    }

    private static func changes(_ name: String, _ old: LockedPackage, _ new: LockedPackage) -> [String] {
        var lines: [String] = []
        switch new.version.order(against: old.version) {
        case .later: lines.append("upgraded \(name) \(old.version) → \(new.version)")
        case .earlier: lines.append("downgraded \(name) \(old.version) → \(new.version)")
        case .same where old.version != new.version:
            lines.append("respelled \(name) \(old.version) → \(new.version)")
        case .same where old.digest != new.digest || old.size != new.size:
            lines.append("same version of \(name), \(new.version), but other content: \(old.digest) → \(new.digest)")
        case .same: break
        }
        if old.isManual != new.isManual { lines.append("\(name) is now installed \(new.isManual ? "manual" : "auto")") }
        if old.source != new.source {
            lines.append("\(name) now comes from \(new.source.name), not \(old.source.name)")
        }
        if old.version == new.version, old.filename != new.filename {
            lines.append("\(name) moved from \(old.filename) to \(new.filename)")
        }
        if old.isEssential != new.isEssential {
            lines.append("\(name) is \(new.isEssential ? "now" : "no longer") essential")
        }
        if old.priority != new.priority {
            lines.append("priority of \(name): \(old.priority ?? "none") → \(new.priority ?? "none")")
        }
        return lines
    }

    private static func changes<Value: Equatable>(
        _ kind: String, _ before: [String: Value], _ after: [String: Value], _ text: (Value) -> String
    ) -> [String] {
        Set(before.keys).union(after.keys).sorted(by: bytesPrecede).compactMap { name in
            switch (before[name], after[name]) {
            case (nil, let new?): "added \(kind) \(name): \(text(new))"
            case (let old?, nil): "removed \(kind) \(name): \(text(old))"
            case (let old?, let new?) where old != new: "changed \(kind) \(name): \(text(old)) → \(text(new))"
            default: nil
            }
        }
    }

    private static func description(of release: LockedRelease) -> String {
        "\(release.uri) \(release.suite) \(release.components.joined(separator: " ")) of "
            + "\(Timestamp.text(release.date)), \(release.digest)"
    }

    private static func byName<Value>(_ values: [Value], _ name: (Value) -> String) -> [String: Value] {
        Dictionary(values.map { (name($0), $0) }) { first, _ in first }
    }
}

extension LockedPackage.Source {
    /// The release's or directory's name.
    fileprivate var name: String {
        switch self {
        case .release(let name): "release \(name)"
        case .directory(let name): "directory \(name)"
        case .system(let origin): "the system, \(origin.rawValue)"
        }
    }
}
