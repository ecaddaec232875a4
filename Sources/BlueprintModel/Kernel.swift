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

extension Blueprint.Kernel {
    /// The content of modules-load.d(5) and sysctl.d(5), by path; the command line is in the kernel image.
    public var registers: [String: String] {
        var files: [String: String] = [:]
        if !modules.isEmpty { files["/etc/modules-load.d/pisces.conf"] = modules.map { "\($0)\n" }.joined() }
        if !sysctl.isEmpty {
            let lines = sysctl.map { "\($0.key) = \($0.value)\n" }
            files["/etc/sysctl.d/90-pisces.conf"] =
                lines.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined()
        }
        return files
    }
}

extension TextRule {
    static var sysctlValue: TextRule {
        var rule = line("the value of a sysctl")
        rule.isNumeric = true
        return rule
    }
}
