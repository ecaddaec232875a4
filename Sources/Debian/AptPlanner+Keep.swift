internal import LinuxSystem

// Some packages move, the others stay as they were locked.

extension AptPlanner.Lists {
    /// The packages that can stay: those from a repository that the request still names.
    func fitting(_ kept: [PlanRequest.Kept], _ request: PlanRequest) -> [PlanRequest.Kept] {
        let releases = Set(indices.filter { $0.release != nil }.map { $0.releaseName(request) })
        let directories = Set(request.directories.map(\.name))
        return kept.filter { kept in
            switch kept.package.source {
            case .release(let name): releases.contains(name)
            case .directory(let name): directories.contains(name)
            case .system: kept.file != nil
            }
        }
    }

    /// The packages whose version no repository has any more; one of which there is no copy either is an error.
    func gone(_ kept: [PlanRequest.Kept]) throws(PlanError) -> [PlanRequest.Kept] {
        if kept.isEmpty { return [] }
        let names = Set(kept.map(\.package.name))
        var known: Set<String> = []
        for index in indices {
            do throws(Deb822.SyntaxError) {
                for stanza in try index.packages.stanzas(named: names) {
                    known.insert("\(stanza["Package"] ?? "") \(stanza["Version"] ?? "")")
                }
            } catch {
                throw PlanError(
                    .tool, "a package list is damaged: \(error)", remedy: "Tell who publishes the repository.")
            }
        }
        let gone = kept.filter { !known.contains("\($0.package.name) \($0.package.version)") }
        let lost = gone.filter { $0.file == nil }.map { "\($0.package.name) \($0.package.version)" }
        if lost.isEmpty { return gone }
        throw PlanError(
            .unsatisfiable,
            "these packages cannot stay as they are locked: neither a repository nor the store has them: "
                + lost.joined(separator: ", "),
            remedy: "Update them as well, or everything: `pisces lock --update` without --package.")
    }
}

extension AptPlanner {
    /// Lets apt choose with every kept package at its version; where that has no solution, those that stand in the way
    /// move too.
    static func solve(
        _ request: PlanRequest, _ kept: [PlanRequest.Kept], _ lists: Lists
    ) throws(PlanError) -> [LockedPackage] {
        var pinned = kept.map(\.package)
        while true {
            try lists.root.pin(without: request.without, kept: pinned)
            do throws(PlanError) {
                let solution = try AptSolution.solve(lists.root, request, lists.indices)
                return try held(solution.packages(lists.indices, request), to: pinned, kept)
            } catch  where error.kind == .unsatisfiable {
                // apt names the packages on both sides of what it cannot satisfy.
                let mentioned = Set(words(of: error.message).map { String($0.prefix { $0 != ":" }) })
                let count = pinned.count
                pinned.removeAll { mentioned.contains($0.name) }
                if pinned.count == count { throw error }
            }
        }
    }

    /// Makes sure that pinned packages have their versions; what was locked already keeps the place it was locked from.
    private static func held(
        _ packages: [LockedPackage], to pinned: [LockedPackage], _ kept: [PlanRequest.Kept]
    ) throws(PlanError) -> [LockedPackage] {
        let versions = Dictionary(pinned.map { ($0.name, $0.version) }) { first, _ in first }
        let locked = Dictionary(kept.map { ($0.package.digest, $0.package) }) { first, _ in first }
        var result = packages
        for (index, package) in packages.enumerated() {
            if let version = versions[package.name], version != package.version {
                throw PlanError(
                    .tool, "apt chose \(package.name) \(package.version) where \(version) was to be kept",
                    remedy: "Update it as well: add --package \(package.name).")
            }
            if let known = locked[package.digest] {
                (result[index].source, result[index].filename) = (known.source, known.filename)
            }
        }
        return result
    }
}
