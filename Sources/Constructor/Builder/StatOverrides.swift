import BlueprintModel
import LinuxSystem

extension Customization {
    /// Gives paths owner and mode by the root's own dpkg-statoverride(1), which keeps them for upgrades.
    func makeStatOverrides() throws {
        let accounts = try Accounts(root: root)
        for (path, override) in blueprint.statOverrides.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            guard accounts.users[override.owner] != nil, accounts.groups[override.group] != nil else {
                throw ConstructorError(
                    "stat-overrides: \(path): no user \(override.owner) or no group \(override.group) in the image",
                    hint: "declare it under `users` or `groups`, or install the package that makes it")
            }
            // A maintainer script may have made one of the same path.
            try tool(
                [
                    "dpkg-statoverride", "--force-statoverride-add", "--update", "--add", override.owner,
                    override.group, String(override.mode, radix: 8), path,
                ], making: "stat-overrides: \(path)")
        }
    }
}
