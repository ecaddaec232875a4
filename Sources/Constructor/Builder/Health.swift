import BlueprintModel

extension Customization {
    /// Writes the checks that `pisces health` makes; where the blueprint asks for none there is no file.
    func makeHealth() throws {
        if blueprint.health == .init() { return }
        try root.write(blueprint.health.canonicalBytes + [UInt8(ascii: "\n")], to: "usr/lib/pisces/health.json")
        // The deadline of a trial leaves checks their time, and the boot before them five minutes more.
        let timeout = blueprint.health.timeoutSeconds
        guard timeout > Blueprint.Health().timeoutSeconds else { return }
        let deadline = "[Timer]\nOnBootSec=\nOnBootSec=\(timeout + 300)\n"
        try root.write(
            Array(deadline.utf8), to: "usr/lib/systemd/system/pisces-deadline.timer.d/50-blueprint.conf")
    }
}
