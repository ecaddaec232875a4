internal import Glibc
public import LinuxSystem

extension Accelerator {
    /// The fastest accelerator that works on this host for a machine of `architecture`.
    public static func detect(for architecture: MachineArchitecture) -> Accelerator {
        architecture == MachineArchitecture.host && kvmWorks() ? .kvm : .tcg
    }

    /// Whether `/dev/kvm` opens and makes a machine, and the processor has the extension that runs it.
    ///
    /// Some hosts that are virtual machines themselves offer a device that makes machines but fails at their firmware's
    /// first instructions (KVM internal error); there the processor shows neither `vmx` nor `svm`.
    private static func kvmWorks() -> Bool {
        let createMachine: UInt = 0xAE01  // KVM_CREATE_VM, linux/kvm.h
        guard let device = try? Descriptor.open("/dev/kvm", O_RDWR) else { return false }
        let machine = ioctl(device.rawValue, createMachine, 0)
        guard machine >= 0 else { return false }
        _ = close(machine)
        #if arch(x86_64)
            guard let bytes = try? Descriptor.open("/proc/cpuinfo").readToEnd() else { return false }
            return hasVirtualisation(cpuinfo: String(decoding: bytes, as: UTF8.self))
        #else
            return true
        #endif
    }

    /// Whether the first `flags` line of `/proc/cpuinfo` has Intel's or AMD's extension.
    static func hasVirtualisation(cpuinfo: String) -> Bool {
        let flags = cpuinfo.split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
        return flags.split(whereSeparator: \.isWhitespace).contains { $0 == "vmx" || $0 == "svm" }
    }
}

extension Firmware {
    /// The firmware that Debian's packages install.
    private static func installed(
        _ architecture: MachineArchitecture, isSecure: Bool
    ) throws(MachineError) -> (code: String, variables: String, package: String) {
        switch architecture {
        case .amd64:
            let code = isSecure ? "OVMF_CODE_4M.secboot.fd" : "OVMF_CODE_4M.fd"
            return ("/usr/share/OVMF/\(code)", "/usr/share/OVMF/OVMF_VARS_4M.fd", "ovmf")
        case .arm64:
            if isSecure { throw .option("Secure Boot can be tried on an amd64 machine only") }
            return ("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd", "qemu-efi-aarch64")
        }
    }

    /// The installed firmware with a fresh copy of its empty variables at `variablesPath`, unless that file is there.
    ///
    /// With a certificate the firmware has Secure Boot on, and this certificate is the only one that it knows.
    public static func prepare(
        for architecture: MachineArchitecture, variablesPath: String, secureBoot certificate: Certificate? = nil
    ) throws -> Firmware {
        let files = try installed(architecture, isSecure: certificate != nil)
        guard access(files.code, R_OK) == 0, access(files.variables, R_OK) == 0 else {
            throw MachineError.missing("no firmware \(files.code): install the package \(files.package)")
        }
        if access(variablesPath, F_OK) != 0 {
            var variables = try Descriptor.open(files.variables).readToEnd()
            if let certificate { variables = try FirmwareVariables.enrolling(certificate, in: variables) }
            try AtomicFile.write(variables, to: variablesPath)
        }
        return Firmware(codePath: files.code, variablesPath: variablesPath, isSecure: certificate != nil)
    }
}

/// A TCP port of 127.0.0.1 that nothing listens on now.
///
/// Another program may take it before QEMU does: then QEMU says so and ends, and the caller chooses again.
public func freeLoopbackPort() throws(SystemError) -> UInt16 {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let code = errno
    guard number >= 0 else { throw SystemError(call: "socket", subject: "127.0.0.1", code: code) }
    let descriptor = Descriptor(adopting: number, name: "127.0.0.1")
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let (result, failure) = withUnsafeMutableBytes(of: &address) { bytes -> (Int32, Int32) in
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return (-1, EINVAL) }
        if bind(descriptor.rawValue, base, length) != 0 { return (-1, errno) }
        return (getsockname(descriptor.rawValue, base, &length), errno)
    }
    guard result == 0 else { throw SystemError(call: "bind", subject: "127.0.0.1", code: failure) }
    return UInt16(bigEndian: address.sin_port)
}
