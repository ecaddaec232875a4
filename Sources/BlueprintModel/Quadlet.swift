// A container that keys describe, as the file from which podman's generator makes its unit (podman-systemd.unit(5)), and
// back. Both directions are here, since who constructs a system and who reads one back must mean the same.

extension Blueprint.ContainerService {
    /// The text of the container's quadlet file.
    ///
    /// - Parameters:
    ///   - name: the container's name.
    ///   - image: what podman is to run, as `repository@sha256:digest`.
    public func quadlet(name: String, image: String) -> String {
        var lines = ["[Container]", "ContainerName=\(name)", "Image=\(image)", "Pull=never"]
        if let exec { lines.append("Exec=\(exec)") }
        for (name, value) in environment.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            lines.append("Environment=\"\(name)=\(Self.escaped(value))\"")
        }
        lines += publish.map { "PublishPort=\($0)" } + volumes.map { "Volume=\($0)" } + network.map { "Network=\($0)" }
        if let user { lines.append("User=\(user)") }
        if readOnly { lines.append("ReadOnly=true") }
        lines += addCapabilities.map { "AddCapability=\($0)" } + dropCapabilities.map { "DropCapability=\($0)" }
        lines += ["", "[Service]", "Restart=\(restart.rawValue)"]
        // The image is in the system: there is no reason to wait for a network.
        lines += ["", "[Quadlet]", "DefaultDependencies=false"]
        if autoStart { lines += ["", "[Install]", "WantedBy=multi-user.target"] }
        // What the blueprint says of the image, for those who read it back; others pass over such a section.
        lines += ["", "[X-Pisces]", "Image=\(self.image)"]
        if let layout { lines.append("Layout=\(layout)") }
        return lines.map { "\($0)\n" }.joined()
    }

    /// The container that ``quadlet(name:image:)`` writes as this text; nil for any other text, whatever it means.
    public init?(quadlet text: String, name: String) {
        var section = ""
        var values: [String: [String]] = [:]
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            if line.first == UInt8(ascii: "[") {
                section = String(decoding: line, as: UTF8.self)
                continue
            }
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let key = section + String(decoding: line[..<equals], as: UTF8.self)
            values[key, default: []].append(String(decoding: line[equals...].dropFirst(), as: UTF8.self))
        }
        let image = values["[Container]Image"]?.first
        guard let image, let reference = values["[X-Pisces]Image"]?.first.flatMap(ImageReference.init),
            let restart = values["[Service]Restart"]?.first.flatMap(Blueprint.Restart.init)
        else { return nil }
        self.init(image: reference)
        layout = values["[X-Pisces]Layout"]?.first
        exec = values["[Container]Exec"]?.first
        for variable in values["[Container]Environment"] ?? [] {
            guard let (name, value) = Self.variable(variable) else { return nil }
            environment[name] = value
        }
        publish = values["[Container]PublishPort"] ?? []
        volumes = values["[Container]Volume"] ?? []
        network = values["[Container]Network"] ?? []
        user = values["[Container]User"]?.first
        readOnly = values["[Container]ReadOnly"] != nil
        addCapabilities = values["[Container]AddCapability"] ?? []
        dropCapabilities = values["[Container]DropCapability"] ?? []
        self.restart = restart
        autoStart = values["[Install]WantedBy"] != nil
        // What this did not look at would be lost.
        guard quadlet(name: name, image: image).utf8.elementsEqual(text.utf8) else { return nil }
    }

    /// A value as it stands in quotes: neither quotes, specifiers nor variables in it mean anything.
    private static func escaped(_ value: String) -> String {
        var text = ""
        for character in value.unicodeScalars {
            switch character {
            case "\"", "\\": text += "\\\(character)"
            case "%", "$": text += "\(character)\(character)"
            default: text.unicodeScalars.append(character)
            }
        }
        return text
    }

    /// Name and value of `"NAME=value"`; nil where the quotes are not those of ``escaped(_:)``.
    private static func variable(_ text: String) -> (name: String, value: String)? {
        var rest = Array(text.unicodeScalars)[...]
        guard rest.count >= 2, rest.popFirst() == "\"", rest.popLast() == "\"", let equals = rest.firstIndex(of: "=")
        else { return nil }
        var name = String.UnicodeScalarView()
        name.append(contentsOf: rest[..<equals])
        var value = String.UnicodeScalarView()
        rest = rest[(equals + 1)...]
        while let character = rest.popFirst() {
            if ["\\", "%", "$"].contains(character) {
                guard let escaped = rest.popFirst() else { return nil }
                value.append(escaped)
            } else {
                value.append(character)
            }
        }
        return (String(name), String(value))
    }
}
