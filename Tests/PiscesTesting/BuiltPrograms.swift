internal import LinuxSystem

/// The path of a program of this package, as it was built together with the running tests.
public func builtProgram(_ name: String) -> String {
    // The tests are a bundle that the toolchain's own program loads, so /proc/self/exe does not tell.
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") }
    let own = try? Descriptor.directory("/proc/self").linkTarget("exe")
    return "\(parentDirectory(of: bundle ?? own ?? "."))/\(name)"
}
