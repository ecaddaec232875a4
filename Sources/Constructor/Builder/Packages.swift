import BlueprintModel
import LinuxSystem

extension Customization {
    /// Marks packages by the root's own dpkg(1), as apt-mark(8) does it: apt itself need not be in the root.
    func makeHolds() throws {
        let names = blueprint.packages.hold.sorted(by: bytesPrecede)
        if names.isEmpty { return }
        let selections = names.map { "\($0) hold\n" }.joined()
        try tool(["dpkg", "--set-selections"], input: Array(selections.utf8), making: "packages: hold")
    }
}
