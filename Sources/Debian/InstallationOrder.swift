/// The order in which packages that are all unpacked may have their preinst scripts run and be configured.
///
/// As debootstrap(8) and apt do it: first the essential packages and all they depend on, then the others, each when the
/// packages of its Pre-Depends are configured (Debian Policy 7.2), which their scripts rely on from the first line.
public struct InstallationOrder: Sendable, Equatable {
    /// Scripts to run, then packages to configure, all as indices into the given packages, in the given order.
    public struct Step: Sendable, Equatable {
        /// The packages whose preinst runs.
        public var preinsts: [Int]
        /// The packages to be configured next, with all that they depend on.
        public var configured: [Int]

        /// Makes a step.
        public init(preinsts: [Int], configured: [Int]) {
            self.preinsts = preinsts
            self.configured = configured
        }
    }

    /// A package, as far as the order depends on it.
    public struct Package: Sendable {
        /// The control file.
        public var control: Deb822.Stanza
        /// Whether it has a preinst.
        public var hasPreinst: Bool

        /// Makes a package.
        public init(control: Deb822.Stanza, hasPreinst: Bool) {
            self.control = control
            self.hasPreinst = hasPreinst
        }
    }

    /// The steps; after the last one everything is configured.
    public let steps: [Step]

    /// Finds the order. Where packages pre-depend on each other in a circle, their scripts run side by side.
    ///
    /// - Throws: when a relationship is not well formed; `file` is the package's name.
    public init(_ packages: [Package]) throws(Deb822.SyntaxError) {
        let graph = try DependencyGraph(packages)
        // apt counts itself among them.
        let isEssential = { (index: Int) in
            packages[index].control["Essential"] == "yes" || packages[index].control["Package"] == "apt"
        }
        var waiting = packages.indices.filter { packages[$0].hasPreinst }
        var configured = graph.closure(of: packages.indices.filter(isEssential))
        var steps = [Step(preinsts: waiting.filter(configured.contains), configured: configured.sorted())]
        waiting.removeAll(where: configured.contains)
        while !waiting.isEmpty {
            let needs = waiting.map { graph.closure(of: graph.preDepends[$0]).subtracting(configured) }
            var ready = zip(waiting, needs).filter { $1.isEmpty }.map(\.0)
            let others = Set(waiting).subtracting(ready)
            // What those that are not ready need, where it has no script to wait for itself.
            let next = needs.joined().map { graph.closure(of: [$0]).subtracting(configured) }
                .filter { $0.isDisjoint(with: others) }.reduce(into: Set<Int>()) { $0.formUnion($1) }
            if ready.isEmpty && next.isEmpty { ready = waiting }
            steps.append(Step(preinsts: ready, configured: next.sorted()))
            waiting.removeAll(where: Set(ready).contains)
            configured.formUnion(next)
        }
        let rest = packages.indices.filter { !configured.contains($0) }
        if steps.last?.configured.isEmpty == true {
            steps[steps.count - 1].configured = rest
        } else if !rest.isEmpty {
            steps.append(Step(preinsts: [], configured: rest))
        }
        self.steps = steps
    }
}

/// Who depends on whom, by index.
private struct DependencyGraph {
    private(set) var preDepends: [[Int]] = []
    /// Depends and Pre-Depends.
    private var depends: [[Int]] = []

    init(_ packages: [InstallationOrder.Package]) throws(Deb822.SyntaxError) {
        var owners: [String: [Int]] = [:]
        for (index, package) in packages.enumerated() {
            owners[package.control["Package"] ?? "", default: []] += [index]
        }
        var providers: [String: [Int]] = [:]
        for (index, package) in packages.enumerated() {
            for relation in try Self.relations("Provides", of: package.control).joined() {
                providers[relation.packageName, default: []].append(index)
            }
        }
        for package in packages {
            let found = { (field: String) throws(Deb822.SyntaxError) in
                var found: [Int] = []
                for alternatives in try Self.relations(field, of: package.control) {
                    // apt has seen to the versions; of alternatives the first that is there counts.
                    let names = alternatives.map(\.packageName)
                    let first = names.lazy.compactMap { owners[$0] ?? providers[$0] }.first
                    found += first ?? []
                }
                return found
            }
            let preDepended = try found("Pre-Depends")
            preDepends.append(preDepended)
            depends.append(try found("Depends") + preDepended)
        }
    }

    /// These and all they depend on.
    func closure(of packages: [Int]) -> Set<Int> {
        var closure: Set<Int> = []
        var next = packages
        while let package = next.popLast() {
            if closure.insert(package).inserted { next += depends[package] }
        }
        return closure
    }

    private static func relations(
        _ name: String, of control: Deb822.Stanza
    ) throws(Deb822.SyntaxError) -> [[Relation]] {
        guard let field = control.field(name), !field.value.isEmpty else { return [] }
        guard let relations = Relation.parse(field.value) else {
            throw Deb822.SyntaxError(
                file: control["Package"] ?? "control", line: field.line,
                "the relationships in '\(name)' are not well formed")
        }
        return relations
    }
}

extension Relation {
    /// The name without the architecture that it may ask for.
    fileprivate var packageName: String { String(name.prefix { $0 != ":" }) }
}
