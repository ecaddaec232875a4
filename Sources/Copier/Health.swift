internal import BlueprintModel
internal import LinuxSystem

extension Reading {
    /// Reads the checks that a constructed system makes.
    mutating func readHealth(into blueprint: inout Blueprint) throws {
        let path = "/usr/lib/pisces/health.json"
        guard let bytes = bytes(of: path, "health") else { return }
        do throws(DocumentError) {
            blueprint.health = try Blueprint.Health(canonical: bytes, file: path)
        } catch {
            return leaveOut("health", path, "it is not what this version of Pisces writes: \(error)")
        }
        try explain(blueprint.health.registers)
    }
}
