/// What a virtual machine is made of: everything ``QemuPlan`` needs, with nothing left to look up.
public struct MachineOptions: Sendable, Equatable {
    /// The disk image.
    public var imagePath: String
    /// Its format. Never found out from its bytes: a guest could write another format's header, which names files of
    /// the host.
    public var imageFormat: ImageFormat
    /// Further disks, of which none is booted. Their format is told by their names, as that of the image is.
    public var disks: [String]
    /// The machine's processor family.
    public var architecture: MachineArchitecture
    /// Main memory.
    public var memoryMiB: Int
    /// Number of virtual processors.
    public var processors: Int
    /// How the processors run; ``Accelerator/detect(for:)`` finds the fastest that works here.
    public var accelerator: Accelerator
    /// The UEFI firmware and this machine's own variables; nil boots by BIOS, which only amd64 has.
    public var firmware: Firmware?
    /// Whether the image stays as it is: writes go to a temporary file that outlives reboots of the guest but not QEMU.
    public var snapshot: Bool
    /// Where the serial console goes.
    public var serial: SerialConsole
    /// The machine's network.
    public var network: MachineNetwork
    /// Words that systemd-stub adds to the kernel command line (systemd-stub(7), SMBIOS type 11).
    public var commandLineExtra: [String]
    /// systemd credentials, given by SMBIOS type 11 (systemd.system-credentials(7)).
    public var credentials: [MachineCredential]
    /// Whether a guest that stops feeding its watchdog is reset.
    public var watchdog: Bool
    /// The date that the machine's clock starts with, as `2031-03-04T05:06:07` in UTC; nil is now.
    public var clock: String?
    /// The Unix socket on which QEMU listens for ``QMPClient``; nil for none.
    public var monitorSocket: String?

    /// A machine with 1 GiB, two emulated processors, BIOS or the given firmware, and its console on standard output;
    /// an image is qcow2 if its name ends so, else raw.
    public init(imagePath: String, architecture: MachineArchitecture = .amd64, firmware: Firmware? = nil) {
        self.imagePath = imagePath
        imageFormat = ImageFormat(ofFile: imagePath)
        disks = []
        self.architecture = architecture
        self.firmware = firmware
        memoryMiB = 1024
        processors = 2
        accelerator = .tcg
        snapshot = true
        serial = .standardStreams
        network = .none
        commandLineExtra = []
        credentials = []
        watchdog = true
        clock = nil
        monitorSocket = nil
    }
}

/// How a disk is kept in a file, by QEMU's name.
public enum ImageFormat: String, Sendable, CaseIterable {
    /// Byte for byte.
    case raw
    /// QEMU's own format.
    case qcow2

    /// The format of a file by its name: qcow2 if it ends so, else raw.
    init(ofFile path: String) { self = path.hasSuffix(".qcow2") ? .qcow2 : .raw }
}

/// A processor family by Debian's name.
public enum MachineArchitecture: String, Sendable, CaseIterable {
    /// x86-64.
    case amd64
    /// AArch64.
    case arm64

    /// The architecture this program was built for; nil where virtual machines of the same kind are not supported.
    public static var host: MachineArchitecture? {
        #if arch(x86_64)
            .amd64
        #elseif arch(arm64)
            .arm64
        #else
            nil
        #endif
    }
}

/// How virtual processors run.
public enum Accelerator: String, Sendable, CaseIterable {
    /// On the processor's own virtualisation.
    case kvm
    /// Translated, one thread for each virtual processor.
    case tcg
}

/// Where the first serial port goes.
public enum SerialConsole: Sendable, Equatable {
    /// Standard input and output; Ctrl-A C changes to QEMU's monitor, Ctrl-A X ends the machine.
    case standardStreams
    /// Appended to a file.
    case file(String)
}

/// The machine's network.
public enum MachineNetwork: Sendable, Equatable {
    /// No network card.
    case none
    /// QEMU's user network; `sshPort` on 127.0.0.1 leads to the guest's port 22, nil leads nothing in.
    case user(sshPort: UInt16?)
}

/// A firmware volume and the variables of one machine.
public struct Firmware: Sendable, Equatable {
    /// The read-only code.
    public var codePath: String
    /// The variables, written by the machine: each has its own file.
    public var variablesPath: String
    /// Whether the code is one for Secure Boot, which keeps the variables out of the operating system's reach: in the
    /// machine's system management mode.
    public var isSecure: Bool

    /// Names the two files.
    public init(codePath: String, variablesPath: String, isSecure: Bool = false) {
        self.codePath = codePath
        self.variablesPath = variablesPath
        self.isSecure = isSecure
    }
}

/// Why a machine cannot be planned, started or controlled.
public enum MachineError: Error, Sendable, Equatable, CustomStringConvertible {
    /// An option that no machine can have.
    case option(String)
    /// A program or file that has to be installed first, and how.
    case missing(String)
    /// QEMU's monitor refused or did not answer.
    case monitor(String)

    /// The sentence.
    public var description: String {
        switch self {
        case .option(let text), .missing(let text), .monitor(let text): text
        }
    }
}
