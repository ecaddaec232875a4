import BlueprintModel
import LinuxSystem

extension Customization {
    /// Writes modules-load.d(5) and sysctl.d(5); the command line goes into the kernel image.
    func makeKernel() throws {
        let kernel = blueprint.kernel
        if !kernel.modules.isEmpty {
            let text = kernel.modules.map { "\($0)\n" }.joined()
            try root.write(text, to: "etc/modules-load.d/pisces.conf")
        }
        if !kernel.sysctl.isEmpty {
            let lines = kernel.sysctl.map { "\($0.key) = \($0.value)\n" }.sorted(by: bytesPrecede)
            try root.write(lines.joined(), to: "etc/sysctl.d/90-pisces.conf")
        }
    }
}
