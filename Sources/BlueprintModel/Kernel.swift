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
