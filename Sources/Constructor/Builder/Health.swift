import BlueprintModel

extension Customization {
    /// Writes the checks that `pisces health` makes; where the blueprint asks for none there is no file.
    func makeHealth() throws {
        try write(blueprint.health.registers)
    }
}
