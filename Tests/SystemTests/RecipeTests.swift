import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// The recipes for continuous integration that people copy.
    @Suite struct RecipeTests {
        /// The lines of a recipe that run Pisces.
        private func commands(_ recipe: String) throws -> [[String]] {
            let repository = parentDirectory(of: parentDirectory(of: parentDirectory(of: #filePath)))
            return try fileText("\(repository)/.ci/recipes/\(recipe)").split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ").drop { $0 == "-" }.map(String.init)
                return words.first == "pisces" ? Array(words.dropFirst()) : nil
            }
        }

        @Test func whatTheyRunIsAccepted() throws {
            let commands = try commands("github.yml")
            #expect(try commands == self.commands("gitlab.yml"))
            #expect(commands.map(\.first) == ["check", "construct", "verify"])
            let site = try Site.shared.get()
            let folder = try site.makeFolder("recipe")
            let place = parentDirectory(of: folder.blueprint)
            try run("cp", folder.blueprint, "\(place)/gateway.yaml")
            try run("cp", folder.lock, "\(place)/gateway.lock")
            for command in commands {
                if command.first == "verify" {
                    // Constructing takes its time, and other tests do it: here its arguments count.
                    try run("ln", "-f", site.image, "\(place)/gateway.raw")
                    let manifest = site.image.dropLast(4) + ".manifest.json"
                    try run("cp", String(manifest), "\(place)/gateway.manifest.json")
                }
                let extra = command.first == "construct" ? ["--dry-run"] : []
                let outcome = try piscesCommand(command + extra, cache: folder.cache, in: place).outcome()
                #expect(outcome.status == .exited(0), "\(command): \(outcome.errors)")
            }
        }
    }
}
