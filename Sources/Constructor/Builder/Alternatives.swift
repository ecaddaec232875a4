import BlueprintModel
import Debian
import LinuxSystem

extension Customization {
    /// Chooses by the root's own update-alternatives(1), of what packages have registered.
    func makeAlternatives() throws {
        for (name, path) in blueprint.alternatives.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            let group = try registeredAlternative(name)
            guard group.choices.contains(where: { $0.path == path }) else {
                let choices = group.choices.map(\.path).sorted(by: bytesPrecede).joined(separator: ", ")
                throw ConstructorError(
                    "alternatives: \(name): no package offers \(path); there is \(choices.isEmpty ? "nothing" : choices)",
                    hint: "choose one of these, or install the package that offers the path")
            }
            try tool(["update-alternatives", "--set", name, path], making: "alternatives: \(name)")
        }
    }

    /// What packages have registered under a name.
    private func registeredAlternative(_ name: String) throws -> DpkgDatabase.Alternative {
        let folder = "var/lib/dpkg/alternatives"
        guard root.exists("\(folder)/\(name)") else {
            throw ConstructorError(
                "alternatives: \(name): no package of the image has anything to choose from under this name",
                hint: "install a package that offers it, or correct the name: "
                    + "`update-alternatives --get-selections` lists those of a running system")
        }
        let text = try root.readText("\(folder)/\(name)")
        return try DpkgDatabase.alternative(text, name: name, file: "/\(folder)/\(name)")
    }
}
