import BlueprintModel
import LinuxSystem

extension Customization {
    /// Writes own units and drop-ins, then enables, disables and masks by the root's own systemctl(1), offline.
    func makeUnits() throws {
        let units = blueprint.units
        for (name, text) in units.own.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            try root.write(text, to: "etc/systemd/system/\(name)")
        }
        for (unit, dropIns) in units.dropIns.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            for (name, text) in dropIns.sorted(by: { bytesPrecede($0.key, $1.key) }) {
                try root.write(text, to: "etc/systemd/system/\(unit).d/\(name)")
            }
        }
        for (verb, names) in [("disable", units.disable), ("enable", units.enable), ("mask", units.mask)]
        where !names.isEmpty {
            try tool(["systemctl", verb] + names, making: "units: \(verb)")
        }
    }
}
