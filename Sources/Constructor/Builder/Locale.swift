import BlueprintModel
import LinuxSystem

extension Customization {
    /// Writes locale.conf(5) and vconsole.conf(5).
    func makeLocale() throws {
        try write(blueprint.locale.registers)
    }
}
