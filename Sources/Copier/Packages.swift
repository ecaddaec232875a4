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
        let reached = closure(of: base.union(wanted), [needs])
        let recommended = closure(of: base.union(wanted), [needs, recommends])
        orphans = names(Set(installed.indices).subtracting(recommended))
        let missing = unmet(recommends, in: recommended)
        // Whatever says the same in fewer words: that recommended packages come, or which of them did.
        self.packages.recommends = recommended.count - reached.count > missing.count
        let more =
            self.packages.recommends
            ? [] : minimal(recommended.subtracting(reached), beside: base.union(wanted), of: { _ in true })
        let install = wanted.union(more)
        self.packages.install = names(install)
        let fields = self.packages.recommends ? [needs, recommends] : [needs]
        var without = Set(fields.flatMap { bypassed($0, in: recommended, install: install) })
        if self.packages.recommends { without.formUnion(missing) }
        self.packages.without = without.filter(TextForm.packageName.allows).sorted(by: bytesPrecede)
    }

    private func names(_ indices: some Sequence<Int>) -> [String] {
        indices.map { installed[$0].name }.sorted(by: bytesPrecede)
    }

    /// The packages that somebody asked for.
    private func wanted() -> Set<Int> {
        let manual = Set(installed.indices.filter { !installed[$0].isAutomatic })
        // Where even packages of the base are marked as not asked for, every mark is somebody's word. Elsewhere a
        // bootstrap put the base in without any marks, with all that it needs.
        if base.contains(where: { installed[$0].isAutomatic }) { return manual }
        let implied = closure(of: base, [needs])
        let isPart = { (index: Int) in
            let control = installed[index].control
            let section = parts(of: control["Section"] ?? "", at: "/").last ?? ""
            return ["libs", "oldlibs"].contains(section) || ["important", "standard"].contains(control["Priority"])
        }
        return minimal(manual.subtracting(implied), beside: base, of: isPart)
    }

    /// The packages without those that the others bring; only such may go as `isPart` says.
    private func minimal(_ packages: Set<Int>, beside others: Set<Int>, of isPart: (Int) -> Bool) -> Set<Int> {
        var kept = packages
        for index in packages.sorted() where isPart(index) {
            kept.remove(index)
            if !closure(of: others.union(kept), [needs]).contains(index) { kept.insert(index) }
        }
        return kept
    }

    /// All that these packages bring by the given fields.
    private func closure(of roots: Set<Int>, _ fields: [[[DpkgDatabase.Choice]]]) -> Set<Int> {
        var reached = roots
        var open = Array(roots)
        while let index = open.popLast() {
            for next in fields.flatMap({ $0[index].compactMap(\.chosen) }) where reached.insert(next).inserted {
                open.append(next)
            }
        }
        return reached
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
