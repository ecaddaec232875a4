/// The command line of QEMU for a machine: a pure function of its options.
public enum QemuPlan {
    /// The program, found on `PATH`.
    public static func executable(for architecture: MachineArchitecture) -> String {
        switch architecture {
        case .amd64: "qemu-system-x86_64"
        case .arm64: "qemu-system-aarch64"
        }
    }

    /// The arguments after the program's name (qemu-system(1)).
    ///
    /// Nothing is read or created here. Fails on options that no machine can have.
    public static func arguments(for options: MachineOptions) throws(MachineError) -> [String] {
        try check(options)
        var arguments = ["-name", "pisces", "-nodefaults", "-no-user-config", "-display", "none"]
        arguments += processor(options)
        if let firmware = options.firmware {
            if firmware.isSecure { arguments += ["-global", "driver=cfi.pflash01,property=secure,value=on"] }
            let code = escaped(firmware.codePath), variables = escaped(firmware.variablesPath)
            arguments += ["-drive", "if=pflash,format=raw,unit=0,readonly=on,file=\(code)"]
            arguments += ["-drive", "if=pflash,format=raw,unit=1,file=\(variables)"]
        }
        let snapshot = options.snapshot ? ",snapshot=on" : ""
        let format = options.imageFormat.rawValue, image = escaped(options.imagePath)
        arguments += ["-drive", "if=none,id=disk,format=\(format),discard=unmap\(snapshot),file=\(image)"]
        arguments += ["-device", "virtio-blk-pci,drive=disk,bootindex=1", "-device", "virtio-rng-pci"]
        for (index, path) in options.disks.enumerated() {
            let drive = "id=disk\(index),format=\(ImageFormat(ofFile: path).rawValue)\(snapshot),file=\(escaped(path))"
            arguments += ["-drive", "if=none,\(drive)", "-device", "virtio-blk-pci,drive=disk\(index)"]
        }
        arguments += network(options.network) + serial(options.serial)
        // Debian's arm64 cloud kernel has no driver for this watchdog.
        if options.watchdog, options.architecture == .amd64 {
            arguments += ["-device", "i6300esb", "-action", "watchdog=reset"]
        }
        if let clock = options.clock { arguments += ["-rtc", "base=\(escaped(clock))"] }
        if let socket = options.monitorSocket {
            arguments += ["-chardev", "socket,id=qmp,server=on,wait=off,path=\(escaped(socket))"]
            arguments += ["-mon", "chardev=qmp,mode=control"]
        }
        for string in try smbiosStrings(options) { arguments += ["-smbios", "type=11,value=\(escaped(string))"] }
        return arguments
    }

    private static func processor(_ options: MachineOptions) -> [String] {
        let machine: String
        switch options.architecture {
        case .amd64: machine = options.firmware?.isSecure == true ? "q35,smm=on" : "q35"
        case .arm64: machine = "virt"
        }
        let accelerator: String
        let model: String
        switch (options.accelerator, options.architecture) {
        case (.kvm, _): (accelerator, model) = ("kvm", "host")
        // Five-level page tables and nested virtualisation only cost time when emulated.
        case (.tcg, .amd64): (accelerator, model) = ("tcg,thread=multi", "max,la57=off,svm=off")
        case (.tcg, .arm64): (accelerator, model) = ("tcg,thread=multi", "cortex-a57")
        }
        return [
            "-machine", machine, "-accel", accelerator, "-cpu", model,
            "-smp", "\(options.processors)", "-m", "\(options.memoryMiB)M",
        ]
    }

    private static func network(_ network: MachineNetwork) -> [String] {
        guard case .user(let sshPort) = network else { return [] }
        let forward = sshPort.map { ",hostfwd=tcp:127.0.0.1:\($0)-:22" } ?? ""
        // Without a boot ROM the firmware does not try the network, and QEMU does not need the ROM's package.
        return ["-netdev", "user,id=network\(forward)", "-device", "virtio-net-pci,netdev=network,romfile="]
    }

    private static func serial(_ serial: SerialConsole) -> [String] {
        switch serial {
        case .standardStreams:
            // Ctrl-C goes to the guest: the way out is the monitor's.
            ["-chardev", "stdio,id=serial,mux=on,signal=off", "-serial", "chardev:serial", "-mon", "chardev=serial"]
        case .file(let path):
            ["-chardev", "file,id=serial,append=on,path=\(escaped(path))", "-serial", "chardev:serial"]
        }
    }

    private static func smbiosStrings(_ options: MachineOptions) throws(MachineError) -> [String] {
        var strings: [String] = []
        if !options.commandLineExtra.isEmpty {
            strings.append("io.systemd.stub.kernel-cmdline-extra=" + options.commandLineExtra.joined(separator: " "))
        }
        for credential in options.credentials { strings.append(try credential.string()) }
        return strings
    }

    /// A value inside an option of QEMU: a comma is written twice (qemu-system(1), "-drive").
    static func escaped(_ value: String) -> String {
        value.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
    }
}

// MARK: - Checks

extension QemuPlan {
    /// Linux refuses a longer argument to a program (execve(2), MAX_ARG_STRLEN).
    private static let longestArgumentBytes = 128 << 10

    private static func check(_ options: MachineOptions) throws(MachineError) {
        guard options.memoryMiB >= 64 else {
            throw .option("memory of \(options.memoryMiB) MiB: give the machine at least 64")
        }
        guard (1...255).contains(options.processors) else {
            throw .option("\(options.processors) processors: give the machine between 1 and 255")
        }
        if options.accelerator == .kvm, options.architecture != MachineArchitecture.host {
            throw .option("KVM cannot run \(options.architecture.rawValue) on this host's processor: use tcg")
        }
        if options.architecture == .arm64, options.firmware == nil {
            throw .option("an arm64 machine needs UEFI firmware")
        }
        if options.architecture == .arm64, options.firmware?.isSecure == true {
            throw .option("an arm64 machine has no system management mode for Secure Boot")
        }
        if case .user(sshPort: 0) = options.network { throw .option("port 0 cannot lead to SSH: choose a free one") }
        if let socket = options.monitorSocket { try checkSocketPath(socket) }
        for word in options.commandLineExtra {
            // systemd-stub reads one line of printable text.
            guard !word.isEmpty, word.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) else {
                throw .option("kernel command line \"\(word)\": only printable ASCII can be passed by SMBIOS")
            }
        }
        var names: Set<String> = []
        for credential in options.credentials {
            guard names.insert(credential.name).inserted else {
                throw .option("credential \"\(credential.name)\" is given twice")
            }
            guard try credential.string().utf8.count * 2 < longestArgumentBytes else {
                throw .option("credential \"\(credential.name)\" is too long for a command line: keep it below 48 KiB")
            }
        }
        for path in paths(options) where path.isEmpty || path.utf8.contains(0) {
            throw .option("a path of the machine is empty or holds a zero byte")
        }
    }

    private static func paths(_ options: MachineOptions) -> [String] {
        var paths = [options.imagePath] + options.disks
        if let firmware = options.firmware { paths += [firmware.codePath, firmware.variablesPath] }
        if case .file(let path) = options.serial { paths.append(path) }
        return paths
    }
}

/// A socket's path has at most 107 bytes (unix(7)).
func checkSocketPath(_ path: String) throws(MachineError) {
    guard !path.isEmpty, path.utf8.count <= 107, !path.utf8.contains(0) else {
        throw .option("socket \(path): a socket's path must have 1 to 107 bytes; use a shorter directory")
    }
}
