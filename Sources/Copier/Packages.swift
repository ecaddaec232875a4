internal import BlueprintModel
internal import Debian
internal import LinuxSystem

extension Reading {
    /// Finds the shortest wish that gets these packages.
    mutating func readPackages(_ installed: InstalledPackages, into blueprint: inout Blueprint) throws {
        let wish: PackageWish
        do throws(Deb822.SyntaxError) {
            wish = try PackageWish(installed)
        } catch {
            throw CopyError(
                "/var/lib/dpkg/status:\(error.line): \(error.message)",
                hint: "correct that line; `dpkg --audit` finds it, too")
        }
        blueprint.packages = wish.packages
        let held = installed.packages.filter(\.isHeld).map(\.name)
        holding.packages = Set(held)
        blueprint.packages.hold = held.filter { !wish.orphans.contains($0) }.sorted(by: bytesPrecede)
        for name in wish.orphans {
            leaveOut("packages", name, "nothing needs it, and nobody asked for it (`apt-get autoremove` removes it)")
        }
    }
}

/// What a person would have asked apt for, to get the packages that are installed.
struct PackageWish {
    private(set) var packages = Blueprint.Packages()
    /// Packages that nothing leads to.
    private(set) var orphans: [String] = []

    private let installed: [InstalledPackages.Package]
    private let base: Set<Int>
    private let needs: [[DpkgDatabase.Choice]]
    private let recommends: [[DpkgDatabase.Choice]]

    init(_ packages: InstalledPackages) throws(Deb822.SyntaxError) {
        installed = packages.packages
        let controls = installed.map(\.control)
        needs = try DpkgDatabase.choices(of: controls, in: ["Pre-Depends", "Depends"])
        recommends = try DpkgDatabase.choices(of: controls, in: ["Recommends"])
        base = Set(installed.indices.filter { [installed] in installed[$0].isBase })
        let wanted = wanted()
        let roots = base.union(wanted)
        let all = closure(of: roots, [needs, recommends], isWide: true)
        orphans = names(Set(installed.indices).subtracting(all))
        let missing = unmet(recommends, in: all)
        // Whatever says the same in fewer words: that recommended packages come, or which of them did.
        let reached = closure(of: roots, [needs])
        self.packages.recommends = closure(of: roots, [needs, recommends]).count - reached.count > missing.count
        let brought = self.packages.recommends ? [needs, recommends] : [needs]
        var more: Set<Int> = []
        // What is asked for may fulfil a group that brought another before.
        while case let left = all.subtracting(closure(of: roots.union(more), brought)), !left.isEmpty {
            more.formUnion(left)
        }
        more = minimal(more, beside: roots, brought) { _ in true }
        let install = wanted.union(more)
        self.packages.install = names(install)
        var without = Set(brought.flatMap { bypassed($0, in: all, install: install) })
        if self.packages.recommends { without.formUnion(missing) }
        self.packages.without = without.filter(TextForm.packageName.allows).sorted(by: bytesPrecede)
    }

    private func names(_ indices: some Sequence<Int>) -> [String] {
        indices.map { installed[$0].name }.sorted(by: bytesPrecede)
    }

    /// The packages that somebody asked for.
    private func wanted() -> Set<Int> {
        let manual = Set(installed.indices.filter { !installed[$0].isAutomatic })
        // Where most of what every system has is marked as not asked for, each mark is somebody's word. Elsewhere a
        // bootstrap put the base in without marks, with all that it needs.
        let essential = base.filter { installed[$0].control["Essential"] == "yes" }
        if essential.count(where: { installed[$0].isAutomatic }) * 2 > essential.count { return manual }
        let implied = closure(of: base, [needs])
        let isPart = { (index: Int) in
            let control = installed[index].control
            let section = parts(of: control["Section"] ?? "", at: "/").last ?? ""
            return ["libs", "oldlibs"].contains(section)
                || ["required", "important", "standard"].contains(control["Priority"])
        }
        return minimal(manual.subtracting(implied), beside: base, [needs], of: isPart)
    }

    /// The packages without those that the others bring by the given fields; only such may go as `isPart` says.
    private func minimal(
        _ packages: Set<Int>, beside others: Set<Int>, _ fields: [[[DpkgDatabase.Choice]]], of isPart: (Int) -> Bool
    ) -> Set<Int> {
        let target = closure(of: others.union(packages), fields)
        var kept = packages
        for index in packages.sorted() where isPart(index) {
            kept.remove(index)
            if !closure(of: others.union(kept), fields).isSuperset(of: target) { kept.insert(index) }
        }
        return kept
    }

    /// All that these packages bring by the given fields, as apt does it: what another package fulfils anyway brings
    /// nothing, and else of several the one that counts. With `isWide` all that fulfil something, which is what
    /// `apt-get autoremove` spares.
    private func closure(
        of roots: Set<Int>, _ fields: [[[DpkgDatabase.Choice]]], isWide: Bool = false
    ) -> Set<Int> {
        var reached = roots
        var open = Array(roots)
        var undecided: [DpkgDatabase.Choice] = []
        while true {
            while let index = open.popLast() {
                for choice in fields.flatMap({ $0[index] }) {
                    guard isWide || Set(choice.fulfilling).count == 1 else {
                        undecided.append(choice)
                        continue
                    }
                    for next in choice.fulfilling where reached.insert(next).inserted { open.append(next) }
                }
            }
            undecided.removeAll { !reached.isDisjoint(with: $0.fulfilling) }
            guard let next = undecided.lazy.compactMap(\.chosen).first else { return reached }
            reached.insert(next)
            open.append(next)
        }
    }

    /// The packages that these name first, where none of the alternatives is there.
    private func unmet(_ fields: [[DpkgDatabase.Choice]], in packages: Set<Int>) -> Set<String> {
        Set(packages.flatMap { fields[$0].filter { $0.chosen == nil }.map(\.first) })
    }

    /// The packages that these name first, where another is there instead that nobody asked for: apt by itself would
    /// take the first.
    private func bypassed(_ fields: [[DpkgDatabase.Choice]], in packages: Set<Int>, install: Set<Int>) -> [String] {
        packages.flatMap { index in
            fields[index].compactMap { choice in
                guard let chosen = choice.chosen, !choice.hasFirst, !install.contains(chosen), !base.contains(chosen)
                else { return nil }
                return choice.first
            }
        }
    }
}
