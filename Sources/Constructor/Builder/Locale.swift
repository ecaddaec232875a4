import BlueprintModel
import LinuxSystem

extension Customization {
    /// Writes locale.conf(5) and vconsole.conf(5).
    func makeLocale() throws {
        try root.write("LANG=\(blueprint.locale.lang)\n", to: "etc/locale.conf")
        if let keymap = blueprint.locale.keymap {
            try root.write("KEYMAP=\(keymap)\n", to: "etc/vconsole.conf")
        }
    }
}
