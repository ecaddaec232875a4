import Debian
import LinuxSystem
import PiscesTesting
import Testing

/// Which packages move when only some are to: with the real apt, this host's mirrors, and a directory of packages.
@Suite(.tags(.network)) struct KeepTests: ~Copyable {
    private let base: TemporaryDirectory
    private var debs: String { base.path + "/debs" }

    init() throws { base = try TemporaryDirectory() }

    private func build(_ name: String, _ version: String, _ fields: String = "") throws {
        try buildPackage(
            "Package: \(name)\nVersion: \(version)\n\(fields)", in: debs, name: "\(name)_\(version).deb")
    }

    private func plan(_ install: [String], kept: [PlanRequest.Kept] = []) throws -> Plan {
        var request = try debianRequest(install: install)
        request.directories = [PlanRequest.Directory(name: "own", path: debs)]
        request.kept = kept
        return try AptPlanner.plan(request, stateDirectory: base.path + "/state", run: runTool)
    }

    /// The plan's packages as kept ones, but for those that are to move; `store` says where their files are.
    private func keep(
        _ plan: Plan, moving: Set<String>, store: (LockedPackage) -> String? = { _ in nil }
    ) -> [PlanRequest.Kept] {
        plan.packages.filter { !moving.contains($0.name) }.map { PlanRequest.Kept($0, file: store($0)) }
    }

    private func versions(_ plan: Plan) -> [String: String] {
        Dictionary(plan.packages.map { ($0.name, $0.version.description) }) { first, _ in first }
            .filter { $0.key.hasPrefix("test-") }
    }

    @Test func onlyWhatIsNamedMovesAndWhatMustGoWithIt() throws {
        // A library and what needs it in exactly its version, something that needs a new one, and a bystander.
        try build("test-core", "1.0")
        try build("test-plug", "1.0", "Depends: test-core (= 1.0)\n")
        try build("test-user", "1.0", "Depends: test-core (>= 1.0)\n")
        try build("test-other", "1.0")
        let names = ["test-core", "test-plug", "test-user", "test-other"]
        let before = try plan(names)
        try build("test-core", "2.0")
        try build("test-plug", "2.0", "Depends: test-core (= 2.0)\n")
        try build("test-user", "2.0", "Depends: test-core (>= 2.0)\n")
        try build("test-other", "2.0")

        let all = try plan(names)
        #expect(Set(versions(all).values) == ["2.0"])
        let none = try plan(names, kept: keep(before, moving: []))
        #expect(none.packages == before.packages)
        let bystander = try plan(names, kept: keep(before, moving: ["test-other"]))
        #expect(
            versions(bystander) == ["test-core": "1.0", "test-plug": "1.0", "test-user": "1.0", "test-other": "2.0"])
        // Its dependency moves with it, and what goes with that in one version only.
        let user = try plan(names, kept: keep(before, moving: ["test-user"]))
        #expect(versions(user) == ["test-core": "2.0", "test-plug": "2.0", "test-user": "2.0", "test-other": "1.0"])
        // What needs it in another version moves with it.
        let core = try plan(names, kept: keep(before, moving: ["test-core"]))
        #expect(versions(core) == ["test-core": "2.0", "test-plug": "2.0", "test-user": "1.0", "test-other": "1.0"])
        // The packages of the archive are the same in all of them.
        for plan in [none, bystander, user, core] {
            #expect(
                plan.packages.filter { $0.source != .directory("own") }
                    == before.packages.filter { $0.source != .directory("own") })
        }
    }

    @Test func versionThatIsGoneComesFromTheStoreOrIsMissed() throws {
        try build("test-core", "1.0")
        try build("test-other", "1.0")
        let names = ["test-core", "test-other"]
        let before = try plan(names)
        // The store names files by digest alone.
        let folder = base.path + "/store"
        let store = { (package: LockedPackage) in "\(folder)/\(package.digest)" }
        try makeDirectories(folder)
        for package in before.packages where package.source == .directory("own") {
            try run("cp", "\(debs)/\(package.filename)", store(package))
        }
        try run("rm", "-r", debs)
        try build("test-core", "2.0")
        try build("test-other", "2.0")
        let after = try plan(names, kept: keep(before, moving: ["test-core"], store: store))
        #expect(versions(after) == ["test-core": "2.0", "test-other": "1.0"])
        // As it was locked, not as a file of the store.
        #expect(
            after.packages.first { $0.name == "test-other" } == before.packages.first { $0.name == "test-other" })

        let error = #expect(throws: PlanError.self) { try plan(names, kept: keep(before, moving: ["test-core"])) }
        #expect(error?.kind == .unsatisfiable)
        #expect(error?.message.hasSuffix("nor the store has them: test-other 1.0") == true, "\(error?.message ?? "")")

        let other = try #require(before.packages.first { $0.name == "test-other" })
        try run("cp", "\(debs)/test-core_2.0.deb", store(other))
        let damaged = #expect(throws: PlanError.self) {
            try plan(names, kept: keep(before, moving: ["test-core"], store: store))
        }
        #expect(damaged?.message.contains("is not test-other 1.0") == true, "\(damaged?.message ?? "")")
    }

    @Test func packageOfARepositoryThatIsNoLongerNamedMoves() throws {
        try build("test-core", "1.0")
        var before = try plan(["test-core"])
        try build("test-core", "2.0")
        for index in before.packages.indices where before.packages[index].name == "test-core" {
            before.packages[index].source = .directory("elsewhere")
        }
        #expect(try versions(plan(["test-core"], kept: keep(before, moving: []))) == ["test-core": "2.0"])
    }

    @Test func whatCannotGoTogetherIsStillAnError() throws {
        try build("test-core", "1.0")
        try build("test-other", "1.0", "Conflicts: test-core\n")
        let before = try plan(["test-core"])
        let error = #expect(throws: PlanError.self) {
            try plan(["test-core", "test-other"], kept: keep(before, moving: []))
        }
        #expect(error?.kind == .unsatisfiable)
        #expect(error?.message.contains("test-other") == true)
    }
}
