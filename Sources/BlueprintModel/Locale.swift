extension Blueprint {
    /// Language and keyboard, as in locale.conf(5) and vconsole.conf(5).
    public struct Locale: Sendable, Equatable {
        /// The value of `LANG`.
        public var lang = "C.UTF-8"
        /// The keyboard map of the console; nil leaves the kernel's own.
        public var keymap: String?

        /// C.UTF-8.
        public init() {}
    }
}

extension Blueprint.Locale {
    static let codec = Codec<Self>.record(
        "locale", Self(),
        [
            Key("lang", \.lang, .text(.lang), "The value of LANG."),
            Key("keymap", \.keymap, .text(.keymap), "The keyboard map of the console; by default the kernel's."),
        ])
}

extension Blueprint.Locale {
    /// The content of locale.conf(5) and vconsole.conf(5), by path.
    public var registers: [String: String] {
        var files = ["/etc/locale.conf": "LANG=\(lang)\n"]
        files["/etc/vconsole.conf"] = keymap.map { "KEYMAP=\($0)\n" }
        return files
    }
}
