internal import BlueprintModel

extension Reading {
    /// Reads locale.conf(5), which Debian before 13 had as /etc/default/locale, and vconsole.conf(5).
    mutating func readLocale(into blueprint: inout Blueprint) throws {
        for path in ["/etc/locale.conf", "/etc/default/locale"] {
            guard let lang = variable("LANG", in: path, "locale") else { continue }
            if TextForm.lang.allows(lang) {
                blueprint.locale.lang = lang
            } else {
                leaveOut("locale", path, "LANG is no name of a locale")
            }
            break
        }
        if let keymap = variable("KEYMAP", in: "/etc/vconsole.conf", "locale") {
            if TextForm.keymap.allows(keymap) {
                blueprint.locale.keymap = keymap
            } else {
                leaveOut("locale", "/etc/vconsole.conf", "KEYMAP is no name of a keymap")
            }
        }
        try explain(blueprint.locale.registers)
        // Debian 13 leads the old name to the new one.
        if try root.linkTarget("/etc/default/locale") == "../locale.conf" { explain("/etc/default/locale") }
    }

    /// The value of a variable in a file of assignments; nil where it has none.
    private mutating func variable(_ name: String, in path: String, _ kind: String) -> String? {
        let values = lines(of: path, kind).compactMap { $0.content.flatMap(assignment) }
        return values.last { $0.key == name }.map { unquoted($0.value) }.flatMap { $0.isEmpty ? nil : $0 }
    }
}
