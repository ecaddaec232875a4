extension Blueprint {
    /// Command line, modules and parameters of the kernel.
    public struct Kernel: Sendable, Equatable {
        /// Words of the kernel command line, in order.
        public var commandLine: [String] = []
        /// Modules loaded at boot, as by modules-load.d(5).
        public var modules: [String] = []
        /// Modules that the initrd carries and loads beside its own.
        public var initrdModules: [String] = []
        /// Parameters, as by sysctl.d(5).
        public var sysctl: [String: String] = [:]

        /// Nothing beside the defaults.
        public init() {}
    }
}

extension Blueprint.Kernel {
    static let codec = Codec<Self>.record(
        "kernel", Self(),
        [
            Key("command-line", \.commandLine, .list(.text(.kernelWord)), "Words of the kernel command line."),
            Key("modules", \.modules, .list(.text(.module)), "Modules to load at boot."),
            Key(
                "initrd-modules", \.initrdModules, .list(.text(.module)),
                "Modules that the initrd loads beside those it needs by itself."),
            Key("sysctl", \.sysctl, .map(.sysctl, .text(.sysctlValue)), "Kernel parameters, by name."),
        ])
}

extension TextRule {
    fileprivate static var sysctlValue: TextRule {
        var rule = line("the value of a sysctl")
        rule.isNumeric = true
        return rule
    }
}
