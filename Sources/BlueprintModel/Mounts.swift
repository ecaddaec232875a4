extension Blueprint {
    /// A file system that is mounted beside those of the image (fstab(5), systemd.mount(5)).
    public struct Mount: Sendable, Equatable {
        /// A device by its label or id, a directory, a place in a network, or a word that the type knows.
        public var what: String
        /// The type of the file system.
        public var type = "auto"
        /// Options, in the order in which they count.
        public var options: [String] = []
        /// Whether dump(8) is to save it.
        public var dump = 0
        /// In which order fsck(8) looks at it; 0 for never.
        public var pass = 0

        /// A mount without options.
        public init(what: String) { self.what = what }
    }
}

extension Blueprint.Mount {
    static let codec = Codec<Self>.record(
        "mount", Self(what: ""),
        [
            Key("what", \.what, .text(.mountSource), "What is mounted, as in \"LABEL=data\".", presence: .required),
            Key("type", \.type, .text(.fileSystemType), "The type of the file system."),
            Key("options", \.options, .list(.text(.mountOption)), "Options, as in \"noatime\" and \"nofail\"."),
            Key("dump", \.dump, .integer(0...9), "Whether dump(8) saves it."),
            Key("pass", \.pass, .integer(0...9), "In which order fsck(8) checks it; 0 for never."),
        ])

    /// What an image mounts itself, or the kernel and systemd do.
    public static let own: Set = [
        "/", "/usr", "/var", "/etc", "/boot", "/boot/efi", "/efi", "/dev", "/proc", "/run", "/sys",
    ]

    /// Whether an option holds a password, and does not name where one is.
    public static func holdsPassword(_ option: String) -> Bool {
        guard let equals = option.utf8.firstIndex(of: UInt8(ascii: "=")) else { return false }
        let (name, value) = (option[..<equals].lowercased(), option[equals...].utf8.dropFirst())
        let names = ["pass", "passwd", "password", "password2", "secret", "passphrase"]
        // mount.cifs(8): user=NAME%PASSWORD.
        return names.contains(name) || ["user", "username"].contains(name) && value.contains(UInt8(ascii: "%"))
    }
}

extension TextRule {
    static let mountSource = line("what is mounted")

    static let fileSystemType = characters(
        "the type of a file system", "letters, digits and any of \"_.,-\", as in \"ext4\"", first: "A-Za-z0-9",
        rest: "A-Za-z0-9_.,-", length: 1...64)

    static let mountOption = TextRule(
        article: "a mount option",
        form: "one line without \",\", quotes and control characters; no options are \"defaults\""
    ) { text in
        !text.isEmpty && text != "defaults" && !hasControlCharacters(text)
            && !text.utf8.contains { ",\"'".utf8.contains($0) } && text.utf8.count < 1024
    }
}

extension Blueprint {
    /// Refuses what is mounted where the image has its own, what holds a password, and two words on one thing.
    static func checkMounts(_ blueprint: Blueprint, _ node: YAMLNode, _ decoding: inout Decoding) {
        for entry in node["mounts"]?.entries ?? [] {
            let name = "mounts.\(entry.key)"
            if Mount.own.contains(entry.key) {
                decoding.report(
                    entry.keyMark, "\(name): every image mounts its own here; `image` says what can be said of it")
            }
            for option in entry.value["options"]?.elements ?? [] where option.text.map(Mount.holdsPassword) ?? false {
                decoding.report(
                    option.mark,
                    "\(name).options: this holds a password; keep it on the machine, in a file that the option "
                        + "\"credentials\" or the like names")
            }
        }
        if !blueprint.mounts.isEmpty, let file = node["files"]?.entries?.first(where: { $0.key == "/etc/fstab" }) {
            decoding.report(
                file.keyMark, "files./etc/fstab: `mounts` says what is in it; write it in one of the two places")
        }
    }

    /// The text of fstab(5): what is mounted on comes before what is mounted below it.
    public var fstab: String {
        let places = mounts.keys.sorted { a, b in
            let depths = [a, b].map { $0.utf8.count { $0 == UInt8(ascii: "/") } }
            return depths[0] == depths[1] ? a.utf8.lexicographicallyPrecedes(b.utf8) : depths[0] < depths[1]
        }
        return places.compactMap { place in
            mounts[place].map { mount in
                let options = mount.options.isEmpty ? "defaults" : mount.options.joined(separator: ",")
                let fields = [mount.what, place, mount.type, options].map(Self.escaped)
                return "\(fields.joined(separator: " ")) \(mount.dump) \(mount.pass)\n"
            }
        }.joined()
    }

    /// A field of fstab(5), in which octal digits stand for what would end it.
    private static func escaped(_ text: String) -> String {
        var result: [UInt8] = []
        for byte in text.utf8 {
            if byte <= 0x20 || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "#") && result.isEmpty {
                let digits = String(byte, radix: 8)
                result += Array(("\\" + String(repeating: "0", count: 3 - digits.utf8.count) + digits).utf8)
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
