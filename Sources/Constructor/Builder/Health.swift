import BlueprintModel

extension Customization {
    /// Writes the checks that `pisces health` makes; where the blueprint asks for none there is no file.
    func makeHealth() throws {
        if blueprint.health == .init() { return }
        try root.write(blueprint.health.canonicalBytes + [UInt8(ascii: "\n")], to: "usr/lib/pisces/health.json")
    }
}
