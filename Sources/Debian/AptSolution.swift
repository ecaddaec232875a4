internal import LinuxSystem

/// What apt chose: the files it would fetch.
struct AptSolution {
    /// A line of `apt-get --print-uris`.
    struct File {
        var uri: String
        var package: String
        var size: Int64
        var digest: Digest
    }

    private var files: [File] = []
    /// For a virtual package that one package provides: that package.
    private var selected: [String: String] = [:]

    /// Asks apt for the packages of the request, and the essential and required ones unless these are tools: nothing is
    /// configured where tools are, so they get only what they depend on.
    static func solve(
        _ root: AptRoot, _ request: PlanRequest, _ indices: [AptPlanner.Index], isTools: Bool = false
    ) throws(PlanError) -> AptSolution {
        let base =
            isTools
            ? ["-o", "Dir::Etc::preferences=/dev/null", "--no-install-recommends"]
            : ["?essential", "?priority(required)"]
        let answer = try root.apt(
            ["apt-get", "install", "--print-uris", "-q", "-y"] + base + request.install)
        if answer.status != 0 { throw explain(answer, request, indices) }
        var solution = AptSolution()
        for line in answer.output {
            if let file = try File(line) { solution.files.append(file) }
            // "Note, selecting 'mawk' instead of 'awk'"
            let quoted = line.split(separator: "'", omittingEmptySubsequences: false)
            if line.hasPrefix("Note, selecting "), quoted.count == 5 {
                solution.selected[String(quoted[3])] = String(quoted[1])
            }
        }
        return solution
    }

    /// The files with what the package lists say of them, in the lock's order.
    func packages(
        _ indices: [AptPlanner.Index], _ request: PlanRequest
    ) throws(PlanError) -> [LockedPackage] {
        let names = Set(files.map(\.package))
        var known: [Digest: [(index: AptPlanner.Index, stanza: Deb822.Stanza)]] = [:]
        for index in indices {
            do throws(Deb822.SyntaxError) {
                for stanza in try index.packages.stanzas(named: names) {
                    guard let digest = stanza["SHA256"].flatMap({ Digest(hex: $0) }) else { continue }
                    known[digest, default: []].append((index, stanza))
                }
            } catch {
                throw PlanError(
                    .tool, "a package list is damaged: \(error)", remedy: "Tell who publishes the repository.")
            }
        }
        let manual = Set(request.install.map { selected[$0] ?? $0 })
        for name in manual.sorted(by: bytesPrecede) where !names.contains(name) {
            throw AptSolution.unknown([name], indices)
        }
        var packages: [LockedPackage] = []
        for file in files {
            let candidates = known[file.digest] ?? []
            // The same file may be in two repositories: the one apt would take it from counts.
            let match = candidates.first { file.uri.hasPrefix($0.index.repositoryURI) } ?? candidates.first
            guard let match, let package = package(file, match.index, match.stanza, request, manual) else {
                throw PlanError(
                    .tool,
                    "apt chose \(file.uri), but no package list has a usable entry with its digest \(file.digest)",
                    remedy: "Remove the lists in the state directory and try again.")
            }
            packages.append(package)
        }
        return packages.sorted(by: LockedPackage.precedes)
    }

    private func package(
        _ file: File, _ index: AptPlanner.Index, _ stanza: Deb822.Stanza, _ request: PlanRequest, _ manual: Set<String>
    ) -> LockedPackage? {
        guard stanza["Package"] == file.package, let version = stanza["Version"].flatMap({ DebianVersion($0) }),
            let architecture = stanza["Architecture"], var filename = stanza["Filename"],
            stanza["Size"] == "\(file.size)"
        else { return nil }
        if filename.hasPrefix("./") { filename.removeFirst(2) }
        return LockedPackage(
            name: file.package, version: version, architecture: architecture,
            isEssential: stanza["Essential"] == "yes", priority: stanza["Priority"],
            source: index.directory.map { .directory($0) } ?? .release(index.releaseName(request)),
            filename: filename, size: file.size, digest: file.digest, isManual: manual.contains(file.package))
    }
}

extension AptSolution.File {
    /// Reads `'URI' NAME_VERSION_ARCHITECTURE.deb SIZE SHA256:DIGEST`; nil for a line of another kind.
    init?(_ line: String) throws(PlanError) {
        guard line.hasPrefix("'") else { return nil }
        let parts = words(of: line)
        guard parts.count == 4, parts[0].utf8.count > 2, parts[0].hasSuffix("'"), let size = Int64(parts[2]),
            parts[3].hasPrefix("SHA256:"), let digest = Digest(hex: parts[3].dropFirst(7))
        else {
            throw PlanError(
                .tool, "apt describes a file in a way this version of Pisces does not know: \(line)",
                remedy: "A repository without SHA-256 digests cannot be used; if it has them, report this.")
        }
        uri = String(parts[0].dropFirst().dropLast())
        package = String(decoding: parts[1].utf8.prefix { $0 != UInt8(ascii: "_") }, as: UTF8.self)
        self.size = size
        self.digest = digest
    }
}

// MARK: - Why there is no solution

extension AptSolution {
    private static func explain(
        _ answer: ToolOutput, _ request: PlanRequest, _ indices: [AptPlanner.Index]
    ) -> PlanError {
        let unknownNames = answer.errors.compactMap { line in
            line.hasPrefix("E: Unable to locate package ") ? words(of: line).last : nil
        }
        if !unknownNames.isEmpty { return unknown(unknownNames, indices) }
        let progress = ["Reading package lists", "Building dependency tree", "Reading state information"]
        let said = (answer.output + answer.errors).filter { line in
            !line.isEmpty && !progress.contains { line.hasPrefix($0) }
        }
        let explanation = said.map { "\n  \($0)" }.joined()
        let mentioned = Set(
            said.flatMap { words(of: $0) }.map { word in
                word.split(separator: "'").first.map(String.init) ?? word
            })
        let left = request.without.filter(mentioned.contains)
        if !left.isEmpty {
            return PlanError(
                .unsatisfiable,
                "other packages need what is to be left out, \(left.joined(separator: ", ")):\(explanation)",
                remedy: "Take the name from 'without', or leave out what needs it as well.")
        }
        if answer.errors.contains(where: { $0.contains("has no installation candidate") }) {
            return PlanError(
                .unknownPackage, "a name is not that of one package:\(explanation)",
                remedy: "Name one of the packages that provide it.")
        }
        if answer.errors.contains(where: { $0.contains("correct problems") || $0.contains("broken packages") }) {
            return PlanError(
                .unsatisfiable, "the packages do not go together:\(explanation)",
                remedy: "Leave out one of those that conflict, or add the repository that has what is missing.")
        }
        return answer.failure
    }

    private static func unknown(_ names: [String], _ indices: [AptPlanner.Index]) -> PlanError {
        let all = indices.reduce(into: Set<String>()) { $0.formUnion($1.packages.names()) }
        let lines = names.map { name in
            let near = nearNames(to: name, in: all)
            return "no repository has a package '\(name)'"
                + (near.isEmpty ? "" : "; there is \(near.joined(separator: ", "))")
        }
        return PlanError(
            .unknownPackage, lines.joined(separator: "\n"),
            remedy: "Correct the name, or add the repository that has the package.")
    }
}

/// Up to five names that differ from `name` by at most two letters put in, left out or changed; nearest first.
func nearNames(to name: String, in names: Set<String>) -> [String] {
    let wanted = Array(name.utf8)
    let near = names.compactMap { candidate -> (distance: Int, name: String)? in
        let bytes = Array(candidate.utf8)
        guard abs(bytes.count - wanted.count) <= 2 else { return nil }
        let distance = editDistance(bytes, wanted)
        return distance <= min(2, wanted.count / 2) ? (distance, candidate) : nil
    }
    return near.sorted { $0.distance == $1.distance ? bytesPrecede($0.name, $1.name) : $0.distance < $1.distance }
        .prefix(5).map(\.name)
}

private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var row = Array(0...right.count)
    for (i, a) in left.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, b) in right.enumerated() {
            let above = row[j + 1]
            row[j + 1] = min(min(row[j], above) + 1, diagonal + (a == b ? 0 : 1))
            diagonal = above
        }
    }
    return row[right.count]
}
