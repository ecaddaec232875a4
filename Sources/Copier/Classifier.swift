internal import Debian
internal import Glibc
internal import LinuxSystem

/// Decides of every path why it is there, in one walk through the tree.
struct Classifier {
    let tree: PathTree
    let owned: OwnedPaths
    let dpkg: DpkgState
    let registers: Registers
    let contents: ContentCheck
    let mounts: Mounts
    let xattrs: [Int32: [String: [UInt8]]]
    let rules: PathRules
    let overrides: [Int32: Override]
    let policyAreas: Set<Int32>
    let packageNames: Set<String>
    var verdicts: Verdicts
    var counts = Survey.Counts()
    /// Directories that only the lack of any reason made payload: what they hold may explain them.
    var unexplainedDirectories: [Int32] = []

    /// What holds for all below a directory.
    struct Place {
        var node: Int32
        /// Where in the patterns the path is.
        var active: [Int32]
        /// A directory in `/var/lib` that a package owns, and that holds this path.
        var stateDirectory: Int32 = -1
        /// The area of policy that holds this path.
        var area: Int32 = -1
        /// Whether what is there cannot be seen: absence says nothing.
        var isHidden = false
    }

    init(
        tree: PathTree, owned: OwnedPaths, dpkg: DpkgState, registers: Registers, contents: ContentCheck,
        mounts: Mounts, options: Survey.Options, xattrs: [Int32: [String: [UInt8]]], root: SourceRoot
    ) {
        self.tree = tree
        self.owned = owned
        self.dpkg = dpkg
        self.registers = registers
        self.contents = contents
        self.mounts = mounts
        self.xattrs = xattrs
        packageNames = Set(dpkg.packages.map(\.name))
        var rules = PathRules()
        rules.addKnown()
        rules.addState(root, packages: packageNames)
        self.rules = rules
        let accounts = AccountNumbersByName(root)
        var overrides: [Int32: Override] = [:]
        for override in dpkg.overrides {
            guard let node = tree.find(override.path) else { continue }
            overrides[node] = Override(override, accounts)
        }
        self.overrides = overrides
        policyAreas = Set(options.policyAreas.compactMap { tree.find($0) })
        verdicts = Verdicts(count: tree.nodes.count)
    }

    mutating func run() {
        var pending = [Place(node: PathTree.root, active: PathRules.start)]
        while let place = pending.popLast() {
            decide(place)
            let node = tree[place.node]
            if node.firstChild < 0 { continue }
            var below = place
            if node.flags.contains(.isNotEntered) || node.flags.contains(.isUnreadable) { below.isHidden = true }
            if policyAreas.contains(place.node) { below.area = place.node }
            if isStateDirectory(place.node) { below.stateDirectory = place.node }
            for child in tree.children(place.node).reversed() {
                below.node = child
                below.active = tree.withName(child) { rules.advance(place.active, $0) }
                pending.append(below)
            }
        }
        explainDirectories()
        for node in verdicts.order { counts.causes[verdicts[node].cause, default: 0] += 1 }
    }

    private mutating func decide(_ place: Place) {
        let node = tree[place.node]
        if node.flags.contains(.hasVanished) {
            verdicts.set(place.node, .init(cause: .vanished, reason: "it was there when the survey began"))
            return
        }
        guard node.flags.contains(.isOnDisk) else {
            if node.ownership >= 0 { decideMissing(place) }
            return
        }
        counts.paths += 1
        if node.ownership >= 0 { counts.owned += 1 }
        if node.flags.contains(.isNotEntered) {
            let type = mounts.foreign[tree.path(place.node)].map { "a file system of type \($0) is mounted here" }
            verdicts.set(place.node, .init(cause: .notEntered, reason: type ?? "left out by choice"))
        } else if node.flags.contains(.isUnreadable) {
            let what = node.facts.isDirectory ? "what it holds cannot be listed" : "it cannot be looked at"
            verdicts.set(place.node, .init(cause: .unreadable, reason: "\(what) by this user"))
        } else if node.ownership >= 0 {
            decideOwned(place.node)
        } else {
            verdicts.set(place.node, explanation(place))
        }
    }

    /// Whether a package keeps its data below this directory: one that it owns in `/var/lib` or `/var/games`.
    private func isStateDirectory(_ node: Int32) -> Bool {
        guard tree[node].ownership >= 0, node != PathTree.root else { return false }
        var above = tree[node].parent
        while above != PathTree.root, tree[above].parent != PathTree.root { above = tree[above].parent }
        guard above != PathTree.root, tree.name(above) == "var" else { return false }
        var second = node
        while tree[second].parent != above { second = tree[second].parent }
        return second != node && ["lib", "games"].contains(tree.name(second))
    }
}

// MARK: - Owned paths

extension Classifier {
    private mutating func decideMissing(_ place: Place) {
        if place.isHidden || tree.has(place.node, .isElsewhere) {
            counts.notLookedAt += 1
            return
        }
        let owners = owned.owners(tree[place.node].ownership).filter { !isRemoved($0) }
        // Of a removed package only conffiles are left, and their absence is all right.
        guard let first = owners.first else { return }
        if let unsettled = owners.first(where: { !dpkg.packages[Int($0.package)].isSettled }) {
            let package = dpkg.packages[Int(unsettled.package)]
            set(place.node, .missing, "\(package.name) is \(package.state)", .legal)
        } else if isExcluded(place.node) {
            set(place.node, .missing, "path-exclude in dpkg's configuration", .legal)
        } else if let conffile = owners.first(where: { $0.flags.contains(.isConffile) }) {
            if conffile.flags.contains(.isRemovedOnUpgrade) {
                set(place.node, .missing, "a conffile that its package has removed (remove-on-upgrade)", .legal)
            } else if conffile.flags.contains(.isObsolete) {
                set(place.node, .missing, "a conffile that its package no longer has (obsolete)", .legal)
            } else if !conffile.flags.contains(.hasDigest) {
                set(place.node, .missing, "a conffile that was never installed", .legal)
            } else {
                set(
                    place.node, .missing, "a conffile that was deleted: dpkg does not make it again",
                    [.legal, .tombstone])
            }
        } else {
            let what = first.flags.contains(.hasDigest) ? "a file" : "a path"
            set(place.node, .missing, "\(what) of \(dpkg.packages[Int(first.package)].name) that is gone", [])
        }
    }

    private func isRemoved(_ owner: OwnedPaths.Ownership) -> Bool {
        dpkg.packages[Int(owner.package)].state == "config-files"
    }

    private func isExcluded(_ node: Int32) -> Bool {
        if dpkg.filters.isEmpty { return false }
        let path = tree.path(node)
        return path.withUnsafeBufferPointer { path in
            dpkg.filters.last { globMatches(Array($0.pattern.utf8)[...], path[...]) }?.isExcluded ?? false
        }
    }

    private mutating func set(_ node: Int32, _ cause: Finding.Cause, _ reason: String, _ tags: Finding.Tags) {
        verdicts.set(node, .init(cause: cause, reason: reason, tags: tags))
    }

    private mutating func decideOwned(_ node: Int32) {
        let owners = owned.owners(tree[node].ownership)
        let present = owners.filter { !isRemoved($0) }
        let facts = tree[node].facts
        guard let first = present.first else {
            // A directory of a removed package stays for its conffiles.
            let name = dpkg.packages[Int(owners.first?.package ?? 0)].name
            set(node, .residual, "left by \(name), which was removed but not purged", [])
            return
        }
        if present.allSatisfy({ !$0.flags.isDisjoint(with: [.isObsolete, .isRemovedOnUpgrade]) }) {
            let name = dpkg.packages[Int(first.package)].name
            set(node, .residual, "a conffile that \(name) no longer has", [])
            return
        }
        let shipped = present.filter { $0.flags.contains(.hasDigest) }
        if !shipped.isEmpty {
            if let verdict = contentVerdict(node, shipped) { return verdicts.set(node, verdict) }
        } else if facts.isFile {
            counts.notComparable += 1
        }
        if let problem = attributeProblem(node) {
            set(node, .attributesDiffer, problem, [])
        } else {
            set(node, .pristine, "", shipped.isEmpty && facts.isFile ? .notComparable : [])
        }
    }

    /// What is wrong with a file of which the packages' digests are known; nil if nothing is.
    private mutating func contentVerdict(_ node: Int32, _ shipped: [OwnedPaths.Ownership]) -> Verdicts.Verdict? {
        let isConffile = shipped.contains { $0.flags.contains(.isConffile) }
        let changed: Finding.Cause = isConffile ? .conffileChanged : .shippedChanged
        guard tree[node].facts.isFile else {
            let what =
                tree[node].facts.isSymlink ? "a symlink" : tree[node].facts.isDirectory ? "a directory" : "no file"
            return .init(cause: changed, reason: "the package has a file here; this is \(what)")
        }
        switch contents.outcomes[node] {
        case .digest(let digest)?:
            counts.compared += 1
            if shipped.contains(where: { $0.digest == digest }) { return nil }
            let reason =
                isConffile
                ? "a conffile with another content than the package's" : "not the content that the package has"
            return .init(cause: changed, reason: reason)
        case .changed?:
            return .init(cause: changed, reason: "it changed while it was read", tags: .changedMeanwhile)
        case .unreadable(let code)?:
            let reason = "its content was not compared: \(String(cString: strerror(code)))"
            return .init(cause: .unreadable, reason: reason, tags: .unreadable)
        case .vanished?, nil: return .init(cause: .vanished, reason: "it was there when the survey began")
        }
    }

    private func attributeProblem(_ node: Int32) -> String? {
        let facts = tree[node].facts
        if let override = overrides[node], let problem = override.problem(facts) { return problem }
        guard let attributes = xattrs[node] else { return nil }
        return "no register has its attributes: \(attributes.keys.sorted().joined(separator: ", "))"
    }
}

// MARK: - Paths that nobody owns

extension Classifier {
    private mutating func explanation(_ place: Place) -> Verdicts.Verdict {
        if let digest = registers.ucf[place.node], case .digest(let now)? = contents.outcomes[place.node], now != digest
        {
            return .init(cause: .conffileChanged, reason: "another content than the package last brought by ucf")
        }
        if let exact = registers.exact[place.node] { return .init(cause: exact.cause, reason: exact.reason) }
        if let rule = rules.rule(at: place.active, where: { holds($0, for: place.node) }) {
            return .init(cause: rules.rules[Int(rule)].cause, reason: rules.rules[Int(rule)].reason)
        }
        if let reason = bytecode(place.node) { return .init(cause: .derived, reason: reason) }
        if place.stateDirectory >= 0 {
            let owner = owned.owners(tree[place.stateDirectory].ownership).first
            let name = owner.map { dpkg.packages[Int($0.package)].name } ?? ""
            return .init(cause: .state, reason: "in the state directory of \(name)")
        }
        if let name = packageOfStateDirectory(place.node) {
            return .init(cause: .state, reason: "in the state directory of \(name)")
        }
        if place.area >= 0 || policyAreas.contains(place.node) {
            let area = place.area >= 0 ? place.area : place.node
            return .init(cause: .policyArea, reason: "in \(String(decoding: tree.path(area), as: UTF8.self))")
        }
        if tree[place.node].facts.isDirectory { unexplainedDirectories.append(place.node) }
        return .init(cause: .payload, reason: "no package owns it, and nothing makes it")
    }

    private func holds(_ condition: PathRules.Condition, for node: Int32) -> Bool {
        switch condition {
        case .any: true
        case .file: tree[node].facts.isFile
        case .directory: tree[node].facts.isDirectory
        case .symlink(let prefixes):
            tree[node].facts.isSymlink && prefixes.contains { tree.target(node).starts(with: $0.utf8) }
        }
    }

    /// Of which package a directory right in `/var/lib` is by its name, or that which holds this path.
    private func packageOfStateDirectory(_ node: Int32) -> String? {
        var chain: [Int32] = []
        var above = node
        while above != PathTree.root {
            chain.append(above)
            above = tree[above].parent
        }
        guard chain.count >= 3, tree.name(chain[chain.count - 1]) == "var", tree.name(chain[chain.count - 2]) == "lib"
        else {
            return nil
        }
        let name = tree.name(chain[chain.count - 3])
        return packageNames.contains(name) ? name : nil
    }

    /// Why a file that Python has compiled is there (PEP 3147); nil if it is none.
    private func bytecode(_ node: Int32) -> String? {
        let file = tree.name(node)
        guard file.utf8.suffix(4).elementsEqual(".pyc".utf8), tree[node].facts.isFile else { return nil }
        let directory = tree[node].parent
        guard tree.name(directory) == "__pycache__" else { return nil }
        let parts = file.split(separator: ".", omittingEmptySubsequences: false)
        guard let tag = parts.firstIndex(where: { $0.hasPrefix("cpython-") || $0.hasPrefix("pypy") }) else {
            return nil
        }
        let source = parts[..<tag].joined(separator: ".") + ".py"
        let found = Array(source.utf8).withUnsafeBufferPointer { tree.child(tree[directory].parent, $0) }
        guard let found, tree.has(found, .isOnDisk) else { return "compiled by Python from a file that is gone" }
        return tree[found].ownership >= 0 ? "compiled by Python from a file of a package" : "compiled by Python"
    }

    /// A directory that nothing explains but all that it holds is there for that.
    private mutating func explainDirectories() {
        for node in unexplainedDirectories.reversed() {
            let children = tree.children(node).filter { tree.has($0, .isOnDisk) && verdicts.isKnown($0) }
            guard let first = children.first, children.allSatisfy({ verdicts[$0].cause != .payload }) else { continue }
            let cause = verdicts[first].cause
            let reason = cause == .pristine ? "holds files of packages" : verdicts[first].reason
            verdicts.set(node, .init(cause: cause == .pristine ? .register : cause, reason: reason))
        }
    }
}

// MARK: - Overrides

/// Owner and mode by dpkg-statoverride, in numbers.
struct Override: Sendable {
    private let register: DpkgDatabase.StatOverride
    private let uid: UInt32?
    private let gid: UInt32?

    init(_ register: DpkgDatabase.StatOverride, _ accounts: AccountNumbersByName) {
        self.register = register
        uid = Self.number(register.user, accounts.users)
        gid = Self.number(register.group, accounts.groups)
    }

    private static func number(_ name: String, _ table: [String: UInt32]) -> UInt32? {
        name.first == "#" ? UInt32(name.dropFirst()) : table[name]
    }

    /// What differs; nil if nothing does. A name that the system does not know asks for nothing.
    func problem(_ facts: PathTree.Facts) -> String? {
        let isSame =
            facts.mode & 0o7777 == register.mode && uid ?? facts.uid == facts.uid && gid ?? facts.gid == facts.gid
        if isSame { return nil }
        return "dpkg-statoverride asks for \(register.user):\(register.group) \(String(register.mode, radix: 8)),"
            + " it has \(facts.uid):\(facts.gid) \(String(facts.mode & 0o7777, radix: 8))"
    }
}

/// The numbers of accounts and groups by name, as passwd(5) and group(5) of the root have them.
struct AccountNumbersByName {
    let users: [String: UInt32]
    let groups: [String: UInt32]

    init(_ root: SourceRoot) {
        users = Self.table((try? root.readText("/etc/passwd")) ?? "")
        groups = Self.table((try? root.readText("/etc/group")) ?? "")
    }

    private static func table(_ text: String) -> [String: UInt32] {
        var table: [String: UInt32] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, let number = UInt32(fields[2]) { table[String(fields[0])] = number }
        }
        return table
    }
}
