import BlueprintModel
import LinuxSystem

extension Customization {
    /// Writes modules-load.d(5) and sysctl.d(5); the command line goes into the kernel image.
    func makeKernel() throws {
        try write(blueprint.kernel.registers)
    }
}
