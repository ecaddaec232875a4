/// What the [Install] section of a unit says (systemd.unit(5)).
struct UnitFile: Equatable {
    /// Where links to the unit are while it is enabled, below /etc/systemd/system.
    private(set) var links: [String] = []
    /// Units that are enabled with it.
    private(set) var also: [String] = []

    /// - Parameter name: the unit's full name; that of an instance for what a template says of it.
    init(_ lines: [TextLine], name: String) {
        var section = ""
        var values: [(key: String, value: String)] = []
        var open = ""
        for line in lines.compactMap(\.content) where line.utf8.first != 0x3B {
            // A line may go on behind a backslash.
            if line.hasSuffix("\\") {
                open += line.dropLast() + " "
                continue
            }
            let text = open + line
            open = ""
            if text.hasPrefix("[") {
                section = text
            } else if section == "[Install]", let value = assignment(text) {
                values.append(value)
            }
        }
        // A template is enabled as its default instance.
        let instance = values.last { $0.key == "DefaultInstance" }?.value
        let unit = instance.map { name.replacing("@.", with: "@\($0).") } ?? name
        let own = Self.instance(of: unit)
        for (key, value) in values {
            let names = words(of: value).map { $0.replacing("%i", with: own).replacing("%I", with: own) }
            switch key {
            case "WantedBy": links += names.map { "\($0).wants/\(unit)" }
            case "RequiredBy": links += names.map { "\($0).requires/\(unit)" }
            case "UpheldBy": links += names.map { "\($0).upholds/\(unit)" }
            case "Alias": links += names
            case "Also": also += names
            default: continue
            }
        }
    }

    /// The part of a name between "@" and the ending.
    private static func instance(of name: String) -> String {
        let behind = name.utf8.drop { $0 != UInt8(ascii: "@") }.dropFirst()
        guard let end = behind.lastIndex(of: UInt8(ascii: ".")) else { return "" }
        return String(decoding: behind[..<end], as: UTF8.self)
    }

    /// The template of an instance: `getty@tty1.service` is one of `getty@.service`.
    static func template(of name: String) -> String? {
        let instance = instance(of: name)
        return instance.isEmpty ? nil : name.replacing("@\(instance).", with: "@.")
    }
}
