import Testing

@Suite("Modules import only downwards")
struct LayerTests {
    /// Neither in Package.swift's list of libraries nor in the table: what tests share, and the fuzzer.
    private static let testSupport = ["PiscesTesting", "FuzzTargets", "Fuzz"]

    @Test("No module of the table imports one beside or above it")
    func direction() { #expect(Module.upwardImports(in: Module.all).isEmpty) }

    @Test("An import upwards or sideways is caught, one of the floor is not")
    func directionCanFail() {
        let modules = [
            Module("LinuxSystem", layer: 1), Module("A", layer: 1, imports: ["B", "LinuxSystem"]),
            Module("B", layer: 1, imports: ["C"]), Module("C", layer: 2, imports: ["A"]),
        ]
        #expect(Module.upwardImports(in: modules) == ["A imports B", "B imports C"])
    }

    @Test("Package.swift declares exactly the table's dependencies")
    func manifest() throws {
        let manifest = try #require(try Repository.file("Package.swift"))
        let declared = Module.declared(in: manifest.text).filter { !Self.testSupport.contains($0.key) }
        for module in Module.all {
            #expect(declared[module.name] == module.imports, "\(module.name): Package.swift against Layers.swift")
        }
        let known = Set(Module.all.map(\.name))
        #expect(declared.keys.filter { !known.contains($0) }.isEmpty, "targets that Layers.swift does not know")
    }

    @Test("A dependency is read from every way to declare a target")
    func manifestCanFail() {
        let text = """
            systemLibrary("CA", "a", "liba-dev"), .target(name: "CB"),
            library("A", ["CA", "CB"]) + library("B") +
            .executableTarget(
                name: "c", dependencies: ["A", .product(name: "P", package: "p")],
                linkerSettings: [.unsafeFlags(["-x"])]),
            .testTarget(name: "TidyTests", dependencies: ["A"])
            """
        #expect(Module.declared(in: text) == ["CA": [], "CB": [], "A": ["CA", "CB"], "B": [], "c": ["A", "P"]])
    }

    @Test("Sources and tests import what their target may")
    func sources() throws {
        let forbidden = try Repository.files.get().flatMap { Module.forbiddenImports(of: $0, in: Module.all) }
        #expect(forbidden.isEmpty)
    }

    @Test(
        "A forbidden import is caught",
        arguments: [
            ("Sources/B/b.swift", ["C"]), ("Tests/BTests/b.swift", ["C"]), ("Sources/X/x.swift", ["A", "B", "C"]),
            ("Sources/C/c.swift", ["C"]), ("Tests/WholeTests/w.swift", []),
        ])
    func sourcesCanFail(_ path: String, _ expected: [String]) {
        let modules = [
            Module("A", layer: 0), Module("B", layer: 1, imports: ["A"]), Module("C", layer: 2, imports: ["A", "B"]),
        ]
        let imports = ["Glibc", "A"] + (path.contains("B/") ? [] : ["B"]) + ["C"]
        let file = SourceFile(path: path, text: imports.map { "import \($0)\n" }.joined())
        let found = Module.forbiddenImports(of: file, in: modules)
        #expect(found.map { String($0.split(separator: " ").last ?? "") } == expected)
    }

    @Test("Every library has tests")
    func tested() throws {
        let files = try Repository.files.get()
        for module in Module.all where module.isLibrary {
            let hasTest = files.contains {
                $0.path.hasPrefix("Tests/\(module.name)Tests/")
                    && $0.code?.tokens.contains { $0.text == "Test" } == true
            }
            #expect(hasTest, "Tests/\(module.name)Tests has no @Test")
        }
    }

    @Test("README's table is the table")
    func readme() throws {
        let rows = Module.rows(inReadme: try #require(try Repository.file("README.md")).text)
        for module in Module.all {
            let row = rows.first { $0.name == module.name }
            #expect(row == module, "README.md against Layers.swift")
        }
        #expect(rows.count == Module.all.count)
    }

    @Test("README's rows are read, other tables are not")
    func readmeCanFail() {
        let text = "| Layer | Module |\n|---|---|\n| 1 | `A` `B` | purpose of `x` | `C`, `D` |\n| a | `b` | c | d |\n"
        let rows = [Module("A", layer: 1, imports: ["C", "D"]), Module("B", layer: 1, imports: ["C", "D"])]
        #expect(Module.rows(inReadme: text) == rows)
    }
}
